"""Figures from result frames: `sentry.fig`. Each takes a frame, needs no server, and has its `.table` beside it."""

from appsentry_kernel.figures.budget import budget
from appsentry_kernel.figures.changes import changes
from appsentry_kernel.figures.compare import compare
from appsentry_kernel.figures.daily import daily
from appsentry_kernel.figures.heartbeats import heartbeats
from appsentry_kernel.figures.incident import incident
from appsentry_kernel.figures.latency import latency
from appsentry_kernel.figures.latency_heatmap import latency_heatmap
from appsentry_kernel.figures.phases import phases
from appsentry_kernel.figures.rhythm import rhythm
from appsentry_kernel.figures.theme import use
from appsentry_kernel.figures.timeline import timeline
from appsentry_kernel.figures.waterfall import waterfall

__all__ = [
    "budget",
    "changes",
    "compare",
    "daily",
    "heartbeats",
    "incident",
    "latency",
    "latency_heatmap",
    "phases",
    "rhythm",
    "timeline",
    "use",
    "waterfall",
]
