"""The watchdog: it notices a loop that stood still and a wall clock that jumped, and says so. It restarts nothing."""

import logging
from collections.abc import Callable
from datetime import timedelta

from appsentry_server import durations
from appsentry_server.clock import Clock
from appsentry_server.lag import BEAT_S, Lag

_log = logging.getLogger(__name__)

_TOLD_FROM_S = 1.0
_TOLD_EVERY_S = 60.0
"""What happens again within a minute is told together, at its end."""


class Watchdog:
    """Beats for `lag` and compares the wall clock with the one that only grows."""

    def __init__(self, clock: Clock, lag: Lag, tell: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._lag = lag
        self._standstills = _Told(clock, tell, _standing_still)
        self._forward = _Told(clock, tell, _forward)
        self._back = _Told(clock, tell, _back)
        self._offset_s = self._wall_offset_s()
        self.worst_s = 0.0
        """The longest standstill so far."""
        self.jumps = 0
        """How often the wall clock jumped by a second or more."""

    async def work(self) -> None:
        """Watch, for ever."""
        self._lag.beat()
        while True:
            await self._clock.sleep(BEAT_S)
            self._look()

    def _look(self) -> None:
        stood_still_s = self._lag.beat()
        self.worst_s = max(self.worst_s, stood_still_s)
        if stood_still_s >= _TOLD_FROM_S:
            self._standstills.add(stood_still_s)
        before, self._offset_s = self._offset_s, self._wall_offset_s()
        jumped_s = self._offset_s - before
        if abs(jumped_s) >= _TOLD_FROM_S:
            self.jumps += 1
            (self._forward if jumped_s > 0 else self._back).add(abs(jumped_s))
        for told in (self._standstills, self._forward, self._back):
            told.tell()

    def _wall_offset_s(self) -> float:
        return self._clock.now_ms() / 1000 - self._clock.boot()


class _Told:
    """Tells what happened, in the log and to people, at once and then at most once a minute."""

    def __init__(self, clock: Clock, tell: Callable[[str, str], None], wording: Callable[[int, float], str]) -> None:
        self._clock = clock
        self._tell = tell
        self._wording = wording
        self._told_at = float("-inf")
        self._count, self._sum_s = 0, 0.0

    def add(self, seconds: float) -> None:
        self._count += 1
        self._sum_s += seconds

    def tell(self) -> None:
        if not self._count or self._clock.monotonic() - self._told_at < _TOLD_EVERY_S:
            return
        message = self._wording(self._count, self._sum_s)
        self._told_at = self._clock.monotonic()
        self._count, self._sum_s = 0, 0.0
        _log.warning("%s", message)
        self._tell("warning", message)


def _standing_still(count: int, seconds: float) -> str:
    return f"the monitor stood still for {_written(count, seconds)}: what was due meanwhile was not looked at"


def _forward(count: int, seconds: float) -> str:
    return f"the wall clock was set forward by {_written(count, seconds)}: what of it was not measured is unknown"


def _back(count: int, seconds: float) -> str:
    return (
        f"the wall clock was set back by {_written(count, seconds)}: until it has caught up, results are unknown where"
        " that time was already counted"
    )


def _written(count: int, seconds: float) -> str:
    times = f", {count} times in all" if count > 1 else ""
    return durations.write(timedelta(seconds=round(seconds, 1 if seconds < 60 else 0))) + times
