"""What a result frame says, by application and check, in the order in which it was due."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from appsentry_contract.accounting.policy import Attempts
from appsentry_contract.accounting.reading import Observed
from appsentry_contract.accounting.spans import CODES, Codes, Integers
from appsentry_kernel.accounts.instants import SECOND_US
from appsentry_kernel.errors import AppSentryError

Numbers = npt.NDArray[np.float64]

_NEEDED: Final = ("ts", "application", "status")


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckResults:
    """The results of one check. `places` are their rows in the frame; they are ascending in `due`, microseconds."""

    application: str
    check: str
    places: Integers
    due: Integers
    verdict: Codes
    interval: Integers
    attempt: Integers
    inferred: bool
    """Whether the interval is not told by the frame: it is then the median distance between results."""

    def observed(self, attempts: Attempts) -> Observed:
        """The results that count."""
        return self._last if attempts == "last" else self._each

    @cached_property
    def _each(self) -> Observed:
        return Observed.of(self.due, self.verdict, self.interval)

    @cached_property
    def _last(self) -> Observed:
        retried = np.append(self.attempt[1:] > self.attempt[:-1], False)
        if not retried.any():
            return self._each
        kept = ~retried
        return Observed.of(self.due[kept], self.verdict[kept], self.interval[kept])


class Observations:
    """The real results of a frame; simulated ones count nowhere.

    The order of the rows does not matter. Rows of one check that are due at the same instant are taken in the order of
    their attempt, result id and status; one that is there twice, by its result id, is taken once.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        _demand(frame)
        self.frame = frame
        self.applications: Mapping[str, tuple[CheckResults, ...]] = _by_application(frame)

    def span(self) -> tuple[int, int] | None:
        """From when the first result was due until an interval after the last; None when there is none."""
        checks = [check for checks in self.applications.values() for check in checks]
        if not checks:
            return None
        return (
            min(int(check.due[0]) for check in checks),
            max(int(check.due[-1] + check.interval[-1]) for check in checks),
        )

    def numbers(self, column: str, places: Integers) -> Numbers:
        """A column's numbers in these rows, NaN where they are missing or the frame has no such column."""
        if column not in self.frame:
            return np.full(len(places), np.nan)
        return self._column(column)[places]

    def _column(self, column: str) -> Numbers:
        if column not in self._columns:
            self._columns[column] = _numbers(self.frame, column)
        return self._columns[column]

    @cached_property
    def _columns(self) -> dict[str, Numbers]:
        return {}


def _demand(frame: pd.DataFrame) -> None:
    if missing := [column for column in _NEEDED if column not in frame]:
        raise AppSentryError(
            f"a result frame has the columns {', '.join(_NEEDED)}; this one lacks {', '.join(missing)}: "
            "take one from read_history or s.history (with resolution='raw')"
        )
    if not len(frame):
        return
    found = frame["ts"].dtype
    if getattr(found, "tz", None) is None and getattr(getattr(found, "pyarrow_dtype", None), "tz", None) is None:
        raise AppSentryError(f"ts is {found}, not instants with a zone: pd.to_datetime(frame['ts'], utc=True)")
    for column in _NEEDED:
        if gaps := int(frame[column].isna().sum()):
            raise AppSentryError(f"{gaps} of {len(frame)} rows have no {column}: drop them, or say what they are")


