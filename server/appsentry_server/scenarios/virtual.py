"""Virtual time: an event loop on which hours pass as fast as what happens in them can be worked off.

How it thinks. A loop with nothing to do asks its selector to wait until its next timer. This one does not wait: it sets
its own time forward by as much. While anything is under way on a thread, such as a commit, time stands still. So every
time-out, of the product and of the standard library, is kept in virtual time, and the same script happens in the same
order every time.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import timedelta
from typing import Any, TypeVar, TypeVarTuple

from appsentry_server.clock import SystemClock
from appsentry_server.scenarios.wall import Wall

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_BEGAN_S = 1_000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is its own."""

    def __init__(self) -> None:
        self._passed_s = _BEGAN_S
        self._on_threads = 0
        super().__init__(_NeverWaiting(self))

    def time(self) -> float:
        return self._passed_s

    def passes(self, seconds: float) -> bool:
        """Let so much time pass, or none, and say so, while a thread is at work."""
        if self._on_threads:
            return False
        self._passed_s += seconds
        return True

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._on_threads += 1
        future.add_done_callback(self._back)
        return future

    async def shutdown_default_executor(self, *within: Any) -> None:
        # It waits for a thread by other means, and newer Pythons with a deadline.
        self._on_threads += 1
        try:
            await super().shutdown_default_executor(*within)
        finally:
            self._on_threads -= 1

    def _back(self, _: asyncio.Future[Any]) -> None:
        self._on_threads -= 1


class _NeverWaiting(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None and self._loop.passes(timeout):
            return ready
        return super().select(None)


class VirtualClock(SystemClock):
    """The clock of what runs on a `VirtualLoop`, from the script's start on; its wall jumps as the script says."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    @property
    def elapsed(self) -> timedelta:
        """How long ago the script began."""
        return timedelta(seconds=self.monotonic() - self._began)

    def now_ms(self) -> int:
        return self._wall.at(self.elapsed // timedelta(microseconds=1)) // 1000

    def monotonic(self) -> float:
        return self._loop.time()

    def boot(self) -> float:
        return self._loop.time()
