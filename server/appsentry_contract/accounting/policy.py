"""A policy: the named, versioned choices by which results are read as time, and time as figures."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, get_args

FOREVER: Final = 2**62
"""Longer than any history, in any unit; added to an instant it still fits into 64 bits."""

Weighting = Literal["time", "count"]
Treatment = Literal["excluded", "up", "measured"]
Gaps = Literal["unknown", "up", "down"]
Attempts = Literal["each", "last"]
Responses = Literal["passed", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHours:
    """When the service is promised: openings that recur by an RFC 5545 rule, on the wall clock of the policy's zone.

    `rule` says when they open (`FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=0`), `lasting` how much later the
    wall clock shows when they close: 8:00 for ten hours ends at 18:00 on every day, one of 23 hours included. An
    opening on a holiday does not take place.
    """

    rule: str
    lasting: timedelta
    holidays: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        if self.lasting <= timedelta(0):
            raise ValueError(f"expected service hours that last longer than nothing, found {self.lasting}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How results are counted. The same results may be counted under any number of policies."""

    name: str
    version: int = 1
    weighting: Weighting = "time"
    """Whether uptime is a share of time or of results; seconds by state are counted either way."""
    confirm: int = 3
    """How many results in a row must be down before they are downtime; 1 counts each."""
    attempts: Attempts = "each"
    """Whether each attempt counts, or of a result and its retries only the last."""
    gap_tolerance: float | None = 2.0
    """How many intervals a result holds when no other follows; at least 1. None: until the next, however late."""
    gaps: Gaps = "unknown"
    """What time is that no result covers."""
    maintenance: Treatment = "excluded"
    pauses: Treatment = "excluded"
    outside_service_hours: Treatment = "excluded"
    service_hours: ServiceHours | None = None
    """None: at all times."""
    degraded_weight: float = 1.0
    """How much of what is degraded is good: 1 counts it as up, 0 as down."""
    combine: str = "all"
    """How the checks of an application are taken together: up when `all` are, when `any` is, or when the named one."""
    responses: Responses = "passed"
    """Which results the mean response time is of: those that passed, or failures too."""
    zone: str = "UTC"
    """The time zone of calendar months and service hours, by its IANA name."""

    def __post_init__(self) -> None:
        tolerance = self.gap_tolerance
        if tolerance is not None and not 1 <= tolerance <= 1_000:
            raise ValueError(f"{self.name}: expected a gap_tolerance of 1 to 1000 intervals, found {tolerance}")
        if self.confirm < 1:
            raise ValueError(f"{self.name}: expected confirm of at least 1, found {self.confirm}")
        if not 0 <= self.degraded_weight <= 1:
            raise ValueError(f"{self.name}: expected a degraded_weight from 0 to 1, found {self.degraded_weight}")
        if not self.combine:
            raise ValueError(f"{self.name}: expected combine to be all, any or the id of a check, found nothing")
        for field, words in _WORDS.items():
            if (found := getattr(self, field)) not in words:
                raise ValueError(f"{self.name}: expected {field} to be {', '.join(words)}, found {found!r}")

    def hold(self, interval: int) -> int:
        """How long a result of a check made every `interval` holds when no other follows."""
        return FOREVER if self.gap_tolerance is None else round(self.gap_tolerance * interval)


_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "weighting": get_args(Weighting),
    "attempts": get_args(Attempts),
    "gaps": get_args(Gaps),
    "maintenance": get_args(Treatment),
    "pauses": get_args(Treatment),
    "outside_service_hours": get_args(Treatment),
    "responses": get_args(Responses),
}

DEFAULT = Policy(name="default")
