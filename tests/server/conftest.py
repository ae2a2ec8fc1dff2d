"""What the server's tests share: a clock that only moves when a test moves it."""

import asyncio
import heapq
from itertools import count

import pytest


class MovedClock:
    """Wall and monotonic time under a test's hand; whoever sleeps wakes in the order of their alarms."""

    def __init__(self, now_ms: int = 1_790_000_000_000) -> None:
        self.wall_ms = float(now_ms)
        self.elapsed = 1_000.0
        self.slept = 0.0
        self._alarms: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now_ms(self) -> int:
        return int(self.wall_ms)

    def monotonic(self) -> float:
        return self.elapsed

    def boot(self) -> float:
        return self.elapsed + self.slept

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._alarms, (self.elapsed + seconds, next(self._order), future))
        await future

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        waiting = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.sleep(seconds))]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return event.is_set()

    async def settle(self) -> None:
        """Let everything that can run without time passing run."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Let this much time pass, alarm by alarm."""
        until = self.elapsed + seconds
        await self.settle()
        while self._alarms and self._alarms[0][0] <= until:
            at, _, future = heapq.heappop(self._alarms)
            if future.done():
                continue
            self._move(max(at, self.elapsed))
            future.set_result(None)
            await self.settle()
        self._move(until)
        await self.settle()

    def jump(self, seconds: float) -> None:
        """Set the wall clock to another time, as an administrator would."""
        self.wall_ms += seconds * 1000

    def stall(self, seconds: float) -> None:
        """Let time pass while the process does nothing, as when it is suspended."""
        self._move(self.elapsed + seconds)

    def suspend(self, seconds: float) -> None:
        """Let the whole machine sleep this long: the monotonic clock does not know of it."""
        self.wall_ms += seconds * 1000
        self.slept += seconds

    def _move(self, at: float) -> None:
        self.wall_ms += (at - self.elapsed) * 1000
        self.elapsed = at


@pytest.fixture
def moved_clock() -> MovedClock:
    """A clock that only moves when the test moves it."""
    return MovedClock()
