"""Figures from result frames: `sentry.fig`. Each takes a frame, needs no server, and has its `.table` beside it."""

from appsentry_kernel.figures.daily import daily
from appsentry_kernel.figures.heartbeats import heartbeats
from appsentry_kernel.figures.latency import latency
from appsentry_kernel.figures.latency_heatmap import latency_heatmap
from appsentry_kernel.figures.phases import phases
from appsentry_kernel.figures.rhythm import rhythm
from appsentry_kernel.figures.theme import use
from appsentry_kernel.figures.timeline import timeline

__all__ = ["daily", "heartbeats", "latency", "latency_heatmap", "phases", "rhythm", "timeline", "use"]
