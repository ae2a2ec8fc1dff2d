"""One application's results under one policy: which state each instant was in, and what each result stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from appsentry_contract.accounting.periods import Calendar
from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.spans import Codes, Integers, SpanArrays, distinct
from appsentry_contract.accounting.timeline import (
    STATE_EXCLUDED,
    STATE_UP,
    STATES,
    Timeline,
    judged,
    read,
    together,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """The results of one check, in the order in which they were due, and the spans that they make."""

    due: Integers
    spans: SpanArrays

    @classmethod
    def of(cls, due: Integers, verdict: Codes, interval: Integers) -> Self:
        """From ascending instants, codes (places in `CODES`) and the intervals at which the check was then made."""
        return cls(due=distinct(due), spans=SpanArrays.of_results(due, verdict, interval))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """The application's `timeline`, and of its results, in order, when they were `due` and the state they stand for."""

    timeline: Timeline
    due: Integers
    stands_for: Codes

    @classmethod
    def of(cls, checks: Sequence[Observed], policy: Policy, calendar: Calendar) -> Self:
        """Read these checks together.

        Results are counted those of all checks alike: the results of two checks are made at different instants, and
        there is nothing to take together. Of `combine`, a name is the caller's: it hands over that check alone.
        """
        timeline = together([read(check.spans, policy) for check in checks], policy.combine)
        due = np.concatenate([np.empty(0, np.int64), *(check.due for check in checks)])
        states = [np.repeat(judged(check.spans, policy), check.spans.n) for check in checks]
        stands_for = np.concatenate([np.empty(0, np.uint8), *states])
        if len(checks) > 1:
            order = np.argsort(due, kind="stable")
            due, stands_for = due[order], stands_for[order]
        excluded, up = calendar.treated(policy)
        stands_for[up.at(due)] = STATE_UP
        stands_for[excluded.at(due)] = STATE_EXCLUDED
        return cls(timeline=timeline.overlaid(calendar, policy), due=due, stands_for=stands_for)

    def made(self, instants: Integers) -> Integers:
        """The results that stand for each of `STATES` (columns), from the first of these ascending instants until each.

        A result due at an instant is made after it.
        """
        places = np.searchsorted(self.due, instants, side="left")
        first, last = (int(places[0]), int(places[-1])) if len(places) else (0, 0)
        sums = np.zeros((last - first + 1, len(STATES)), np.int64)
        sums[np.arange(1, last - first + 1), self.stands_for[first:last]] = 1
        np.cumsum(sums, axis=0, out=sums)
        return sums[places - first]
