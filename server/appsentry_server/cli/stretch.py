"""A stretch of time as options of a command give it."""

from datetime import timedelta

from appsentry_contract.instants import from_wire
from appsentry_server import durations
from appsentry_server.clock import SystemClock

_MS = timedelta(milliseconds=1)


def stretch(since: str, until: str | None) -> tuple[int, int]:
    """From and to in milliseconds since 1970: instants, or durations that count back, `since` from `until`.

    Raises `ValueError` when one is neither, or nothing lies between them.
    """
    end_ms = _instant("--to", until, SystemClock().now_ms()) if until else SystemClock().now_ms()
    start_ms = _instant("--from", since, end_ms)
    if start_ms >= end_ms:
        raise ValueError(f"--from {since} is not before --to {until or 'now'}")
    return start_ms, end_ms


def _instant(option: str, text: str, before_ms: int) -> int:
    try:
        return from_wire(text)
    except (ValueError, OverflowError):
        pass
    try:
        return before_ms - durations.parse(text) // _MS
    except ValueError:
        raise ValueError(
            f"{option} {text}: expected an instant such as 2026-11-23T08:00:00Z, or a duration such as 7d"
        ) from None
