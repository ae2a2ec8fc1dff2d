"""Milliseconds by state, and the figures made of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.spans import SpanArrays
from appsentry_contract.accounting.timeline import STATES, Timeline, read, together


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A window's milliseconds by state; up, degraded, down and unknown add up to the window exactly."""

    up_ms: int = 0
    degraded_ms: int = 0
    down_ms: int = 0
    unknown_ms: int = 0
    blip_ms: int = 0
    """The part of `up_ms` in which results said down, too few of them in a row to count."""

    @property
    def known_ms(self) -> int:
        """The time of which something is known."""
        return self.up_ms + self.degraded_ms + self.down_ms

    @property
    def window_ms(self) -> int:
        """All of the time."""
        return self.known_ms + self.unknown_ms

    def bad_ms(self, policy: Policy) -> float:
        """Down time, and as much of degraded time as the policy does not count as good."""
        return self.down_ms + (1 - policy.degraded_weight) * self.degraded_ms

    @classmethod
    def of_states(cls, milliseconds: Sequence[int]) -> "Tally":
        """From one number for each of `STATES`, in their order."""
        up, blip, degraded, unknown, down = milliseconds
        return cls(up_ms=up + blip, degraded_ms=degraded, down_ms=down, unknown_ms=unknown, blip_ms=blip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptime:
    """Uptime as fractions. `value` is of known time, None when nothing is known; unknown time makes the range.

    `low` takes unknown time as down, `high` as up; both are None for a window of no length.
    """

    value: float | None
    low: float | None
    high: float | None


def account(checks: Sequence[SpanArrays], policy: Policy, since_ms: int, until_ms: int) -> Tally:
    """Count the time from `since_ms` until `until_ms` of the application that these checks watch together.

    Rows of downs are judged whole: spans outside the window decide with those inside whether a row is long enough, the
    window only cuts the time. An application without checks is unknown throughout.
    """
    return count(together([read(spans, policy) for spans in checks]), since_ms, until_ms)


def count(timeline: Timeline, since_ms: int, until_ms: int) -> Tally:
    """Count a timeline from `since_ms` until `until_ms`; an empty window when the one is not before the other."""
    window = timeline.within(since_ms, until_ms)
    if not len(window.states):
        return Tally()
    milliseconds = np.zeros(len(STATES), np.int64)
    np.add.at(milliseconds, window.states, np.diff(window.edges))
    return Tally.of_states(milliseconds.tolist())


def uptime(tally: Tally, policy: Policy) -> Uptime:
    """`up / (up + down)` of the known time, and the range that unknown time leaves open."""
    bad_ms = tally.bad_ms(policy)
    good_ms = tally.known_ms - bad_ms
    return Uptime(
        value=_share(good_ms, tally.known_ms),
        low=_share(good_ms, tally.window_ms),
        high=_share(good_ms + tally.unknown_ms, tally.window_ms),
    )


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None