def _by_application(frame: pd.DataFrame) -> dict[str, tuple[CheckResults, ...]]:
    places = np.flatnonzero(~_simulated(frame))
    if not len(places):
        return {}
    rows = frame if len(places) == len(frame) else frame.iloc[places]
    due: Integers = np.array(rows["ts"].astype("datetime64[us, UTC]").astype("int64"), np.int64)
    application, ids = pd.factorize(rows["application"], sort=True)
    check, check_ids = _checks(rows)
    group, groups = pd.factorize(application.astype(np.int64) * len(check_ids) + check, sort=True)
    order = _in_order(rows, group, due)
    bounds = np.searchsorted(group[order], np.arange(len(groups) + 1))
    verdict, interval, attempt = _verdicts(rows), _told_intervals(rows), _attempts(rows)
    found: dict[str, list[CheckResults]] = {}
    for number, first, last in zip(groups.tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        name, check_id = str(ids[number // len(check_ids)]), str(check_ids[number % len(check_ids)])
        mine = order[first:last]
        intervals, inferred = _intervals(interval[mine], due[mine], attempt[mine])
        found.setdefault(name, []).append(
            CheckResults(
                application=name,
                check=check_id,
                places=places[mine],
                due=due[mine],
                verdict=verdict[mine],
                interval=intervals,
                attempt=attempt[mine],
                inferred=inferred,
            )
        )
    return {name: tuple(checks) for name, checks in found.items()}


def _simulated(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    if "simulated" not in frame:
        return np.zeros(len(frame), np.bool_)
    return frame["simulated"].fillna(False).to_numpy(dtype=np.bool_)


def _checks(rows: pd.DataFrame) -> tuple[Integers, list[str]]:
    """A number for each row's check; where the source tells none, an application has one."""
    if "check" not in rows:
        return np.zeros(len(rows), np.int64), [""]
    codes, ids = pd.factorize(rows["check"], sort=True)
    return codes.astype(np.int64) + 1, ["", *(str(one) for one in ids)]


def _verdicts(rows: pd.DataFrame) -> Codes:
    codes, words = pd.factorize(rows["status"])
    if unknown := [str(word) for word in words if str(word) not in CODES]:
        raise AppSentryError(f"status is one of {', '.join(CODES)}; this frame also has {', '.join(sorted(unknown))}")
    return np.array([CODES[str(word)] for word in words], np.uint8)[codes]


def _attempts(rows: pd.DataFrame) -> Integers:
    found = np.nan_to_num(_numbers(rows, "attempt"), nan=1.0)
    return found.astype(np.int64)


def _numbers(rows: pd.DataFrame, column: str) -> Numbers:
    if column not in rows:
        return np.full(len(rows), np.nan)
    return rows[column].to_numpy(dtype=np.float64, na_value=np.nan)


def _told_intervals(rows: pd.DataFrame) -> Numbers:
    told = _numbers(rows, "interval_s")
    if len(wrong := told[(told <= 0) | np.isinf(told)]):
        raise AppSentryError(f"interval_s is above 0 seconds or missing; found {wrong[0]:g} in {len(wrong)} rows")
    return told * SECOND_US


def _intervals(told: Numbers, due: Integers, attempt: Integers) -> tuple[Integers, bool]:
    """Microseconds for each result, and whether none was told."""
    missing = np.isnan(told)
    if missing.any():
        known = told[~missing]
        if len(known):
            usual = float(np.median(known))
        else:
            first = due[attempt == 1] if (attempt == 1).any() else due
            usual = float(np.median(np.diff(first))) if len(first) > 1 else 1.0
        told = np.where(missing, usual, told)
    return np.maximum(np.rint(told), 1).astype(np.int64), bool(missing.all())


def _in_order(rows: pd.DataFrame, group: npt.NDArray[np.intp], due: Integers) -> Integers:
    """The rows' numbers by group and instant, repeats left out."""
    order = np.argsort(due, kind="stable") if (due[1:] < due[:-1]).any() else np.arange(len(due))
    # Sorting 16-bit numbers is a radix sort, ten times as fast.
    small = group.astype(np.uint16) if group.max(initial=0) < 2**16 else group
    order = order[np.argsort(small[order], kind="stable")]
    same = (due[order][1:] == due[order][:-1]) & (group[order][1:] == group[order][:-1])
    return _settled(rows, order, same, group, due) if same.any() else order


def _settled(
    rows: pd.DataFrame, order: Integers, same: npt.NDArray[np.bool_], group: npt.NDArray[np.intp], due: Integers
) -> Integers:
    """The order, with rows that share their check and instant put in an order of their own."""
    slots = np.flatnonzero(np.append(same, False) | np.append(False, same))
    tied = rows.iloc[order[slots]]
    ids: Any = tied["result_id"].astype(object) if "result_id" in tied else pd.Series(None, tied.index, dtype=object)
    texts = ["" if pd.isna(one) else str(one) for one in ids]
    keys = list(
        zip(
            group[order[slots]].tolist(),
            due[order[slots]].tolist(),
            _attempts(tied).tolist(),
            texts,
            tied["status"].astype(str).tolist(),
            strict=True,
        )
    )
    ranked = sorted(range(len(keys)), key=keys.__getitem__)
    result = order.copy()
    result[slots] = order[slots][ranked]
    repeated = [
        slot
        for slot, before, here in zip(slots[1:].tolist(), ranked[:-1], ranked[1:], strict=True)
        if keys[here][3] and (keys[here][:2], keys[here][3]) == (keys[before][:2], keys[before][3])
    ]
    return np.delete(result, repeated)
