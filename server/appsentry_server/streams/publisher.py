"""Commit, then publish: everything that happens passes here in one order, is numbered, stored and only then told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import orjson

from appsentry_contract.instants import to_wire
from appsentry_server import payloads
from appsentry_server.clock import Clock
from appsentry_server.results import Result
from appsentry_server.store.history import Batch, History
from appsentry_server.store.rows import EventRow, RunRow, TestRow, result_row
from appsentry_server.streams.journal import Event, Journal
from appsentry_server.streams.outages import Outages, brief
from appsentry_server.streams.waiting import Room, Waiting

_log = logging.getLogger(__name__)

COMMIT_SPACING_S = 0.05
"""Commits start at least this far apart: a commit costs the same for one row as for fifty."""

_MOST_AT_ONCE = 2_000
"""Entries of one commit. After a failure many wait, and numbering them all in one go would hold the event loop up."""

_RETRY_S = (0.25, 0.5, 1.0, 2.0)
_SLOW_S = 5.0
"""A commit that takes longer is taken for one that fails, though it may still succeed."""

_RESULT_SIZE = 600
_ROW_SIZE = 400
_VOLATILE_SIZE = 600
"""Taken for granted: there is one with nearly every result, and measuring costs as much as numbering."""

Listener = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Said:
    """An event that waits for its number."""

    stream: str
    name: str
    payload: Mapping[str, Any]
    volatile: bool


_Entry = _Said | Result | RunRow | TestRow | asyncio.Future[None]


class Publisher:
    """The one queue between what happens and who hears of it.

    The order of calls is the order in the history and on the wire, volatile events included. A commit that
    fails is tried again, unchanged, until it succeeds: nothing behind it overtakes it. What waits meanwhile is
    bounded: in a full queue new results are given up before anything follows from them, and volatile events dropped.
    """

    def __init__(self, history: History, journal: Journal, clock: Clock, room: Room | None = None) -> None:
        self._history = history
        self._journal = journal
        self._clock = clock
        self._waiting: Waiting[_Entry] = Waiting(room or Room())
        self._wake = asyncio.Event()
        self._listeners: list[Listener] = []
        self.outages = Outages(clock)
        self.commits = 0
        self.last_result = journal.head("metrics")
        """The number that the newest result has or will have."""

    @property
    def failing_since_ms(self) -> int | None:
        """Since when nothing is committed; None while all is well."""
        return self.outages.since_ms

    @property
    def waiting(self) -> int:
        """How many entries are not committed yet."""
        return len(self._waiting)

    @property
    def waiting_size(self) -> int:
        """Their size as JSON, in bytes, nearly."""
        return self._waiting.size

    def listen(self, listener: Listener) -> None:
        """Call this with every event after it is committed, in order."""
        self._listeners.append(listener)

    def result(self, result: Result) -> bool:
        """Keep a result; `healthMetricUpdate` follows from the row. False when it is given up for want of room.

        What is said before the next result belongs to this one, and is committed with it.
        """
        if self._waiting.full:
            self.outages.given_up += 1
            return False
        self.last_result += 1
        failure = result.outcome.failure
        self._put(result, _RESULT_SIZE + (len(failure.message) if failure else 0), begins=True)
        return True

    def event(self, stream: str, name: str, payload: Mapping[str, Any]) -> None:
        """Say something durable."""
        self._put(_Said(stream, name, payload, volatile=False), len(orjson.dumps(payload)))

    def volatile(self, stream: str, name: str, payload: Mapping[str, Any]) -> None:
        """Say something that only matters now."""
        if not self._waiting.full:
            self._put(_Said(stream, name, payload, volatile=True), _VOLATILE_SIZE)

    def run(self, row: RunRow) -> None:
        """Keep a run's new state."""
        self._put(row, _ROW_SIZE)

    def test(self, row: TestRow) -> None:
        """Keep a test that has ended."""
        self._put(row, _ROW_SIZE)

    async def settled(self) -> None:
        """Wait until all that was handed in so far is committed and told."""
        told = self._waiting.newest
        if not isinstance(told, asyncio.Future):
            told = asyncio.get_running_loop().create_future()
            self._put(told, 0)
        await asyncio.shield(told)

    async def work(self) -> None:
        """Commit and tell, for ever."""
        while True:
            await self._wake.wait()
            began = self._clock.monotonic()
            await self._pass_on(self._waiting.take(_MOST_AT_ONCE))
            if not self._waiting:
                self._wake.clear()
            await self._clock.sleep(max(0.0, began + COMMIT_SPACING_S - self._clock.monotonic()))

    def _put(self, entry: _Entry, size: int, *, begins: bool = False) -> None:
        self._waiting.put(entry, size, begins=begins)
        self._wake.set()

    async def _pass_on(self, entries: list[_Entry]) -> None:
        batch, told = self._number(entries)
        if batch:
            await self._commit(batch)
        for item in told:
            if isinstance(item, asyncio.Future):
                if not item.done():
                    item.set_result(None)
                continue
            if item.seq is not None:
                self._journal.publish(item)
            for listener in self._listeners:
                await self._tell(listener, item)

    def _number(self, entries: list[_Entry]) -> tuple[Batch, list[Event | asyncio.Future[None]]]:
        """Give every durable entry the next number of its stream, counted from what is already published."""
        batch = Batch()
        told: list[Event | asyncio.Future[None]] = []
        heads: dict[str, int] = {}
        now_ms = self._clock.now_ms()
        at, epoch = to_wire(now_ms), self._journal.epoch

        def head(stream: str) -> int:
            return heads[stream] if stream in heads else self._journal.head(stream)

        for entry in entries:
            match entry:
                case Result():
                    heads["metrics"] = seq = head("metrics") + 1
                    row = result_row(seq, now_ms, entry)
                    batch.results.append(row)
                    payload: Mapping[str, Any] = payloads.metric(row, epoch)
                    told.append(Event(stream="metrics", name="healthMetricUpdate", seq=seq, payload=payload))
                case _Said(stream=stream, name=name, volatile=True):
                    place = {"stream": stream, "epoch": epoch, "after": head(stream), "at": at}
                    told.append(Event(stream=stream, name=name, seq=None, payload={**place, **entry.payload}))
                case _Said(stream=stream, name=name):
                    heads[stream] = seq = head(stream) + 1
                    payload = {"stream": stream, "seq": seq, "epoch": epoch, "at": at, **entry.payload}
                    batch.events.append(EventRow(stream, seq, now_ms, name, orjson.dumps(payload).decode()))
                    told.append(Event(stream=stream, name=name, seq=seq, payload=payload))
                case RunRow():
                    batch.runs.append(entry)
                case TestRow():
                    batch.tests.append(entry)
                case asyncio.Future():
                    told.append(entry)
        return batch, told

    async def _commit(self, batch: Batch) -> None:
        tries = 0
        while (problem := await self._try(batch)) is not None:
            self._note(problem)
            await self._clock.sleep(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
            tries += 1
        self.commits += 1
        if self.outages.since_ms is not None:
            self.outages.over(waited=len(batch.results) + self._waiting.count(Result))

    async def _try(self, batch: Batch) -> str | None:
        """Commit once; what went wrong, None when nothing did."""
        committing = asyncio.ensure_future(self._history.commit(batch))
        try:
            while not (await asyncio.wait({committing}, timeout=_SLOW_S))[0]:
                self._note(f"a commit has not ended within {_SLOW_S:g} s")
            await committing
        except (duckdb.Error, OSError) as error:
            return brief(error)
        finally:
            committing.cancel()
        return None

    def _note(self, problem: str) -> None:
        self.outages.failed(problem, len(self._waiting))

    @staticmethod
    async def _tell(listener: Listener, event: Event) -> None:
        try:
            await listener(event)
        except Exception:  # noqa: BLE001 - one bad listener must not silence the others
            _log.exception("a listener failed on %s", event.name)
