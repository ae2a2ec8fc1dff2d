"""Between instants as frames show them and the integer microseconds in which they are counted."""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.spans import Integers
from appsentry_kernel.window import window

SECOND_US: Final = 1_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(us: int) -> pd.Timestamp:
    """The UTC instant so many microseconds after 1970."""
    return pd.Timestamp(us, unit="us", tz="UTC").as_unit("us")


def instants(us: Integers) -> pd.DatetimeIndex:
    """The same for an array, as `datetime64[us, UTC]`."""
    return pd.DatetimeIndex(np.asarray(us, np.int64).view("datetime64[us]")).tz_localize("UTC")


def length(duration: str) -> int:
    """Microseconds of a duration such as `1h30m`. Raises `ValueError` when it is none, or nothing."""
    begin, end = window(duration, None, now=_EPOCH)
    if end != _EPOCH or begin.tzinfo is None or duration[:1] not in "0123456789" or "-" in duration:
        raise ValueError(f"expected a duration such as '5m' or '1h30m', found {duration!r}")
    return micros(end) - micros(begin)
