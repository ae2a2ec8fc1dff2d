"""The times in which the history keeps nothing: what is known of them, and who is told, how often."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from appsentry_contract.instants import to_wire
from appsentry_server.clock import Clock

_log = logging.getLogger(__name__)

_SAY_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which nothing could be committed, and that is over."""

    since_ms: int
    until_ms: int
    waited: int
    """How many results waited for its end, and are kept."""
    given_up: int
    """How many results found no room to wait, and are not."""

    def __str__(self) -> str:
        span = f"from {to_wire(self.since_ms)} to {to_wire(self.until_ms)}"
        lost = f", {self.given_up} had no room and were given up: their time is unknown" if self.given_up else ""
        return f"the history could keep nothing {span}; {self.waited} results waited and are kept{lost}"


class Outages:
    """Follows the history from failure to success. At most a line a minute is logged while it fails or flaps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said_at = float("-inf")
        self._said = False
        self._given_up_before = 0
        self._hear: Callable[[Outage], None] | None = None
        self.since_ms: int | None = None
        """Since when nothing is committed; None while all is well."""
        self.reason = ""
        """What the last commit that failed said."""
        self.refusals = 0
        """How many commits failed."""
        self.given_up = 0
        """How many results found no room."""

    def when_over(self, hear: Callable[[Outage], None]) -> None:
        """Call this with every outage that was worth a line, when it is over."""
        self._hear = hear

    def failed(self, reason: str, waiting: int) -> None:
        """Take note that nothing could be committed, with so much waiting."""
        self.refusals += 1
        self.reason = reason
        if self.since_ms is None:
            self.since_ms = self._clock.now_ms()
        now = self._clock.monotonic()
        if now - self._said_at >= _SAY_EVERY_S:
            self._said_at, self._said = now, True
            _log.error(
                "the history keeps nothing since %s and is tried again until it does (%d entries wait, %d results "
                "given up): %s",
                to_wire(self.since_ms), waiting, self.given_up - self._given_up_before, reason,
            )  # fmt: skip

    def over(self, waited: int) -> None:
        """Take note that a commit has succeeded, for which so many results waited."""
        since_ms, self.since_ms = self.since_ms, None
        if since_ms is None:
            return
        given_up, self._given_up_before = self.given_up - self._given_up_before, self.given_up
        said, self._said = self._said, False
        if said or given_up:
            outage = Outage(since_ms=since_ms, until_ms=self._clock.now_ms(), waited=waited, given_up=given_up)
            _log.warning("%s", outage)
            if self._hear is not None:
                self._hear(outage)


def brief(error: Exception) -> str:
    """The end of what a database says, which is the cause, without the paths before it."""
    return str(error).rstrip('"').rpartition(": ")[2] or type(error).__name__
