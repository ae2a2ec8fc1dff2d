"""The one background thread of a session: an event loop that owns its socket, its HTTP, its timers and widget sends.

The kernel's own loop stands still while a cell runs; this one does not. Whoever wants something of it posts a call and,
unless it is this thread itself, may wait for the answer.
"""

import asyncio
import atexit
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar
from weakref import WeakSet

from appsentry_kernel.errors import SessionClosed

T = TypeVar("T")

_log = logging.getLogger(__name__)

_FAREWELL_S = 5.0
_JOIN_S = 10.0

_running: "WeakSet[IoThread]" = WeakSet()


class IoThread:
    """A daemon thread with its own event loop, from construction until `close` or the interpreter's end."""

    def __init__(self, name: str, farewell: Callable[[], Awaitable[None]]) -> None:
        self._farewell = farewell
        self._lock = threading.RLock()  # reentrant: a garbage collection inside it may let another thread go
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name=name, daemon=True)
        self._thread.start()
        ready.wait()
        if self.closed:
            raise OSError("no event loop could be started: perhaps too many files are open; restart the kernel")
        _running.add(self)

    @property
    def closed(self) -> bool:
        """Whether the thread is gone, or about to go."""
        return self._loop is None

    def post(self, call: Callable[..., object], *args: object) -> None:
        """Have the thread make a call soon. From any thread; returns at once; nothing happens once it is closed."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, *args)

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine as a task of its own, until `close` at most; a failure is logged. On this thread only."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def call(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function on the thread and wait for what it returns or raises; interrupting cancels it.

        Raises `SessionClosed` when the thread is gone, or goes meanwhile. Never call it from the thread itself.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("the I/O thread cannot wait for itself")
        with self._lock:
            if self._loop is None:
                raise _closed()
            answer = asyncio.run_coroutine_threadsafe(work(), self._loop)
        try:
            return answer.result()
        except CancelledError:
            raise _closed() from None
        except KeyboardInterrupt:
            answer.cancel()
            raise

    def let_go(self) -> None:
        """End the thread soon, without waiting for it."""
        with self._lock:
            loop, self._loop = self._loop, None
            if loop is not None:
                loop.call_soon_threadsafe(self._stop.set)

    def close(self) -> None:
        """End the thread and wait until it is gone, with its loop and all its tasks. Closing twice is fine."""
        self.let_go()
        if threading.current_thread() is not self._thread:
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                _log.warning("%s did not end within %g s", self._thread.name, _JOIN_S)

    def _run(self, ready: threading.Event) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve(ready))
        except OSError as error:
            _log.error("the session's event loop failed: %s", error)
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        ready.set()
        await self._stop.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self._farewell()
        except Exception:  # noqa: BLE001 - the thread ends whatever a good-bye runs into, and says what it was
            _log.exception("closing the session did not end in order")

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task of the session failed", exc_info=error)


def _closed() -> SessionClosed:
    return SessionClosed("the session is closed; open another one: s = sentry.connect()")


@atexit.register
def _close_all() -> None:
    for thread in list(_running):
        thread.close()
