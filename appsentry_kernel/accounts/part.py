"""One application of an account: its results read under the policy, and cut to the window."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from appsentry_contract.accounting.budget import Budget, allowed_share, judge
from appsentry_contract.accounting.periods import Calendar
from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.reading import Reading
from appsentry_contract.accounting.spans import Integers
from appsentry_contract.accounting.tally import Tally, Uptime, bad_time, uptime
from appsentry_contract.accounting.timeline import STATE_BLIP, STATE_DOWN, STATE_EXCLUDED, Timeline
from appsentry_kernel.accounts.observations import CheckResults

TABLE_DTYPES = {
    "uptime": "float64",
    "uptime_low": "float64",
    "uptime_high": "float64",
    "up_s": "float64",
    "degraded_s": "float64",
    "down_s": "float64",
    "unknown_s": "float64",
    "excluded_s": "float64",
    "checks": "int64",
    "down_checks": "int64",
    "target": "float64",
    "budget_remaining": "float64",
}
"""The columns of a table of figures. Uptime, target and what remains of the budget are fractions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a stretch of time amounts to: time and results by state, and what follows from them."""

    time: Tally
    results: Tally
    checks: int
    down_checks: int
    uptime: Uptime
    budget: Budget

    def row(self, target: float | None) -> dict[str, float | int | None]:
        """The figures in the order of `TABLE_DTYPES`."""
        return {
            "uptime": self.uptime.value,
            "uptime_low": self.uptime.low,
            "uptime_high": self.uptime.high,
            "up_s": self.time.up / 1e6,
            "degraded_s": self.time.degraded / 1e6,
            "down_s": self.time.down / 1e6,
            "unknown_s": self.time.unknown / 1e6,
            "excluded_s": self.time.excluded / 1e6,
            "checks": self.checks,
            "down_checks": self.down_checks,
            "target": None if target is None else float(1 - allowed_share(target)),
            "budget_remaining": self.budget.remaining,
        }


def figures_of(durations: list[int], made: list[int], policy: Policy, target: float | None) -> Figures:
    """Figures from time and results by `STATES`."""
    time, results = Tally.of_states(durations), Tally.of_states(made)
    return Figures(
        time=time,
        results=results,
        checks=sum(made) - made[STATE_EXCLUDED],
        down_checks=made[STATE_DOWN] + made[STATE_BLIP],
        uptime=uptime(results if policy.weighting == "count" else time, policy),
        budget=judge(time, policy, target, bad=float(bad_time(time, results, policy))),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """An application under a policy. `checks` are those the policy looks at, `target` is in percent."""

    checks: Sequence[CheckResults]
    policy: Policy
    calendar: Calendar
    target: float | None
    since: int
    until: int

    @cached_property
    def reading(self) -> Reading:
        """All its results, also those outside the window: they decide with the others."""
        observed = [check.observed(self.policy.attempts) for check in self.checks]
        return Reading.of(observed, self.policy, self.calendar)

    @cached_property
    def timeline(self) -> Timeline:
        """The window's states, no two neighbours alike."""
        return self.reading.timeline.within(self.since, self.until).merged()

    @cached_property
    def figures(self) -> Figures:
        """What the whole window amounts to."""
        return self.figures_between(np.array([self.since, self.until]))[0]

    def figures_between(self, instants: Integers) -> list[Figures]:
        """What each stretch between these ascending instants amounts to."""
        time = np.diff(self.reading.timeline.spent(instants), axis=0)
        made = np.diff(self.reading.made(instants), axis=0)
        return [
            figures_of(row, results, self.policy, self.target)
            for row, results in zip(time.tolist(), made.tolist(), strict=True)
        ]
