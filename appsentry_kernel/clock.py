"""The one place of the notebook side that reads the time, so that a test can put its own clock in."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for what people read, and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC. May jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait this long."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
