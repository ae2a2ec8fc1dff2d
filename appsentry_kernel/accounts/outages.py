"""Confirmed outages: where they begin and end, when they were found, and what they say of an application."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.spans import DOWN, MAINTENANCE, UNKNOWN, Integers
from appsentry_contract.accounting.timeline import STATE_BLIP, STATE_DEGRADED, STATE_DOWN, STATE_UP
from appsentry_kernel.accounts.instants import instant
from appsentry_kernel.accounts.observations import CheckResults
from appsentry_kernel.accounts.part import Part
from appsentry_kernel.accounts.tables import rows_of, table

COLUMNS: Final = {
    "application": "str",
    "begin": "datetime64[us, UTC]",
    "end": "datetime64[us, UTC]",
    "duration_s": "float64",
    "down_s": "float64",
    "detected": "datetime64[us, UTC]",
    "clipped_begin": "bool",
    "clipped_end": "bool",
    "recovered": "bool",
}
"""`begin` is the first result that was down, `end` where the last downtime ends; `down_s` is `duration_s` less what in
between is unknown or excluded. `detected` is the result that confirmed it, missing where no row of results did. One
that was under way at an edge of the window is clipped there; `recovered` says whether it is seen to be over."""

RELIABILITY: Final = {
    "outages": "int64",
    "clipped": "int64",
    "mttr_s": "float64",
    "mtbf_s": "float64",
    "mttd_s": "float64",
    "longest_s": "float64",
    "blips": "int64",
    "blip_s": "float64",
}

_SEEN_UP: Final = (STATE_UP, STATE_BLIP, STATE_DEGRADED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """An outage in microseconds since 1970."""

    begin: int
    end: int
    down: int
    detected: int | None
    clipped_begin: bool
    clipped_end: bool
    recovered: bool


def outages_of(part: Part) -> list[Outage]:
    """The outages of the part's window.

    Unknown or excluded time does not end an outage: nothing in it shows that the application was up again.
    """
    edges, states = part.timeline.edges, part.timeline.states
    down = np.flatnonzero(states == STATE_DOWN)
    if not len(down):
        return []
    ups = np.cumsum(np.isin(states, _SEEN_UP))
    starts = np.flatnonzero(np.append(True, np.diff(ups[down]) > 0))
    confirmed = [rows_of_downs(check, part.policy.confirm, part.policy.attempts) for check in part.checks]
    around = part.reading.timeline.at(np.array([part.since - 1, part.until]))
    found = []
    for first, last in zip(starts.tolist(), [*(starts[1:] - 1).tolist(), len(down) - 1], strict=True):
        stretch = down[first : last + 1]
        begin, end = int(edges[stretch[0]]), int(edges[stretch[-1] + 1])
        found.append(
            Outage(
                begin=begin,
                end=end,
                down=int((edges[stretch + 1] - edges[stretch]).sum()),
                detected=_detected(confirmed, begin, end, part.policy.combine),
                clipped_begin=begin == part.since and bool(around[0] == STATE_DOWN),
                clipped_end=end == part.until and bool(around[1] == STATE_DOWN),
                recovered=bool(ups[-1] > ups[stretch[-1]]),
            )
        )
    return found


def rows_of_downs(check: CheckResults, confirm: int, attempts: str) -> Integers:
    """Rows of downs that are long enough: when the first, the confirming and the last result were due."""
    observed = check.observed("last" if attempts == "last" else "each")
    verdict = np.repeat(observed.spans.verdict, observed.spans.n)
    known = np.flatnonzero((verdict != UNKNOWN) & (verdict != MAINTENANCE))
    down = verdict[known] == DOWN
    change = np.flatnonzero(np.diff(np.concatenate(([False], down, [False])).astype(np.int8)))
    starts, ends = change[::2], change[1::2]
    long = ends - starts >= confirm
    starts, ends = starts[long], ends[long]
    return observed.due[known[np.column_stack((starts, starts + confirm - 1, ends - 1))]].reshape(-1, 3)


def _detected(confirmed: list[Integers], begin: int, end: int, combine: str) -> int | None:
    of_checks = [rows[(rows[:, 0] < end) & (rows[:, 2] >= begin), 1] for rows in confirmed]
    firsts = [int(found[0]) for found in of_checks if len(found)]
    if not firsts:
        return None
    # Where any check that is up keeps the application up, it is known to be down with the last of them.
    return max(begin, max(firsts) if combine == "any" else min(firsts))


def frame_of(parts: Mapping[str, Part]) -> pd.DataFrame:
    """All outages in the columns of `COLUMNS`."""
    return rows_of(
        (
            {
                "application": name,
                "begin": instant(outage.begin),
                "end": instant(outage.end),
                "duration_s": (outage.end - outage.begin) / 1e6,
                "down_s": outage.down / 1e6,
                "detected": None if outage.detected is None else instant(outage.detected),
                "clipped_begin": outage.clipped_begin,
                "clipped_end": outage.clipped_end,
                "recovered": outage.recovered,
            }
            for name, part in parts.items()
            for outage in outages_of(part)
        ),
        COLUMNS,
    )


def reliability(parts: Mapping[str, Part]) -> pd.DataFrame:
    """MTTR, MTBF, MTTD and blips by application."""
    return table([_reliability(part) for part in parts.values()], list(parts), RELIABILITY)


def _reliability(part: Part) -> dict[str, float | int | None]:
    outages, time = outages_of(part), part.figures.time
    durations = [outage.end - outage.begin for outage in outages]
    # What began before the window was found before it, or at an instant that is not known here.
    detections = [
        outage.detected - outage.begin for outage in outages if outage.detected is not None and not outage.clipped_begin
    ]
    return {
        "outages": len(outages),
        "clipped": sum(outage.clipped_begin or outage.clipped_end for outage in outages),
        "mttr_s": _mean(durations),
        "mtbf_s": (time.up + time.degraded) / 1e6 / len(outages) if outages else None,
        "mttd_s": _mean(detections),
        "longest_s": max(durations) / 1e6 if durations else None,
        "blips": int((part.timeline.states == STATE_BLIP).sum()),
        "blip_s": time.blip / 1e6,
    }


def _mean(durations: list[int]) -> float | None:
    return sum(durations) / len(durations) / 1e6 if durations else None
