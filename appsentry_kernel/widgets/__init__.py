"""The live widgets: handed values to show, handing commands back; they know neither the connection nor frames."""

from appsentry_kernel.widgets.dashboard import Dashboard

__all__ = ["Dashboard"]
