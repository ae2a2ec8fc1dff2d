"""Tables to read, from result frames: `sentry.tbl`. Each has the values themselves beside it as `.frame`."""

from appsentry_kernel.tables.cofailure import cofailure, matrix
from appsentry_kernel.tables.incidents import incidents
from appsentry_kernel.tables.sla import sla
from appsentry_kernel.tables.table import Table

__all__ = ["Table", "cofailure", "incidents", "matrix", "sla"]
