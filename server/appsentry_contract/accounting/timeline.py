"""Time in states: spans read under a policy, and the timelines of several checks read as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from appsentry_contract.accounting.periods import Calendar
from appsentry_contract.accounting.policy import FOREVER, Policy
from appsentry_contract.accounting.spans import CODES, DOWN, MAINTENANCE, UNKNOWN, Codes, Integers, SpanArrays

STATES: Final = ("excluded", "up", "blip", "degraded", "unknown", "down")
"""What an instant can be, the worse the later, so that several checks together are the worst of them: three-valued
`all`, of those that are not excluded. A blip is up by count, though results said down: too few of them in a row."""

STATE_EXCLUDED, STATE_UP, STATE_BLIP, STATE_DEGRADED, STATE_UNKNOWN, STATE_DOWN = range(len(STATES))

_STATE_OF_CODE = np.array([STATE_EXCLUDED if word == "maintenance" else STATES.index(word) for word in CODES], np.uint8)
_STATE_OF_TREATMENT: Final = {"excluded": STATE_EXCLUDED, "up": STATE_UP, "measured": STATE_UNKNOWN}

_BEST_FIRST = np.array([STATE_UP, STATE_BLIP, STATE_DEGRADED, STATE_UNKNOWN, STATE_DOWN, STATE_EXCLUDED], np.uint8)
_BY_MERIT = np.argsort(_BEST_FIRST).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """Half-open intervals: `states[i]` from `edges[i]` until `edges[i + 1]`. Unknown outside."""

    edges: Integers
    states: Codes

    @classmethod
    def empty(cls) -> Self:
        """Nothing known of any time."""
        return cls(edges=np.empty(0, np.int64), states=np.empty(0, np.uint8))

    def within(self, since: int, until: int) -> "Timeline":
        """Exactly the time from `since` until `until`: cut where it reaches further, else unknown."""
        if since >= until:
            return Timeline.empty()
        inner = (self.edges > since) & (self.edges < until)
        edges = np.concatenate(([since], self.edges[inner], [until]))
        return Timeline(edges=edges, states=self.at(edges[:-1]))

    def at(self, instants: Integers) -> Codes:
        """The state at each instant."""
        around = np.full(len(self.states) + 2, STATE_UNKNOWN, np.uint8)
        around[1:-1] = self.states
        return around[np.searchsorted(self.edges, instants, side="right")]

    def merged(self) -> "Timeline":
        """The same, with no two neighbours in one state."""
        if len(self.states) < 2:
            return self
        change = np.append(True, self.states[1:] != self.states[:-1])
        return Timeline(edges=np.append(self.edges[:-1][change], self.edges[-1]), states=self.states[change])

    def overlaid(self, calendar: Calendar, policy: Policy) -> "Timeline":
        """The same, with the calendar's stretches as the policy treats them."""
        excluded, up = calendar.treated(policy)
        if not len(excluded.edges) and not len(up.edges):
            return self
        edges = np.unique(np.concatenate((self.edges, excluded.edges, up.edges)))
        states = self.at(edges[:-1])
        states[up.at(edges[:-1])] = STATE_UP
        states[excluded.at(edges[:-1])] = STATE_EXCLUDED
        return Timeline(edges=edges, states=states).merged()

    def spent(self, instants: Integers) -> Integers:
        """The time in each of `STATES` (columns) from the first of these ascending instants until each (rows)."""
        if len(instants) < 2 or instants[0] == instants[-1]:
            return np.zeros((len(instants), len(STATES)), np.int64)
        cut = self.within(int(instants[0]), int(instants[-1]))
        sums = np.zeros((len(cut.states) + 1, len(STATES)), np.int64)
        places = np.arange(len(cut.states))
        sums[places + 1, cut.states] = np.diff(cut.edges)
        np.cumsum(sums, axis=0, out=sums)
        place = np.minimum(np.searchsorted(cut.edges, instants, side="right") - 1, len(cut.states) - 1)
        spent = sums[place]
        spent[np.arange(len(instants)), cut.states[place]] += instants - cut.edges[place]
        return spent


def read(spans: SpanArrays, policy: Policy, *, open_ended: bool = False) -> Timeline:
    """The timeline of one check.

    A result holds until the next one, but no longer than the policy's gap tolerance; a row of downs is downtime from
    its first result on when it is long enough, and else a blip. `open_ended` lets the last span hold for ever.
    """
    if not len(spans):
        return _uncovered(policy)
    if policy.gap_tolerance is None:
        holds = np.full(len(spans), FOREVER)
    else:
        holds = spans.end + np.rint(policy.gap_tolerance * spans.interval).astype(np.int64)
    if open_ended:
        holds[-1] = FOREVER
    ends = np.minimum(holds, np.append(spans.begin[1:], FOREVER))
    # Each span and the gap behind it, which may be empty.
    edges = np.column_stack((spans.begin, ends)).ravel()
    states = np.full(len(edges) - 1, STATES.index(policy.gaps), np.uint8)
    states[::2] = judged(spans, policy)
    if policy.gaps != "unknown":
        edges = np.concatenate(([-FOREVER], edges, [FOREVER]))
        states = np.pad(states, 1, constant_values=STATES.index(policy.gaps))
    there = edges[:-1] < edges[1:]
    return Timeline(edges=np.append(edges[:-1][there], edges[-1]), states=states[there])


def together(timelines: Sequence[Timeline], combine: str = "all") -> Timeline:
    """Several checks of an application as one.

    `all`: down if any is down, else unknown if any is, else degraded if any is, else up. `any`: up if any is up, else
    degraded if any is, else unknown if any is, else down. Time is excluded only where it is for every check.
    """
    if len(timelines) < 2:
        return timelines[0] if timelines else Timeline.empty()
    edges = np.unique(np.concatenate([timeline.edges for timeline in timelines]))
    if len(edges) < 2:
        return Timeline.empty()
    states = [timeline.at(edges[:-1]) for timeline in timelines]
    if combine == "any":
        chosen = _BEST_FIRST[np.minimum.reduce([_BY_MERIT[one] for one in states])]
    else:
        chosen = np.maximum.reduce(states)
    return Timeline(edges=edges, states=chosen).merged()


def judged(spans: SpanArrays, policy: Policy) -> Codes:
    """The state that each span's results stand for, rows of downs judged whole."""
    states = _STATE_OF_CODE[spans.verdict]
    states[spans.verdict == MAINTENANCE] = _STATE_OF_TREATMENT[policy.maintenance]
    # Unknown results are no part of any row and end none.
    known = np.flatnonzero((spans.verdict != UNKNOWN) & (spans.verdict != MAINTENANCE))
    down = spans.verdict[known] == DOWN
    begins = down & ~np.append(False, down[:-1])
    if not begins.any():
        return states
    row = np.cumsum(begins)[down] - 1
    n = np.bincount(row, weights=spans.n[known][down]).astype(np.int64)
    states[known[down]] = np.where(n >= policy.confirm, STATE_DOWN, STATE_BLIP)[row]
    return states


def _uncovered(policy: Policy) -> Timeline:
    if policy.gaps == "unknown":
        return Timeline.empty()
    return Timeline(edges=np.array([-FOREVER, FOREVER]), states=np.array([STATES.index(policy.gaps)], np.uint8))
