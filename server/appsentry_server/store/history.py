"""The history's owner: one thread writes, a few read, and nothing else touches the file."""

import asyncio
import gc
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

import duckdb

from appsentry_server.store import schema
from appsentry_server.store.opening import HistoryUnavailable, open_file
from appsentry_server.store.rows import EventRow, ResultRow, RunRow, TestRow

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection

_READERS = 2
_READS_END_S = 5.0
OPENED_ANEW = "the history is being opened anew: ask again in a few seconds"
_GIVEN_UP = (duckdb.FatalException, duckdb.InternalException, duckdb.ConnectionException)
"""What DuckDB says when an open file can no longer be used."""

_PUT_RUN = "insert or replace into runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


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
    """One DuckDB file. `commit` returns when the batch is on disk; `read` sees all that was committed before it.

    DuckDB gives an open file up for good when it cannot write a checkpoint or finds a fault of its own. It is then
    opened anew in place, before the next transaction, and whoever reads it at that moment is refused.
    """

    def __init__(self, connection: Cursor, directory: Path) -> None:
        self._directory = directory
        self._appenders: tuple[duckdb.Appender, ...] = ()
        self._use(connection)
        self._given_up = False
        self._doubted: Batch | None = None
        self._reads: dict[Cursor, Callable[[], None]] = {}
        self._no_reads = threading.Condition()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history-writer")
        self._readers = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="history-reader")
        self.epoch = _epoch(connection)
        self.reopened = 0
        """How often the file was opened anew."""

    @classmethod
    async def open(cls, directory: Path) -> Self:
        """Open or make `history.duckdb` in this directory. Raises `HistoryUnavailable`."""
        return cls(await asyncio.to_thread(open_file, directory), directory)

    async def commit(self, batch: Batch) -> None:
        """Make the batch true, wholly or not at all. Raises `duckdb.Error` or `OSError` when that is not certain.

        The same batch may be tried again until it succeeds, and is then in the history once.
        """
        await asyncio.get_running_loop().run_in_executor(self._writer, self._commit_here, batch)

    async def write(self, statement: Callable[[Cursor], T]) -> T:
        """Run this in a transaction of its own on the writing thread, behind the commits before it.

        Raises `duckdb.Error` or `OSError`.
        """
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._transact, statement)

    async def read(self, query: Callable[[Cursor], T]) -> T:
        """Run a query on a reading thread. Raises `HistoryUnavailable` while the file cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_here, query)

    def read_here(self, query: Callable[[Cursor], T], give_way: Callable[[], None] | None = None) -> T:
        """Run a query on the calling thread, over a cursor of its own; `give_way` makes it end early."""
        with self._no_reads:
            if self._given_up:
                raise HistoryUnavailable(OPENED_ANEW)
            cursor = self._connection.cursor()
            self._reads[cursor] = give_way or cursor.interrupt
        try:
            return query(cursor)
        except _GIVEN_UP as error:
            raise HistoryUnavailable(OPENED_ANEW) from error
        finally:
            cursor.close()
            with self._no_reads:
                del self._reads[cursor]
                self._no_reads.notify_all()

    async def close(self) -> None:
        """Finish what was begun and let go of the file."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._readers.shutdown)
        await loop.run_in_executor(self._writer, self._connection.close)
        await loop.run_in_executor(None, self._writer.shutdown)

    def _use(self, connection: Cursor) -> None:
        self._connection = connection
        self._appenders = tuple(connection.appender(table) for table in ("results", "events", "tests"))

    def _commit_here(self, batch: Batch) -> None:
        # A commit can fail after it has reached the disk.
        in_doubt, self._doubted = self._doubted is batch, batch
        self._transact(lambda connection: None if in_doubt and _holds(connection, batch) else self._append(batch))
        self._doubted = None

    def _transact(self, statement: Callable[[Cursor], T]) -> T:
        if self._given_up:
            self._reopen()
        try:
            self._connection.begin()
            answer = statement(self._connection)
            self._connection.commit()
        except BaseException:
            self._take_back()
            raise
        return answer

    def _take_back(self) -> None:
        """Undo a transaction that failed, and find out whether the file can still be used."""
        try:
            for appender in self._appenders:
                appender.clear()
            self._connection.rollback()
        except duckdb.TransactionException:
            # A failed commit has already ended the transaction.
            pass
        except _GIVEN_UP:
            self._given_up = True
            return
        try:
            self._connection.execute("select 1").fetchall()
        except duckdb.Error:
            self._given_up = True

    def _reopen(self) -> None:
        """Take a new instance in place of one that DuckDB has given up. Raises `HistoryUnavailable`."""
        with self._no_reads:
            for give_way in self._reads.values():
                give_way()
            # While anything of the old instance is alive, DuckDB waits for it, and would for ever.
            if not self._no_reads.wait_for(lambda: not self._reads, timeout=_READS_END_S):
                raise HistoryUnavailable(f"the history cannot be opened anew: {len(self._reads)} queries do not end")
        self._connection.close()
        self._appenders = ()
        # An error that was told may still hold the frames of a query.
        gc.collect()
        self._use(open_file(self._directory))
        self._given_up = False
        self.reopened += 1

    def _append(self, batch: Batch) -> None:
        tables: tuple[Sequence[Sequence[object]], ...] = (batch.results, batch.events, batch.tests)
        for appender, rows in zip(self._appenders, tables, strict=True):
            if rows:
                appender.append_rows(rows)
                appender.flush()
        if batch.runs:
            # The last state of a run within the batch stands.
            newest = {row.run_id: row for row in batch.runs}
            self._connection.executemany(_PUT_RUN, list(newest.values()))


def _holds(connection: Cursor, batch: Batch) -> bool:
    """Whether this batch is in the history: a transaction is there wholly or not at all, so any of its rows tells.

    Runs alone do not tell, and need not: putting them in twice is putting them in once.
    """
    if batch.results:
        found = connection.execute("select 1 from results where seq = ?", [batch.results[0].seq])
    elif batch.events:
        event = batch.events[0]
        found = connection.execute("select 1 from events where stream = ? and seq = ?", [event.stream, event.seq])
    elif batch.tests:
        found = connection.execute("select 1 from tests where test_id = ?", [batch.tests[0].test_id])
    else:
        return False
    return found.fetchone() is not None


def _epoch(connection: Cursor) -> str:
    """The history's own name, given when it was made and kept across restarts."""
    connection.execute(
        "insert into about values ('epoch', ?), ('version', ?) on conflict do nothing",
        [secrets.token_hex(8), str(schema.VERSION)],
    )
    row = connection.execute("select value from about where key = 'epoch'").fetchone()
    assert row is not None
    return str(row[0])
