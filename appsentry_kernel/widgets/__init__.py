"""The live widgets: handed values to show, handing commands back; they know neither the connection nor frames."""

from appsentry_kernel.widgets.dashboard import Dashboard
from appsentry_kernel.widgets.joined import part_module
from appsentry_kernel.widgets.part import Part

__all__ = ["Dashboard", "Part", "part_module"]
