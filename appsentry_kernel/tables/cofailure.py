"""Which applications are down together, held against how often they would be by chance."""

from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.timeline import STATE_DOWN, STATE_EXCLUDED, STATE_UNKNOWN
from appsentry_kernel.accounts.account import Account, account
from appsentry_kernel.accounts.calendars import zone_of
from appsentry_kernel.accounts.tables import rows_of
from appsentry_kernel.tables import words
from appsentry_kernel.tables.table import Table
from appsentry_kernel.window import Moment

COFAILURE: Final = {
    "a": "str",
    "b": "str",
    "outages_a": "int64",
    "outages_b": "int64",
    "n": "int64",
    "known_s": "float64",
    "down_a": "float64",
    "down_b": "float64",
    "together_s": "float64",
    "chance_s": "float64",
    "factor": "float64",
    "enough": "bool",
}
"""One row a pair of applications that were both down at some time. They were down together `n` times. Of the `known_s`
in which both are known, `down_a` and `down_b` are the shares that either was down; `chance_s` is how long both would be
if neither knew of the other, and `factor` what `together_s` is of that. It is not `enough` where either has fewer than
five outages: one long outage makes any factor."""

ENOUGH: Final = 5


def cofailure(
    of: pd.DataFrame | Account,
    policy: str | Policy = "default",
    *,
    since: Moment | None = None,
    until: Moment | None = None,
) -> Table:
    """Every pair of applications that were down: how long they were down together, against chance.

    Pairs that were together longest come first. The columns of its `frame` are `cofailure.COFAILURE`; `matrix(frame)`
    makes applications by applications of it. An account is taken as it is counted. Raises what `account` raises.
    """
    counted = of if isinstance(of, Account) else account(of, policy, since=since, until=until)
    outages = counted.outages.groupby("application").size()
    pairs = [_pair(counted, outages, *pair) for pair in combinations(outages.index, 2)]
    frame = rows_of(sorted(pairs, key=lambda row: -row["together_s"]), COFAILURE)
    few = int((~frame["enough"]).sum())
    zone = zone_of(counted.policy)
    at = words.instant(zone)
    warning = f" · ? of {few} pairs one has fewer than {ENOUGH} outages: too few to say" if few else ""
    return Table(
        frame,
        title="Down together",
        note=f"policy {counted.policy.name} {counted.policy.version} · {at(counted.since)} to {at(counted.until)} "
        f"{zone.key}{warning}",
        shown={
            "a": ("application", words.text),
            "b": ("and", words.text),
            "outages_a": ("outages", words.count),
            "outages_b": ("of the other", words.count),
            "n": ("times together", words.count),
            "together_s": ("together", words.duration),
            "chance_s": ("by chance", words.duration),
            "times": ("times chance", words.text),
        },
        made={"times": _times},
    )


def matrix(frame: pd.DataFrame, column: str = "factor") -> pd.DataFrame:
    """A column of `cofailure(...).frame`, applications by applications; the diagonal is missing."""
    names = sorted({*frame["a"], *frame["b"]})
    both = pd.concat([frame, frame.rename(columns={"a": "b", "b": "a"})])
    return both.pivot(index="a", columns="b", values=column).reindex(index=names, columns=names)


def _pair(counted: Account, outages: "pd.Series[int]", a: str, b: str) -> dict[str, Any]:
    one, other = counted.parts[a], counted.parts[b]
    edges = np.unique(np.concatenate((one.timeline.edges, other.timeline.edges)))
    lengths, begins = np.diff(edges), edges[:-1]
    states = [part.timeline.at(begins) for part in (one, other)]
    known = ~np.isin(states, (STATE_UNKNOWN, STATE_EXCLUDED)).any(axis=0)
    down = [(state == STATE_DOWN) & known for state in states]
    total = int(lengths[known].sum())
    shares = [int(lengths[mine].sum()) / total if total else 0.0 for mine in down]
    both = down[0] & down[1]
    together = int(lengths[both].sum()) / 1e6
    chance = shares[0] * shares[1] * total / 1e6
    return {
        "a": a,
        "b": b,
        "outages_a": int(outages[a]),
        "outages_b": int(outages[b]),
        "n": int((both & ~np.append(False, both[:-1])).sum()),
        "known_s": total / 1e6,
        "down_a": shares[0],
        "down_b": shares[1],
        "together_s": together,
        "chance_s": chance,
        "factor": together / chance if chance else None,
        "enough": int(min(outages[a], outages[b])) >= ENOUGH,
    }


def _times(row: Any) -> str:
    return words.number(row.factor) + ("" if row.enough else " ?")
