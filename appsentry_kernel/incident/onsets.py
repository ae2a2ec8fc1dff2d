"""When applications failed, as far as results can tell: after the last good one, by the first bad one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.spans import CODES, Integers
from appsentry_kernel.accounts.instants import instant
from appsentry_kernel.accounts.observations import CheckResults
from appsentry_kernel.accounts.outages import Outage, outages_of, rows_of_downs
from appsentry_kernel.accounts.part import Part
from appsentry_kernel.accounts.tables import rows_of

ONSETS: Final = {
    "application": "str",
    "last_good": "datetime64[us, UTC]",
    "first_bad": "datetime64[us, UTC]",
    "window_s": "float64",
    "maybe_first": "bool",
    "confirmed": "datetime64[us, UTC]",
    "ended": "datetime64[us, UTC]",
    "outages": "int64",
    "down_s": "float64",
}
"""In the order in which the applications were found to be down, which is that of probing. The application failed after
`last_good`, missing where nothing good is known before, and no later than `first_bad`. `maybe_first` says whether no
other one is sure to have failed earlier. `ended` is missing for one that was not seen to recover."""

_GOOD: Final = [CODES["up"], CODES["degraded"]]
_NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """An outage of an application and the window in which it began: after `last_good`, at most at `first_bad`.

    Microseconds since 1970.
    """

    application: str
    last_good: int
    """Far in the past where nothing good is known before."""
    first_bad: int
    outage: Outage


def onsets_of(application: str, part: Part) -> list[Onset]:
    """The outages of an application, each with its window.

    Of several checks that are taken together by `all` the earliest that failed decides, by `any` the latest.
    """
    policy = part.policy
    rows = [rows_of_downs(check, policy.confirm, policy.attempts) for check in part.checks]
    return [
        _onset(application, part.checks, rows, outage, latest=policy.combine == "any") for outage in outages_of(part)
    ]


def _onset(
    application: str, checks: Sequence[CheckResults], rows: list[Integers], outage: Outage, *, latest: bool
) -> Onset:
    windows = []
    for check, found in zip(checks, rows, strict=True):
        mine = found[(found[:, 0] < outage.end) & (found[:, 2] >= outage.begin)]
        if len(mine):
            first = int(mine[0, 0])
            windows.append((_last_good(check, first), first))
    if not windows:  # a policy may count time as down that no result says anything of
        windows = [(max((_last_good(check, outage.begin) for check in checks), default=_NEVER), outage.begin)]
    first_bad = (max if latest else min)(first for _, first in windows)
    may_be = [last for last, _ in windows if last < first_bad]
    last_good = (max if latest else min)(may_be)
    return Onset(application=application, last_good=last_good, first_bad=first_bad, outage=outage)


def _last_good(check: CheckResults, before: int) -> int:
    places = np.flatnonzero((check.due < before) & np.isin(check.verdict, _GOOD))
    return int(check.due[places[-1]]) if len(places) else _NEVER


def grouped(onsets: Sequence[Onset]) -> list[list[Onset]]:
    """Outages that belong together, in the order in which they were found.

    Those are outages that overlap, and such groups that may have begun at one instant: the onset windows of all that
    may have failed first have it in common. It is not enough that each window overlaps the next: of a round of probes
    an hour after the other, nearly every one does.
    """
    overlapping: list[list[Onset]] = []
    reach = _NEVER
    for onset in sorted(onsets, key=lambda one: (one.first_bad, one.application)):
        if overlapping and onset.first_bad < reach:
            overlapping[-1].append(onset)
        else:
            overlapping.append([onset])
        reach = max(reach, onset.outage.end)
    groups: list[list[Onset]] = []
    for group in overlapping:
        if groups and _common(groups[-1])[0] < _common(group)[1] and _common(group)[0] < _common(groups[-1])[1]:
            groups[-1] = groups[-1] + group
        else:
            groups.append(group)
    return groups


def firsts(onsets: Sequence[Onset]) -> list[str]:
    """The applications that may have failed first: their window begins before the first one was found to be down."""
    found = min(onset.first_bad for onset in onsets)
    return sorted({onset.application for onset in onsets if onset.last_good < found})


def _common(group: Sequence[Onset]) -> tuple[int, int]:
    """The window that all have in common that may have failed first."""
    found = min(onset.first_bad for onset in group)
    return max(onset.last_good for onset in group if onset.last_good < found), found


def frame_of(onsets: Sequence[Onset]) -> pd.DataFrame:
    """One row an application: its first onset, and what its outages amount to."""
    by_application: dict[str, list[Onset]] = {}
    for onset in sorted(onsets, key=lambda one: (one.first_bad, one.application)):
        by_application.setdefault(onset.application, []).append(onset)
    maybe_first = firsts(onsets)
    return rows_of((_row(name, mine, name in maybe_first) for name, mine in by_application.items()), ONSETS)


def _row(application: str, mine: list[Onset], maybe_first: bool) -> dict[str, object]:
    first, last = mine[0], mine[-1].outage
    known = first.last_good != _NEVER
    return {
        "application": application,
        "last_good": instant(first.last_good) if known else None,
        "first_bad": instant(first.first_bad),
        "window_s": (first.first_bad - first.last_good) / 1e6 if known else None,
        "maybe_first": maybe_first,
        "confirmed": None if first.outage.detected is None else instant(first.outage.detected),
        "ended": instant(last.end) if last.recovered else None,
        "outages": len(mine),
        "down_s": sum(onset.outage.down for onset in mine) / 1e6,
    }
