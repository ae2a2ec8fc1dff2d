"""When an outcome that is good is still less than healthy."""

from dataclasses import replace
from datetime import timedelta

from appsentry_server import durations
from appsentry_server.results import Outcome


def graded(outcome: Outcome, *, slower_than: timedelta | None, note: str | None = None) -> Outcome:
    """The good outcome, `degraded` when there is a note or when it took longer than the limit."""
    note = note or _slow(outcome.response_ms, slower_than)
    return outcome if note is None else replace(outcome, verdict="degraded", note=note)


def _slow(took_ms: float | None, limit: timedelta | None) -> str | None:
    if limit is None or took_ms is None or took_ms <= limit / timedelta(milliseconds=1):
        return None
    return f"expected an answer within {durations.write(limit)}, found {took_ms:.0f} ms"
