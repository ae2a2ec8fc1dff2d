"""What accounts of long windows are made from, over HTTP: spans of equal verdict, and response times counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from appsentry_contract.columns import LATENCY_COLUMNS, SPAN_COLUMNS, Column
from appsentry_server.api.call import Call, Reply
from appsentry_server.api.history import StretchQuery, streamed
from appsentry_server.api.selection import BATCH_ROWS, Form, formed
from appsentry_server.store.history import Cursor
from appsentry_server.store.windows import Window


@dataclass(frozen=True, slots=True)
class SpanRows:
    """The spans of a window, by application and check, in the order of time."""

    window: Window

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns of the answer."""
        return SPAN_COLUMNS

    def batches(self, cursor: Cursor, form: Form) -> Iterator[pa.RecordBatch]:
        """The answer as the history is when the first batch is asked for."""
        cursor.execute("set arrow_large_buffer_size = true")
        cursor.begin()
        query, parameters = self.window.spans(cursor)
        yield from cursor.sql(formed(query, self.columns, form), params=parameters).to_arrow_reader(BATCH_ROWS)


@dataclass(frozen=True, slots=True)
class LatencyRows:
    """The response times of a window, by application, check and length."""

    window: Window

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns of the answer."""
        return LATENCY_COLUMNS

    def batches(self, cursor: Cursor, form: Form) -> Iterator[pa.RecordBatch]:
        """The answer as the history is when the first batch is asked for."""
        cursor.execute("set arrow_large_buffer_size = true")
        cursor.begin()
        cursor.register("latencies", self.window.latencies(cursor))
        query = formed("from latencies", self.columns, form)
        yield from cursor.sql(query).to_arrow_reader(BATCH_ROWS)


async def read_spans(call: Call[StretchQuery, Any]) -> Reply:
    """Begin to stream the spans."""
    return streamed(call, SpanRows(_window(call)))


async def read_latencies(call: Call[StretchQuery, Any]) -> Reply:
    """Begin to stream the response times."""
    return streamed(call, LatencyRows(_window(call)))


def _window(call: Call[StretchQuery, Any]) -> Window:
    from_ms, to_ms = call.query.stretch(call.api.services.clock)
    return Window(from_ms=from_ms, to_ms=to_ms, applications=call.query.application)
