"""Figures from result frames: `sentry.fig`. Each takes a frame, needs no server, and has its `.table` beside it."""

from appsentry_kernel.figures.latency import latency
from appsentry_kernel.figures.theme import use

__all__ = ["latency", "use"]
