"""The results seen live, kept in columns: the newest day, at most so many rows."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from appsentry_kernel.clock import Clock
from appsentry_kernel.frames import results_batch
from appsentry_sources.arrow import RESULT_SCHEMA

AGE = timedelta(hours=24)
_CHUNK = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenResults:
    """A table of results, oldest first, and how many seen ones are no longer in it."""

    table: pa.Table
    trimmed: int


class ResultLog:
    """Results as they arrive: the newest few as they came, all others sealed in Arrow chunks that never change.

    One thread adds, any thread reads: the lock is held only while a chunk is sealed or the chunks are listed.
    """

    def __init__(self, *, keep: int, clock: Clock) -> None:
        self._keep = keep
        self._clock = clock
        self._lock = Lock()
        self._sealed: deque[pa.RecordBatch] = deque()
        self._sealed_rows = 0
        self._open: list[Mapping[str, Any]] = []
        self._seen = 0

    @property
    def rows(self) -> int:
        """How many rows are held, a chunk or two more than are shown."""
        return self._sealed_rows + len(self._open)

    def add(self, metric: Mapping[str, Any]) -> None:
        """Keep one `healthMetricUpdate`."""
        with self._lock:
            self._open.append(metric)
            self._seen += 1
            if len(self._open) >= _CHUNK:
                self._seal()

    def clear(self) -> None:
        """Start anew after a hole that cannot be filled: what was kept counts as trimmed."""
        with self._lock:
            self._sealed.clear()
            self._open.clear()
            self._sealed_rows = 0

    def seen(self) -> SeenResults:
        """The results that were due in the last 24 hours, the newest `keep` of them."""
        with self._lock:
            batches = [*self._sealed, results_batch(self._open)]
            seen = self._seen
        table = pa.Table.from_batches(batches, schema=RESULT_SCHEMA)
        recent = pc.greater_equal(table.column("ts"), self._oldest())
        if not pc.all(recent).as_py():
            table = table.filter(recent)
        table = table.slice(max(0, table.num_rows - self._keep))
        return SeenResults(table=table, trimmed=seen - table.num_rows)

    def _seal(self) -> None:
        batch = results_batch(self._open)
        self._sealed.append(batch)
        self._sealed_rows += batch.num_rows
        self._open = []
        oldest = self._oldest()
        while self._sealed and (
            self._sealed_rows - self._sealed[0].num_rows >= self._keep
            or pc.max(self._sealed[0].column("ts")).as_py() < oldest.as_py()
        ):
            self._sealed_rows -= self._sealed.popleft().num_rows

    def _oldest(self) -> pa.Scalar:
        now_us = self._clock.now_ms() * 1_000
        return pa.scalar(now_us - AGE // timedelta(microseconds=1), pa.timestamp("us", tz="UTC"))
