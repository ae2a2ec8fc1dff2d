"""Durations as people write them: `800ms`, `30s`, `1h30m`, `30d`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_LONGEST = timedelta(days=36_500)


def parse(text: object) -> timedelta:
    """Read a duration of at most 36500d, to the microsecond.

    A bare number is refused with a `ValueError`, because it does not say its unit.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise ValueError(f"expected a duration with its unit, such as 30s, 800ms or 1h30m, found {_described(text)}")
    try:
        duration = sum(
            (timedelta(**{_UNITS[unit]: float(number)}) for number, unit in _PART.findall(text)), timedelta()
        )
    except OverflowError:
        duration = timedelta.max
    if duration > _LONGEST:
        raise ValueError(f"expected a duration of at most {write(_LONGEST)}, found {_described(text)}")
    return duration


def write(duration: timedelta) -> str:
    """The shortest exact form that `parse` reads back."""
    rest = duration
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, timedelta(**{_UNITS[unit]: 1}))
        if count:
            parts.append(f"{count}{unit}")
    if rest:
        parts.append(f"{rest / timedelta(milliseconds=1):g}ms")
    return "".join(parts) or "0s"


def _described(found: object) -> str:
    if isinstance(found, str | int | float):
        return repr(found) if len(repr(found)) <= 50 else f"{repr(found)[:50]}…"
    return "nothing" if found is None else f"a {type(found).__name__}"


Duration = Annotated[timedelta, BeforeValidator(parse), PlainSerializer(write)]
"""A pydantic field that reads `parse`'s form."""
