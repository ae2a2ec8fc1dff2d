"""The closed sets of words that cross the wire, from a result's verdict to a run's state."""

from typing import Literal, get_args

Verdict = Literal["up", "degraded", "down", "unknown"]
"""What one check result says of its target."""

ApplicationStatus = Literal["healthy", "degraded", "down", "unknown", "maintenance", "paused"]
"""What an application's checks say together, after confirmation."""

SlaStatus = Literal["met", "at_risk", "breached", "unknown"]
"""`at_risk` is under a quarter of the error budget left."""

RunState = Literal["running", "paused", "completed", "cancelled", "interrupted"]

Trigger = Literal["api", "socket", "simulator"]
"""What started a run."""

DownClass = Literal[
    "dns_not_found",
    "dns_timeout",
    "refused",
    "connect_timeout",
    "reset",
    "tls_expired",
    "tls_host",
    "tls_other",
    "status",
    "expectation",
    "too_large",
    "deadline",
]
"""Failures that are the application's own: their verdict is `down`."""

UnknownClass = Literal["internal", "blind", "dependency", "cancelled", "interrupted"]
"""Failures of the monitor or of its view: their verdict is `unknown`, never `down`."""

FailureClass = DownClass | UnknownClass

DOWN_CLASSES: frozenset[str] = frozenset(get_args(DownClass))
UNKNOWN_CLASSES: frozenset[str] = frozenset(get_args(UnknownClass))
ENDED_RUN_STATES: frozenset[RunState] = frozenset({"completed", "cancelled", "interrupted"})

PASSED: frozenset[Verdict] = frozenset({"up", "degraded"})
"""Verdicts with which a test ends in `testCompleted`; the others end it in `testFailed`."""
