"""The account of one application, carried along as results come, so that no figure is counted from the start again."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import numpy as np

from appsentry_contract.accounting.policy import FOREVER, Policy
from appsentry_contract.accounting.spans import Spans
from appsentry_contract.accounting.tally import Tally
from appsentry_contract.accounting.timeline import STATE_UNKNOWN, STATES, Timeline, read, together

_NEVER: Final = -FOREVER


class Ledger:
    """Answers what `account` answers for the same spans, policy and window, at a cost that does not grow with history.

    Time up to the frontier is settled: no result that may still come changes its state. The time in each
    state is kept as running sums, and a window's edges are found in them by bisection. What is left, mostly one open
    span a check, is read anew only when a span has begun or a row of downs has become long enough.
    """

    def __init__(self, checks: Sequence[Spans], policy: Policy) -> None:
        if policy.gaps != "unknown":
            raise ValueError(f"{policy.name}: a ledger needs a policy that leaves gaps unknown, not {policy.gaps}")
        self._checks = tuple(checks)
        self._policy = policy
        self._sums = _Sums()
        self._settled = 0
        self._frontier = _NEVER
        self._as_read: object = None

    def tally(self, since: int, until: int) -> Tally:
        """Count the time from `since` until `until`."""
        holds = [self._hold(spans) for spans in self._checks]
        # Until the first check falls silent every last span may as well hold for ever, and growing changes nothing.
        open_ended = until <= min(holds, default=_NEVER)
        confirm = self._policy.confirm
        as_read = (
            None if open_ended else holds,
            [(spans.last_begin, min(spans.downs, confirm)) for spans in self._checks],
        )
        if as_read != self._as_read:
            self._read_anew(open_ended)
            self._as_read = as_read
        return self._sums.between(since, until)

    def forget(self, before: int) -> None:
        """Let go of settled time before this instant, which from now on is unknown."""
        self._settled -= self._sums.forget(before, self._settled)

    def _hold(self, spans: Spans) -> int:
        """Until when the newest result holds if no other comes."""
        return _NEVER if spans.last is None else spans.last + self._policy.hold(spans.interval)

    def _read_anew(self, open_ended: bool) -> None:
        """Read what is not settled, and settle what has become so."""
        self._sums.keep(self._settled)
        needed = [spans.needed(self._frontier) for spans in self._checks]
        rest = together([read(spans, self._policy, open_ended=open_ended) for spans in needed], self._policy.combine)
        if not len(rest.states):
            return
        settled = [spans.settled(self._policy.confirm) for spans in self._checks]
        frontier = min(_NEVER if instant is None else instant for instant in settled)
        begin = int(rest.edges[0]) if self._frontier == _NEVER else self._frontier
        if frontier > begin:
            self._sums.append(rest.within(begin, frontier))
            self._settled = len(self._sums)
            self._frontier = begin = frontier
        self._sums.append(rest.within(begin, int(rest.edges[-1])))


class _Sums:
    """Intervals that follow each other without a hole, with running sums of the time in each state."""

    def __init__(self) -> None:
        self._edges = array("q")
        self._states = array("B")
        self._sums = tuple(array("q") for _ in STATES)
        """At each edge, the time in a state up to it."""

    def __len__(self) -> int:
        return len(self._states)

    def append(self, timeline: Timeline) -> None:
        """Let these intervals follow; the first begins where the last ends."""
        if not len(timeline.states):
            return
        if not self._edges:
            self._edges.append(int(timeline.edges[0]))
            for sums in self._sums:
                sums.append(0)
        durations = np.diff(timeline.edges)
        for state, sums in enumerate(self._sums):
            sums.frombytes((sums[-1] + np.cumsum(durations * (timeline.states == state))).tobytes())
        self._edges.frombytes(timeline.edges[1:].tobytes())
        self._states.frombytes(timeline.states.tobytes())

    def keep(self, intervals: int) -> None:
        """Take back all but the first so many intervals."""
        del self._states[intervals:]
        for column in (self._edges, *self._sums):
            del column[intervals + 1 if intervals else 0 :]

    def forget(self, before: int, at_most: int) -> int:
        """Drop the intervals that end by `before`, `at_most` so many, and say how many they were."""
        intervals = min(at_most, max(0, bisect_right(self._edges, before) - 1))
        del self._states[:intervals]
        for column in (self._edges, *self._sums):
            del column[:intervals]
        return intervals

    def between(self, since: int, until: int) -> Tally:
        """Milliseconds by state; what lies outside the intervals is unknown."""
        if since >= until:
            return Tally()
        durations = [until - since for since, until in zip(self._until(since), self._until(until), strict=True)]
        durations[STATE_UNKNOWN] += until - since - sum(durations)
        return Tally.of_states(durations)

    def _until(self, instant: int) -> list[int]:
        """Milliseconds in each state up to an instant."""
        place = bisect_right(self._edges, instant) - 1
        if place < 0:
            return [0] * len(STATES)
        durations = [sums[place] for sums in self._sums]
        if place < len(self._states):
            durations[self._states[place]] += instant - self._edges[place]
        return durations
