"""Error budgets: what is used of them, how fast, and when they run out."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from appsentry_contract.accounting.budget import allowed_share
from appsentry_contract.accounting.spans import Integers
from appsentry_contract.accounting.tally import bad_and_known, bad_time
from appsentry_kernel.accounts.instants import instant, instants, micros
from appsentry_kernel.accounts.observations import Numbers
from appsentry_kernel.accounts.part import Part
from appsentry_kernel.accounts.tables import table
from appsentry_kernel.window import window

COLUMNS: Final = {
    "target": "float64",
    "allowed_s": "float64",
    "consumed_s": "float64",
    "remaining_s": "float64",
    "remaining": "float64",
    "burn_rate": "float64",
    "runs_out": "datetime64[us, UTC]",
}
"""`allowed_s` is `(1 - target)` of accountable time, known or not. `burn_rate` is that of the whole window. `runs_out`
is when the budget is used up at that rate, or, where it already is, when it was (which counting results does not tell);
missing where nothing is consumed, or for 300 years to come."""

_CENTURIES_US: Final = 1e16


def budgets(parts: Mapping[str, Part]) -> pd.DataFrame:
    """The budget of each application; missing values where nothing is promised."""
    return table([_budget(part) for part in parts.values()], list(parts), COLUMNS)


def _budget(part: Part) -> dict[str, Any]:
    budget, figures = part.figures.budget, part.figures
    if part.target is None or budget.allowed is None:
        return dict.fromkeys(COLUMNS)
    bad = float(bad_time(figures.time, figures.results, part.policy))
    known = figures.time.known
    rate = bad / known / float(allowed_share(part.target)) if known else None
    return {
        "target": float(1 - allowed_share(part.target)),
        "allowed_s": budget.allowed / 1e6,
        "consumed_s": bad / 1e6,
        "remaining_s": (budget.allowed - bad) / 1e6,
        "remaining": budget.remaining,
        "burn_rate": rate,
        "runs_out": _runs_out(part, budget.allowed, bad, known),
    }


def _runs_out(part: Part, allowed: float, bad: float, known: int) -> pd.Timestamp | None:
    if not bad:
        return None
    if bad < allowed:
        left = (allowed - bad) * known / bad
        return instant(part.until + round(left)) if left < _CENTURIES_US else None
    if part.policy.weighting == "count":
        return None
    edges = part.timeline.edges
    used, _ = bad_and_known(part.reading.timeline.spent(edges), part.policy)
    place = int(np.searchsorted(used, allowed))
    share = (allowed - used[place - 1]) / (used[place] - used[place - 1])
    return instant(int(edges[place - 1]) + round(share * int(edges[place] - edges[place - 1])))


def burn_rate(parts: Mapping[str, Part], over: str, at: Any, until: pd.Timestamp) -> Any:
    """A Series by application for one instant, a frame for several."""
    single = at is None or isinstance(at, str) or np.ndim(at) == 0
    ends = [until if at is None else at] if single else list(at)
    stretches = [window(over, end, now=until.to_pydatetime()) for end in ends]
    length = (stretches[0][1] - stretches[0][0]) // timedelta(microseconds=1) if stretches else 0
    us = np.array([micros(end) for _, end in stretches], np.int64)
    rates = {name: burn_rates(part, length, us) for name, part in parts.items()}
    if single:
        return table([{"burn_rate": rate[0]} for rate in rates.values()], list(parts), {"burn_rate": "float64"})[
            "burn_rate"
        ]
    return pd.DataFrame(rates, index=pd.DatetimeIndex(instants(us), name="at"))


def burn_rates(part: Part, length: int, ends: Integers) -> Numbers:
    """The rate over the `length` before each of these instants, NaN where nothing is promised or known."""
    if part.target is None:
        return np.full(len(ends), np.nan)
    both, place = np.unique(np.concatenate((ends - length, ends)), return_inverse=True)
    spent = part.reading.made(both) if part.policy.weighting == "count" else part.reading.timeline.spent(both)
    inside = spent[place[len(ends) :]] - spent[place[: len(ends)]]
    bad, known = bad_and_known(inside, part.policy)
    with np.errstate(invalid="ignore"):
        share: Numbers = bad / known
    return share / float(allowed_share(part.target))
