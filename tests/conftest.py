"""What tests of several parts share: a real browser, a line to a server that can be cut, a clock that a test moves."""

import asyncio
import heapq
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

# Properties are about what holds, never about how long it takes on a busy machine.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The system's Chromium when there is one, else Playwright's own.

    It lives no longer than a module: while Playwright's loop is there, no other test of the process can run its own.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(_QUIET))
        yield browser
        browser.close()


class Cable:
    """A line to a server that can be cut and mended: a proxy on a thread of its own.

    `refused` counts the connections it broke because they asked for a WebSocket.
    """

    def __init__(self, server_url: str) -> None:
        parts = urlsplit(server_url)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._whole = True
        self._websockets = True
        self.refused = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection, and every new one, until the cable is mended."""
        self._do(self._cut())

    def mend(self) -> None:
        """Let new connections through again."""
        self._whole = True

    def refuse_websockets(self) -> None:
        """Break new WebSocket connections, as a careless proxy would."""
        self._websockets = False

    def close(self) -> None:
        """Take the cable away."""
        self._do(self._cut())
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _close(self) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        # A transport lets go of its socket a turn of the loop after it was aborted.
        for _ in range(3):
            await asyncio.sleep(0)

    async def _cut(self) -> None:
        self._whole = False
        for writer in self._writers:
            writer.transport.abort()
        while self._writers:
            await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._connect(reader, writer)
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65_536) if self._whole else b""
        unwanted = b"transport=websocket" in first and not self._websockets
        self.refused += unwanted
        if not first or unwanted:
            return
        onward_reader, onward = await asyncio.open_connection(*self._target)
        onward.write(first)
        self._writers |= {writer, onward}
        try:
            await asyncio.gather(self._pass_on(reader, onward), self._pass_on(onward_reader, writer))
        finally:
            onward.transport.abort()
            self._writers -= {writer, onward}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()


@pytest.fixture
def cable() -> Iterator[Callable[[str], Cable]]:
    """Lays a cable to a server."""
    laid: list[Cable] = []

    def lay(url: str) -> Cable:
        laid.append(Cable(url))
        return laid[-1]

    yield lay
    for cable in laid:
        cable.close()


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
