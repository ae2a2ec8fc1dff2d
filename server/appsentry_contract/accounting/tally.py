"""Time by state, and the figures made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from appsentry_contract.accounting.policy import Policy
from appsentry_contract.accounting.spans import Integers, SpanArrays
from appsentry_contract.accounting.timeline import (
    STATE_BLIP,
    STATE_DEGRADED,
    STATE_DOWN,
    STATE_UP,
    STATES,
    Timeline,
    read,
    together,
)

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A window's time by state; up, degraded, down, unknown and excluded add up to the window exactly.

    The same holds the number of results by the state that each stands for.
    """

    up: int = 0
    degraded: int = 0
    down: int = 0
    unknown: int = 0
    excluded: int = 0
    blip: int = 0
    """The part of `up` in which results said down, too few of them in a row to count."""

    @property
    def known(self) -> int:
        """The time of which something is known."""
        return self.up + self.degraded + self.down

    @property
    def accountable(self) -> int:
        """The time that counts: known or unknown, not excluded."""
        return self.known + self.unknown

    @property
    def window(self) -> int:
        """All of the time."""
        return self.accountable + self.excluded

    def bad(self, policy: Policy) -> float:
        """Down time, and as much of degraded time as the policy does not count as good."""
        return self.down + (1 - policy.degraded_weight) * self.degraded

    def bad_exactly(self, policy: Policy) -> Fraction:
        """The same as a fraction, the weight being the decimal number that it is written as."""
        return self.down + (1 - Fraction(str(policy.degraded_weight))) * self.degraded

    @classmethod
    def of_states(cls, durations: Sequence[int]) -> "Tally":
        """From one number for each of `STATES`, in their order."""
        excluded, up, blip, degraded, unknown, down = durations
        return cls(up=up + blip, degraded=degraded, down=down, unknown=unknown, excluded=excluded, blip=blip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptime:
    """Uptime as fractions. `value` is of known time, None when nothing is known; unknown time makes the range.

    `low` takes unknown time as down, `high` as up; both are None for a window of which nothing counts.
    """

    value: float | None
    low: float | None
    high: float | None


def account(checks: Sequence[SpanArrays], policy: Policy, since: int, until: int) -> Tally:
    """Count the time from `since` until `until` of the application that these checks watch together.

    Rows of downs are judged whole: spans outside the window decide with those inside whether a row is long enough, the
    window only cuts the time. An application without checks is unknown throughout.
    """
    return count(together([read(spans, policy) for spans in checks], policy.combine), since, until)


def count(timeline: Timeline, since: int, until: int) -> Tally:
    """Count a timeline from `since` until `until`; an empty window when the one is not before the other."""
    window = timeline.within(since, until)
    if not len(window.states):
        return Tally()
    durations = np.zeros(len(STATES), np.int64)
    np.add.at(durations, window.states, np.diff(window.edges))
    return Tally.of_states(durations.tolist())


def uptime(tally: Tally, policy: Policy) -> Uptime:
    """`up / (up + down)` of the known time, and the range that unknown time leaves open."""
    bad = tally.bad(policy)
    good = tally.known - bad
    return Uptime(
        value=_share(good, tally.known),
        low=_share(good, tally.accountable),
        high=_share(good + tally.unknown, tally.accountable),
    )


def bad_time(time: Tally, results: Tally, policy: Policy) -> Fraction:
    """The bad time under the policy, exactly: by count, the bad results' share of the known ones times the known time.

    Where no result that could be counted was made in the window, time is all there is to go by.
    """
    if policy.weighting == "count" and results.known:
        return results.bad_exactly(policy) / results.known * time.known
    return time.bad_exactly(policy)


def bad_and_known(rows: Integers, policy: Policy) -> tuple[Numbers, Numbers]:
    """`Tally.bad` and `Tally.known` of many tallies at once: rows of time, or of results, by `STATES`."""
    degraded, down = rows[:, STATE_DEGRADED], rows[:, STATE_DOWN]
    known = rows[:, STATE_UP] + rows[:, STATE_BLIP] + degraded + down
    return down + (1 - policy.degraded_weight) * degraded, known.astype(np.float64)


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None
