"""Exports: answers of any size, made on threads of their own and handed over as fast as they are taken."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa

from appsentry_contract.columns import Column
from appsentry_server.api.encodings import Encoding
from appsentry_server.api.problems import Problem
from appsentry_server.api.selection import Form
from appsentry_server.store.history import OPENED_ANEW, Cursor, History
from appsentry_server.store.opening import HistoryUnavailable

AT_ONCE = 4
"""Exports that are made side by side; they leave the history's own reading threads alone."""

MOST_WAITING = 100
_CHUNKS_AHEAD = 2


class Rows(Protocol):
    """What can be exported."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns of the answer."""
        ...

    def batches(self, cursor: Cursor, form: Form) -> Iterator[pa.RecordBatch]:
        """The answer, bit by bit, with its values in this form."""
        ...


class Exports:
    """Makes exports, so many at once; the next ones wait for their turn, and too many are refused."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="history-export")
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.opened = 0
        """How many are being made or wait for their turn."""
        self._pipes: set[_Pipe] = set()
        self._closed = False

    async def stream(self, selection: Rows, encoding: Encoding) -> AsyncGenerator[bytes]:
        """The chunks of one answer. Closing it early stops the query behind it at once.

        Raises `Problem` 503 when too many wait already or the server stops, `HistoryUnavailable` when the history is
        opened anew, `duckdb.Error` when it cannot be read.
        """
        if self.opened >= AT_ONCE + MOST_WAITING:
            detail = f"{self.opened} histories are being read: ask again in a little while"
            raise Problem(503, detail, headers={"Retry-After": "5"})
        self.opened += 1
        try:
            await self._turns.acquire()
            pipe = self._begin(selection, encoding)
            try:
                while (chunk := await pipe.take()) is not None:
                    yield chunk
            finally:
                pipe.abandon()
        finally:
            self.opened -= 1

    async def close(self) -> None:
        """Break off what is being made and wait until no thread reads the history any more."""
        self._closed = True
        for pipe in self._pipes:
            pipe.abandon()
        await asyncio.to_thread(self._threads.shutdown)

    def _begin(self, selection: Rows, encoding: Encoding) -> "_Pipe":
        """Have an export made by a thread. The turn passes on when that thread is free, whoever reads until then."""
        if self._closed:
            self._turns.release()
            raise _stopping()
        pipe = _Pipe()
        self._pipes.add(pipe)

        def ended(made: asyncio.Future[None]) -> None:
            self._turns.release()
            self._pipes.discard(pipe)
            error = made.exception()
            # Whoever still reads what was abandoned was left alone with it by `close`.
            broken_off = _stopping() if self._closed else HistoryUnavailable(OPENED_ANEW)
            pipe.finish(broken_off if error is not None and pipe.abandoned else error)

        making = asyncio.get_running_loop().run_in_executor(
            self._threads,
            self._history.read_here,
            lambda cursor: _make(cursor, selection, encoding, pipe),
            pipe.abandon,
        )
        making.add_done_callback(ended)
        return pipe


def _stopping() -> Problem:
    return Problem(503, "the server is stopping")


class _Abandoned(Exception):
    """Nobody reads the answer any more."""


def _make(cursor: Cursor, selection: Rows, encoding: Encoding, pipe: "_Pipe") -> None:
    with pipe.interrupting(cursor):
        writer = encoding.open(selection.columns)
        for batch in selection.batches(cursor, encoding.form):
            pipe.put(writer.write(batch))
        pipe.put(writer.end())


class _Pipe:
    """A few chunks on their way from a thread to the event loop, on which it is made."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(_CHUNKS_AHEAD)
        self._lock = threading.Lock()
        self._cursor: Cursor | None = None
        self._error: BaseException | None = None
        self.abandoned = False

    @contextmanager
    def interrupting(self, cursor: Cursor) -> Iterator[None]:
        """Interrupt what this cursor does in here when the reader goes away. Raises `_Abandoned` when it has."""
        with self._lock:
            if self.abandoned:
                raise _Abandoned
            self._cursor = cursor
        try:
            yield
        finally:
            with self._lock:
                self._cursor = None

    def put(self, chunk: bytes) -> None:
        """Hand over a chunk, from the thread, once there is room. Raises `_Abandoned`."""
        if not chunk:
            return
        self._room.acquire()
        if self.abandoned:
            raise _Abandoned
        self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)

    def finish(self, error: BaseException | None) -> None:
        """Say, on the loop, that nothing follows, and why when it is not the end."""
        self._error = error
        self._chunks.put_nowait(None)

    async def take(self) -> bytes | None:
        """The next chunk, None after the last. Raises what the thread did not survive."""
        chunk = await self._chunks.get()
        self._room.release()
        if chunk is None and self._error is not None:
            raise self._error
        return chunk

    def abandon(self) -> None:
        """Let the thread end as soon as it can."""
        with self._lock:
            self.abandoned = True
            if self._cursor is not None:
                self._cursor.interrupt()
        self._room.release()
