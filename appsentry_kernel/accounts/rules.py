"""Alert rules: when would each have fired, had it watched the results as they came?

A rule knows of an instant only what was known then: a row of downs is no downtime before it is confirmed.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from appsentry_contract.accounting.budget import allowed_share
from appsentry_contract.accounting.spans import CODES, DOWN, MAINTENANCE, UNKNOWN, Integers
from appsentry_contract.accounting.tally import bad_and_known
from appsentry_kernel.accounts.instants import instants, length
from appsentry_kernel.accounts.observations import CheckResults, Observations
from appsentry_kernel.accounts.outages import outages_of
from appsentry_kernel.accounts.part import Part
from appsentry_kernel.accounts.targets import target_of
from appsentry_kernel.errors import AppSentryError

Flags = npt.NDArray[np.bool_]
Firings = Iterable[tuple[int, int | None]]
"""When an alert fires, and when it clears: None while it does not."""


class Rule(Protocol):
    """Something that raises alerts."""

    @property
    def name(self) -> str:
        """What the rule is called in tables."""
        ...

    def firings(self, observations: Observations, part: Part) -> Firings:
        """When it fires for an application, and clears."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedDown:
    """Fires with the `n`-th result in a row of any check that is down; clears with the next that passes."""

    n: int = 3

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"expected n of at least 1, found {self.n}")

    @property
    def name(self) -> str:
        return f"{self.n} down in a row"

    def firings(self, observations: Observations, part: Part) -> Firings:
        return joined(pair for check in part.checks for pair in self._rows(check))

    def _rows(self, check: CheckResults) -> Firings:
        known = np.flatnonzero((check.verdict != UNKNOWN) & (check.verdict != MAINTENANCE))
        down, due = check.verdict[known] == DOWN, check.due[known]
        change = np.flatnonzero(np.diff(np.concatenate(([False], down, [False])).astype(np.int8)))
        for start, end in zip(change[::2].tolist(), change[1::2].tolist(), strict=True):
            if end - start >= self.n:
                yield int(due[start + self.n - 1]), int(due[end]) if end < len(due) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowResponses:
    """Fires when a check's `quantile` of response times over the last while is above a limit; clears when it is not.

    Looked at with each result that passed, over those in the stretch `over` that ends with it; not before there are
    enough of them to carry the quantile, `1 / (1 - quantile)`.
    """

    above_ms: float
    quantile: float = 0.95
    over: str = "10m"

    def __post_init__(self) -> None:
        if not 0 < self.quantile < 1:
            raise ValueError(f"expected a quantile between 0 and 1, found {self.quantile}")
        length(self.over)

    @property
    def name(self) -> str:
        return f"p{self.quantile * 100:g} over {self.over} above {self.above_ms:g} ms"

    def firings(self, observations: Observations, part: Part) -> Firings:
        return joined(pair for check in part.checks for pair in self._of_check(observations, check))

    def _of_check(self, observations: Observations, check: CheckResults) -> Firings:
        times = observations.numbers("response_ms", check.places)
        passed = np.isin(check.verdict, (CODES["up"], CODES["degraded"])) & ~np.isnan(times)
        due = check.due[passed]
        enough = math.ceil(1 / (1 - self.quantile) - 1e-9)
        over = pd.Timedelta(length(self.over), unit="us")
        rolling = pd.Series(times[passed], index=instants(due)).rolling(over, min_periods=enough)
        return stretches(due, (rolling.quantile(self.quantile) > self.above_ms).to_numpy())


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnWindow:
    """Fires while the burn rate is above `factor` over both stretches: the long one for weight, the short to clear."""

    factor: float
    long: str
    short: str


WORKBOOK: Final = (
    BurnWindow(factor=14.4, long="1h", short="5m"),
    BurnWindow(factor=6, long="6h", short="30m"),
    BurnWindow(factor=3, long="1d", short="2h"),
    BurnWindow(factor=1, long="3d", short="6h"),
)
"""Of the Google SRE workbook, "Alerting on SLOs", for a promise about 30 days: the first two page, the others wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRate:
    """Fires while any of the windows does, looked at every minute. Rates are compared unrounded.

    `target` is in percent or a fraction; without one, that of the account. Downtime counts from when it is confirmed.
    """

    target: float | None = None
    windows: tuple[BurnWindow, ...] = WORKBOOK
    every: str = "1m"

    @property
    def name(self) -> str:
        return "burn rate " + ", ".join(f"{window.factor:g} ({window.long}, {window.short})" for window in self.windows)

    def firings(self, observations: Observations, part: Part) -> Firings:
        target = part.target if self.target is None else target_of(self.target, "BurnRate")
        if target is None:
            raise AppSentryError("a burn rate is measured against a target: BurnRate(target=99.9), or targets=")
        looks = np.arange(part.since, part.until, length(self.every))
        firing = np.zeros(len(looks), np.bool_)
        for window in self.windows:
            long, short = (self._rate(part, target, length(over), looks) for over in (window.long, window.short))
            firing |= (long > window.factor) & (short > window.factor)
        return stretches(looks, firing)

    def _rate(self, part: Part, target: float, over: int, looks: Integers) -> npt.NDArray[np.float64]:
        """The burn rate as it was known at each look; 0 where nothing was."""
        begins = np.maximum(looks - over, part.since)
        both, place = np.unique(np.concatenate((begins, looks)), return_inverse=True)
        spent = part.reading.timeline.spent(both)
        bad, known = bad_and_known(spent[place[len(looks) :]] - spent[place[: len(looks)]], part.policy)
        for outage in outages_of(part):
            if outage.detected is not None and outage.detected > outage.begin:
                unconfirmed = (looks > outage.begin) & (looks < outage.detected)
                bad[unconfirmed] -= (looks - np.maximum(begins, outage.begin))[unconfirmed]
        with np.errstate(invalid="ignore"):
            return np.nan_to_num(bad / known) / float(allowed_share(target))


def stretches(instants: Integers, firing: Flags) -> Firings:
    """From looks at an alert to when it fires and clears."""
    change = np.flatnonzero(np.diff(np.concatenate(([False], firing, [False])).astype(np.int8)))
    for start, end in zip(change[::2].tolist(), change[1::2].tolist(), strict=True):
        yield int(instants[start]), int(instants[end]) if end < len(instants) else None


def joined(firings: Firings) -> Firings:
    """Alerts of several checks as those of their application: what overlaps is one."""
    result: list[tuple[int, int | None]] = []
    for fired, cleared in sorted(firings, key=lambda pair: pair[0]):
        if result and (result[-1][1] is None or fired <= result[-1][1]):
            last = result[-1][1]
            result[-1] = (result[-1][0], None if last is None or cleared is None else max(last, cleared))
        else:
            result.append((fired, cleared))
    return result
