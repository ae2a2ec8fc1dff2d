"""The one place that reads the time or waits for it, so that a test can put its own clock in."""

import asyncio
import time
from typing import Protocol

# Where there is no such clock the monotonic one goes on while the machine sleeps, or does not tell.
_BOOT: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Wall time for what people read, monotonic time for what is scheduled, and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC. May jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow, on the scale of the event loop's own timers."""
        ...

    def boot(self) -> float:
        """Seconds that only grow, those in which the whole machine slept included."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait this long."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for the event, at most this long; whether it came."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def boot(self) -> float:
        return time.clock_gettime(_BOOT)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await event.wait()
        except TimeoutError:
            return False


class Onward:
    """A clock whose wall time never goes back: set back, it stands still until the wall has caught up.

    For what is numbered, so that the order of the numbers is the order of the times written beside them. It does
    not begin before `since_ms`.
    """

    def __init__(self, clock: Clock, since_ms: int) -> None:
        self._newest_ms = since_ms
        self._clock = clock
        self.monotonic = clock.monotonic
        self.boot = clock.boot
        self.sleep = clock.sleep
        self.wait = clock.wait

    def now_ms(self) -> int:
        self._newest_ms = max(self._newest_ms, self._clock.now_ms())
        return self._newest_ms
