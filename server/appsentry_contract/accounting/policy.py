"""A policy: the named, versioned choices by which results are read as time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How results are counted. The same results may be counted under any number of policies."""

    name: str
    version: int = 1
    gap_tolerance: float = 2.0
    """How many intervals a result holds when no other follows; at least 1."""
    confirm: int = 3
    """How many results in a row must be down before they are downtime; 1 counts each."""
    degraded_weight: float = 1.0
    """How much of degraded time is good: 1 counts it as up, 0 as down."""

    def __post_init__(self) -> None:
        if not 1 <= self.gap_tolerance <= 1_000:
            raise ValueError(
                f"{self.name}: expected a gap_tolerance of 1 to 1000 intervals, found {self.gap_tolerance}"
            )
        if self.confirm < 1:
            raise ValueError(f"{self.name}: expected confirm of at least 1, found {self.confirm}")
        if not 0 <= self.degraded_weight <= 1:
            raise ValueError(f"{self.name}: expected a degraded_weight from 0 to 1, found {self.degraded_weight}")

    def hold(self, interval: int) -> int:
        """How long a result of a check made every `interval` holds when no other follows."""
        return round(self.gap_tolerance * interval)


DEFAULT = Policy(name="default")
