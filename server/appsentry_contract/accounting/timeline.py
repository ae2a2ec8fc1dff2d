"""Time in states: spans read under a policy, and the timelines of several checks read as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.spans import CODES, DOWN, UNKNOWN, Codes, Integers, SpanArrays

FOREVER: Final = 2**62

STATES: Final = ("up", "blip", "degraded", "unknown", "down")
"""What an instant can be, the worse the later, so that several checks together are the worst of them: three-valued
`all`. A blip is up by count, though results said down: too few of them in a row."""

STATE_UP, STATE_BLIP, STATE_DEGRADED, STATE_UNKNOWN, STATE_DOWN = range(len(STATES))

_STATE_OF_CODE = np.empty(len(CODES), np.uint8)
for _verdict, _code in CODES.items():
    _STATE_OF_CODE[_code] = STATES.index(_verdict)


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


def read(spans: SpanArrays, policy: Policy, *, open_ended: bool = False) -> Timeline:
    """The timeline of one check.

    A result holds until the next one, but no longer than the policy's gap tolerance; a row of downs is downtime from
    its first result on when it is long enough, and else a blip. `open_ended` lets the last span hold for ever.
    """
    if not len(spans):
        return Timeline.empty()
    holds = spans.end + np.rint(policy.gap_tolerance * spans.interval).astype(np.int64)
    if open_ended:
        holds[-1] = FOREVER
    ends = np.minimum(holds, np.append(spans.begin[1:], FOREVER))
    # Each span and the gap behind it, which may be empty.
    edges = np.column_stack((spans.begin, ends)).ravel()
    states = np.full(len(edges) - 1, STATE_UNKNOWN, np.uint8)
    states[::2] = _states(spans, policy)
    there = edges[:-1] < edges[1:]
    return Timeline(edges=np.append(edges[:-1][there], edges[-1]), states=states[there])


def together(timelines: Sequence[Timeline]) -> Timeline:
    """Several checks of an application as one: down if any is down, else unknown, else degraded if any is."""
    if len(timelines) < 2:
        return timelines[0] if timelines else Timeline.empty()
    edges = np.unique(np.concatenate([timeline.edges for timeline in timelines]))
    if len(edges) < 2:
        return Timeline.empty()
    states = np.maximum.reduce([timeline.at(edges[:-1]) for timeline in timelines])
    change = np.append(True, states[1:] != states[:-1])
    return Timeline(edges=np.append(edges[:-1][change], edges[-1]), states=states[change])


def _states(spans: SpanArrays, policy: Policy) -> Codes:
    states = _STATE_OF_CODE[spans.verdict]
    # Unknown results are no part of any row and end none.
    known = np.flatnonzero(spans.verdict != UNKNOWN)
    down = spans.verdict[known] == DOWN
    begins = down & ~np.append(False, down[:-1])
    if not begins.any():
        return states
    row = np.cumsum(begins)[down] - 1
    n = np.bincount(row, weights=spans.n[known][down]).astype(np.int64)
    states[known[down]] = np.where(n >= policy.confirm, STATE_DOWN, STATE_BLIP)[row]
    return states
