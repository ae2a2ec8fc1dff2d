"""A time axis in stretches of equal length, and the results that passed in each of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.spans import Integers
from appsentry_kernel.accounts.instants import SECOND_US, instants, length
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.subject import Subject

_FINEST: Final = 240
"""More stretches than this are no more to be seen on a screen."""

_CARRY_BAND: Final = 12
"""So many results a stretch, on average, carry p10 and p90."""

_PASSED: Final = ("up", "degraded")
_STEPS_S: Final = (1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 604_800)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Buckets:
    """Rows in order, told apart: bucket `i`, from `begins[i]` (microseconds) on, is `bounds[i]` to `bounds[i + 1]`.

    Buckets without a row are left out.
    """

    step: int
    begins: Integers
    bounds: Integers

    @property
    def begin(self) -> pd.DatetimeIndex:
        """Where each begins, as an instant."""
        return instants(self.begins)

    @property
    def n(self) -> Integers:
        """How many rows each has."""
        return np.diff(self.bounds)

    @property
    def of_row(self) -> Integers:
        """The bucket of each row."""
        return np.repeat(np.arange(len(self.begins)), self.n)


def buckets(rows: pd.DataFrame, of: Subject, every: str | None) -> Buckets:
    """The rows, which are in order, in stretches of `every` (`"5m"`), or as fine as a screen shows and n carries.

    Stretches are counted from 1970 in UTC. Raises `ValueError` for a length that is none.
    """
    step = length(every) if every else _step(len(rows), of)
    due = us(rows["ts"])
    number = due // step
    bounds = np.flatnonzero(np.concatenate(([True], number[1:] != number[:-1], [True])))
    return Buckets(step=step, begins=number[bounds[:-1]] * step, bounds=bounds)


def us(ts: "pd.Series[pd.Timestamp]") -> Integers:
    """Microseconds since 1970. Never `to_numpy`: with a zone that makes a Python object of every instant."""
    return np.asarray(ts.astype("datetime64[us, UTC]").astype("int64"), np.int64)


def _step(n: int, of: Subject) -> int:
    wanted = (of.until - of.since).total_seconds() / min(_FINEST, max(1, n // _CARRY_BAND))
    return next((step for step in _STEPS_S if step >= wanted), _STEPS_S[-1]) * SECOND_US


def timed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a response time that passed, so that a refused connection does not look fast.

    Without statuses all that have one. Raises `AppSentryError` when there is none.
    """
    if "response_ms" not in rows or not rows["response_ms"].notna().any():
        raise AppSentryError("no result of this frame has a response time")
    there = rows["response_ms"].notna() & passed(rows)
    if not there.any():
        raise AppSentryError("no result that passed has a response time")
    return rows.loc[there, ["ts", "response_ms"]]


def passed(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Whether each row passed; without any status, true of all."""
    if "status" in rows and rows["status"].notna().any():
        return rows["status"].isin(_PASSED)
    return pd.Series(True, index=rows.index)
