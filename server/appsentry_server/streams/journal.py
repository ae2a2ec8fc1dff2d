"""The journal: the newest events of every stream in memory, the older ones in the history."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from appsentry_contract.events import RUN_ENDS, run_stream
from appsentry_server import payloads
from appsentry_server.store import reading
from appsentry_server.store.history import History

_KEPT_IN_MEMORY = 5_000
_NONE_LEFT = 2
"""The floor under a stream whose head is no longer known, and so 0: nothing can be replayed, whatever the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event as it is emitted. `seq` is None for a volatile one."""

    stream: str
    name: str
    seq: int | None
    payload: Mapping[str, Any]


class Journal:
    """The place of every stream, and the way back to what was said.

    `head` is the newest number that was published: a reader that asks for what follows its own place up to
    `head`, and is handed everything later live, misses nothing and hears nothing twice.
    """

    def __init__(self, history: History, heads: Mapping[str, int], floors: Mapping[str, int]) -> None:
        self.epoch = history.epoch
        self._history = history
        self._heads = dict(heads)
        self._floors = dict(floors)
        self._recent: dict[str, deque[Event]] = {}
        self._going: set[str] = set()
        """The streams of runs that have begun and not ended."""

    def head(self, stream: str) -> int:
        """The number of the newest published event; 0 before the first."""
        return self._heads.get(stream, 0)

    @property
    def heads(self) -> Mapping[str, int]:
        """The head of every stream."""
        return self._heads

    def floor(self, stream: str) -> int:
        """The oldest number that can still be replayed; more than the head when none can."""
        forgotten = self._is_run(stream) and stream not in self._heads and stream not in self._going
        return _NONE_LEFT if forgotten else self._floors.get(stream, 1)

    def raise_floors(self, floors: Mapping[str, int]) -> None:
        """Take note of what was trimmed from the history, and forget the runs of which nothing is left.

        Nothing is said of them any more, and their tests are in the history: they would only gather here.
        """
        self._floors = dict(floors)
        for stream in [stream for stream in self._floors if self._is_run(stream) and stream not in self._going]:
            if self._floors[stream] > self.head(stream):
                del self._floors[stream]
                self._heads.pop(stream, None)

    def publish(self, event: Event) -> None:
        """Take up an event that is committed."""
        assert event.seq == self.head(event.stream) + 1, f"{event.stream} skips from {self.head(event.stream)}"
        self._heads[event.stream] = event.seq
        recent = self._recent.get(event.stream)
        if recent is None:
            recent = self._recent[event.stream] = deque(maxlen=_KEPT_IN_MEMORY)
        recent.append(event)
        if event.name == "testRunStarted":
            self._going.add(run_stream(event.payload["testRunId"]))
        elif event.name in RUN_ENDS:
            # Nothing follows; who asks for it later is answered from the history.
            ended = run_stream(event.payload["testRunId"])
            self._going.discard(ended)
            self._recent.pop(ended, None)

    async def after(self, stream: str, seq: int, limit: int) -> list[Event]:
        """Published events that follow number `seq`, in order, at most `limit`. The caller has looked at `floor`."""
        head = self.head(stream)
        if seq >= head:
            return []
        recent = self._recent.get(stream)
        if recent and recent[0].seq is not None and recent[0].seq <= seq + 1:
            start = seq + 1 - recent[0].seq
            return list(islice(recent, start, start + limit))
        if stream == "metrics":
            rows = await self._history.read(reading.results_after(seq, head, limit))
            return [
                Event(stream=stream, name="healthMetricUpdate", seq=row.seq, payload=payloads.metric(row, self.epoch))
                for row in rows
            ]
        kept = await self._history.read(reading.events_after(stream, seq, head, limit))
        return [Event(stream=stream, name=row.name, seq=row.seq, payload=orjson.loads(row.payload)) for row in kept]

    @staticmethod
    def _is_run(stream: str) -> bool:
        return stream.startswith(run_stream(""))
