"""How much of a window the results cover, how finely, and how punctually."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.periods import Periods
from appsentry_contract.accounting.timeline import (
    STATE_BLIP,
    STATE_DEGRADED,
    STATE_DOWN,
    STATE_UNKNOWN,
    STATE_UP,
    read,
)
from appsentry_kernel.accounts.instants import instant
from appsentry_kernel.accounts.observations import CheckResults, Observations
from appsentry_kernel.accounts.part import Part
from appsentry_kernel.accounts.tables import rows_of, table

COLUMNS: Final = {
    "first_result": "datetime64[us, UTC]",
    "last_result": "datetime64[us, UTC]",
    "known_s": "float64",
    "coverage": "float64",
    "partial": "bool",
    "sure_to_be_seen_s": "float64",
    "sure_to_be_counted_s": "float64",
    "edges": "int64",
    "edge_error": "float64",
}
"""`coverage` is known time as a share of accountable time, `partial` whether that is not all of it. An outage shorter
than `sure_to_be_seen_s`, the longest interval, may be seen by no result; one of `sure_to_be_counted_s` is confirmed
without any retry. `edges` are those of downtime inside the window. `edge_error`, a fraction, is the time in which a
change that was seen may have happened, as a share of known time: from the last result before each change of state,
gaps and the window's end included, until that change, and as late as the result behind it was made."""

SAMPLING: Final = {
    "application": "str",
    "check": "str",
    "interval_s": "float64",
    "inferred": "bool",
    "results": "int64",
    "missed": "int64",
    "late_n": "int64",
    "late_p50_ms": "float64",
    "late_p95_ms": "float64",
    "late_max_ms": "float64",
}
"""`interval_s` is the newest one, `inferred` whether it is the median distance between results because the source tells
none. `missed` are scheduled results that are not there between the first and the last in the window."""

_KNOWN: Final = (STATE_UP, STATE_BLIP, STATE_DEGRADED, STATE_DOWN)


def coverage(observations: Observations, parts: Mapping[str, Part]) -> pd.DataFrame:
    """Coverage by application."""
    return table([_coverage(observations, part) for part in parts.values()], list(parts), COLUMNS)


def _coverage(observations: Observations, part: Part) -> dict[str, object]:
    time = part.figures.time
    due = part.reading.due
    first, last = np.searchsorted(due, [part.since, part.until])
    interval = max((int(check.interval[-1]) for check in part.checks), default=0)
    inner = part.timeline.states == STATE_DOWN
    edges = int((inner[1:] != inner[:-1]).sum())
    return {
        "first_result": instant(int(due[first])) if last > first else None,
        "last_result": instant(int(due[last - 1])) if last > first else None,
        "known_s": time.known / 1e6,
        "coverage": time.known / time.accountable if time.accountable else None,
        "partial": time.unknown > 0,
        "sure_to_be_seen_s": interval / 1e6 if interval else None,
        "sure_to_be_counted_s": part.policy.confirm * interval / 1e6 if interval else None,
        "edges": edges,
        "edge_error": _misplaced(observations, part) / time.known if time.known else None,
    }


def _misplaced(observations: Observations, part: Part) -> int:
    """The known time of the window in which some check may already, or still, have been in another state."""
    doubtful = Periods.of(pair for check in part.checks for pair in _doubtful(observations, part, check))
    edges = np.unique(np.concatenate((part.timeline.edges, doubtful.edges)))
    edges = edges[(edges >= part.since) & (edges <= part.until)]
    counts = doubtful.at(edges[:-1]) & np.isin(part.timeline.at(edges[:-1]), _KNOWN)
    return int(np.diff(edges)[counts].sum())


def _doubtful(observations: Observations, part: Part, check: CheckResults) -> Iterator[tuple[int, int]]:
    observed = check.observed(part.policy.attempts)
    timeline = read(observed.spans, part.policy)
    states = np.concatenate(([STATE_UNKNOWN], timeline.states, [STATE_UNKNOWN])).astype(np.uint8)
    if part.policy.degraded_weight == 1:
        states[states == STATE_DEGRADED] = STATE_UP
    changes = np.flatnonzero(states[1:] != states[:-1])
    at, before, after = timeline.edges[changes], states[changes], states[changes + 1]
    last = observed.due[np.maximum(np.searchsorted(observed.due, at, side="left") - 1, 0)]
    shown = np.isin(before, _KNOWN) & (last < at)
    yield from zip(last[shown].tolist(), at[shown].tolist(), strict=True)
    late = np.nan_to_num(observations.numbers("late_ms", check.places))
    place = np.minimum(np.searchsorted(check.due, at), len(late) - 1)
    late_us = np.ceil(late[place] * 1000).astype(np.int64)
    began = np.isin(after, _KNOWN) & (late_us > 0)
    yield from zip(at[began].tolist(), (at + late_us)[began].tolist(), strict=True)


def sampling(observations: Observations, parts: Mapping[str, Part]) -> pd.DataFrame:
    """Punctuality by check."""
    return rows_of((_sampling(observations, part, check) for part in parts.values() for check in part.checks), SAMPLING)


def _sampling(observations: Observations, part: Part, check: CheckResults) -> dict[str, object]:
    first, last = np.searchsorted(check.due, [part.since, part.until]).tolist()
    late = observations.numbers("late_ms", check.places[first:last])
    late = late[~np.isnan(late)]
    p50, p95, most = np.quantile(late, [0.5, 0.95, 1.0]).tolist() if len(late) else (None, None, None)
    return {
        "application": check.application,
        "check": check.check,
        "interval_s": int(check.interval[-1]) / 1e6,
        "inferred": check.inferred,
        "results": last - first,
        "missed": _missed(check, first, last),
        "late_n": len(late),
        "late_p50_ms": p50,
        "late_p95_ms": p95,
        "late_max_ms": most,
    }


def _missed(check: CheckResults, first: int, last: int) -> int:
    scheduled = check.attempt[first:last] == 1
    due, interval = check.due[first:last][scheduled], check.interval[first:last][scheduled]
    steps = np.rint(np.diff(due) / interval[1:]).astype(np.int64)
    return int(np.maximum(steps - 1, 0).sum())
