"""How values are written in tables and write-ups; what is missing is a dash."""

from collections.abc import Callable
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd

NOTHING: Final = "–"


def text(value: Any) -> str:
    """As it is."""
    return NOTHING if pd.isna(value) else str(value)


def count(value: Any) -> str:
    """`12,345`."""
    return NOTHING if pd.isna(value) else f"{int(value):,}"


def percent(value: Any, places: int = 3) -> str:
    """A fraction as percent, cut and not rounded: 99.9996 % is not 100 %."""
    if pd.isna(value):
        return NOTHING
    scaled = 10**places
    # What floats add to 0.999 * 100 must not decide: a billionth is less than any figure shown.
    cut = int(abs(value) * 100 * scaled + 1e-9 * scaled) / scaled
    return f"{'-' if value < 0 and cut else ''}{cut:.{places}f} %"


def milliseconds(value: Any) -> str:
    """Three figures that count, without a power of ten."""
    if pd.isna(value):
        return NOTHING
    return f"{value:,.0f} ms" if abs(value) >= 100 else f"{value:.3g} ms"


def duration(value: Any) -> str:
    """Seconds in the two greatest units that say something: `1 h 23 min`, `84 s`."""
    if pd.isna(value):
        return NOTHING
    rest, sign = round(abs(float(value))), "-" if value <= -0.5 else ""
    if rest < 100:
        return f"{sign}{rest} s"
    for unit, length, below, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if rest >= length:
            more = rest % length // part
            return f"{sign}{rest // length} {unit}" + (f" {more} {below}" if more else "")
    raise AssertionError(value)


def number(value: Any) -> str:
    """Three figures that count."""
    return NOTHING if pd.isna(value) else f"{value:.3g}"


def instant(zone: ZoneInfo) -> Callable[[Any], str]:
    """To the second, on the wall clock of the zone."""
    return lambda value: NOTHING if pd.isna(value) else value.tz_convert(zone).strftime("%Y-%m-%d %H:%M:%S")
