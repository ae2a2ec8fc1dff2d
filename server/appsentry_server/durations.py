"""Durations as people write them: `800ms`, `30s`, `1h30m`, `30d`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse(text: object) -> timedelta:
    """Read a duration; a bare number is refused, because it does not say its unit."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise ValueError(f"expected a duration with its unit, such as 30s, 800ms or 1h30m, found {text!r}")
    return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in _PART.findall(text)), timedelta())


def write(duration: timedelta) -> str:
    """The shortest exact form that `parse` reads back."""
    rest_ms = round(duration / timedelta(milliseconds=1))
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        size = timedelta(**{_UNITS[unit]: 1}) // timedelta(milliseconds=1)
        count, rest_ms = divmod(rest_ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[timedelta, BeforeValidator(parse), PlainSerializer(write)]
"""A pydantic field that reads `parse`'s form."""
