"""Allowances: so much at once, and so much again with time."""

from dataclasses import dataclass


@dataclass(slots=True)
class Allowance:
    """At most `burst` at once, refilled at `a_second`; full at first. Times are seconds of one monotonic clock."""

    a_second: float
    burst: float
    left: float
    at: float = 0.0

    def take(self, now: float, count: float = 1) -> bool:
        """Whether so many more are within the allowance; they are counted when they are."""
        self.left = min(self.burst, self.left + (now - self.at) * self.a_second)
        self.at = now
        if self.left < count:
            return False
        self.left -= count
        return True

    def wait_s(self, count: float = 1) -> float:
        """How long it was, at the last `take`, until so many are left."""
        return max(0.0, (count - self.left) / self.a_second)
