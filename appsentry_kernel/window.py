"""The stretch of time a question is about: `7d`, an instant, or both."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")

Moment = str | datetime | timedelta
"""An instant, or how long before another one."""


def window(since: Moment, until: Moment | None, *, now: datetime) -> tuple[datetime, datetime]:
    """From `since` up to `until`, both UTC. A duration counts back: `until` from now, `since` from `until`.

    Raises `ValueError` when either cannot be read, names no offset from UTC, or the stretch is empty.
    """
    end = now if until is None else _moment("until", until, before=now)
    start = _moment("since", since, before=end)
    if start >= end:
        raise ValueError(f"since={since!r} is {start.isoformat()}, which is not before until, {end.isoformat()}")
    return start, end


def _moment(name: str, value: Moment, *, before: datetime) -> datetime:
    if isinstance(value, str):
        value = _read(name, value)
    if isinstance(value, timedelta):
        return before - value
    if not isinstance(value, datetime):
        raise ValueError(f"{name}={value!r} is a {type(value).__name__}: give a duration like '7d' or an instant")
    if value.tzinfo is None:
        raise ValueError(f"{name}={str(value)!r} names no offset from UTC: append Z, or set its tzinfo")
    return value.astimezone(UTC)


def _read(name: str, text: str) -> datetime | timedelta:
    if _DURATION.fullmatch(text):
        return sum((timedelta(**{_UNITS[unit]: float(n)}) for n, unit in _PART.findall(text)), timedelta())
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{name}={text!r} is neither a duration such as '7d', '90m' or '1h30m' "
            "nor an instant such as '2026-11-23T08:00:00Z'"
        ) from None
