"""The history's owner: one thread writes, a few read, and nothing else touches the file."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

import duckdb

from appsentry_contract.errors import AppSentryError
from appsentry_server.store import schema
from appsentry_server.store.rows import EventRow, ResultRow, RunRow, TestRow

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection

_READERS = 2
_PUT_RUN = "insert or replace into runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class HistoryUnavailable(AppSentryError, OSError):
    """The history cannot be opened."""


@dataclass(slots=True)
class Batch:
    """What one transaction makes true."""

    results: list[ResultRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    runs: list[RunRow] = field(default_factory=list)
    tests: list[TestRow] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.results or self.events or self.runs or self.tests)


class History:
    """One DuckDB file. `commit` returns when the batch is on disk; `read` sees all that was committed before it."""

    def __init__(self, connection: Cursor) -> None:
        self._connection = connection
        self._results = connection.appender("results")
        self._events = connection.appender("events")
        self._tests = connection.appender("tests")
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history-writer")
        self._readers = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="history-reader")
        self.epoch = _epoch(connection)

    @classmethod
    async def open(cls, directory: Path) -> Self:
        """Open or make `history.duckdb` in this directory. Raises `HistoryUnavailable`."""
        return cls(await asyncio.to_thread(_open, directory))

    async def commit(self, batch: Batch) -> None:
        """Make the batch true, wholly or not at all. Raises `duckdb.Error` when it is not."""
        await self.write(lambda connection: self._append(batch))

    async def write(self, statement: Callable[[Cursor], T]) -> T:
        """Run this in a transaction of its own on the writing thread, behind the commits before it."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._transact, statement)

    async def read(self, query: Callable[[Cursor], T]) -> T:
        """Run a query on a reading thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_here, query)

    def read_here(self, query: Callable[[Cursor], T]) -> T:
        """Run a query on the calling thread, over a cursor of its own."""
        cursor = self._connection.cursor()
        try:
            return query(cursor)
        finally:
            cursor.close()

    async def close(self) -> None:
        """Finish what was begun and let go of the file."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._readers.shutdown)
        await loop.run_in_executor(self._writer, self._connection.close)
        await loop.run_in_executor(None, self._writer.shutdown)

    def _transact(self, statement: Callable[[Cursor], T]) -> T:
        self._connection.begin()
        try:
            answer = statement(self._connection)
            self._connection.commit()
        except BaseException:
            for appender in (self._results, self._events, self._tests):
                appender.clear()
            _roll_back(self._connection)
            raise
        return answer

    def _append(self, batch: Batch) -> None:
        for appender, rows in (
            (self._results, batch.results),
            (self._events, batch.events),
            (self._tests, batch.tests),
        ):
            if rows:
                appender.append_rows(rows)
                appender.flush()
        if batch.runs:
            # The last state of a run within the batch stands.
            newest = {row.run_id: row for row in batch.runs}
            self._connection.executemany(_PUT_RUN, list(newest.values()))


def _open(directory: Path) -> Cursor:
    path = directory / "history.duckdb"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(path, config={"threads": "2", "memory_limit": "2GB"})
        schema.create(connection)
    except (OSError, duckdb.Error) as error:
        raise HistoryUnavailable(
            f"the history {path} cannot be opened: {error}; "
            "stop the other server, or choose another place with --data-dir"
        ) from error
    return connection


def _roll_back(connection: Cursor) -> None:
    try:
        connection.rollback()
    except duckdb.TransactionException:
        # A failed commit has already ended the transaction.
        return


def _epoch(connection: Cursor) -> str:
    """The history's own name, given when it was made and kept across restarts."""
    connection.execute(
        "insert into about values ('epoch', ?), ('version', ?) on conflict do nothing",
        [secrets.token_hex(8), str(schema.VERSION)],
    )
    row = connection.execute("select value from about where key = 'epoch'").fetchone()
    assert row is not None
    return str(row[0])
