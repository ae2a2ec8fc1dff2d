"""What is kept besides the results, so that no figure needs a scan: spans of equal verdict and hourly sketches."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from appsentry_contract.accounting.sketch import Sketch
from appsentry_contract.accounting.spans import SpanArrays
from appsentry_server.store.history import Cursor
from appsentry_server.store.rows import ResultRow

Key = tuple[str, str]
"""The ids of an application and of a check of it."""

_SPAN_COLUMNS = {"from_ms": "begin", "to_ms": "end", "n": "n", "verdict": "verdict", "interval_ms": "interval"}
"""The table's columns, and what they are in spans, which are counted here in milliseconds."""

_KEPT_UP_TO = "summaries_seq"
"""In the table `about`: the number of the last result that spans and sketches hold."""
DAY_MS = 86_400_000
_MARGIN_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Summaries:
    """Spans and sketches of every result up to number `seq` of the metrics stream."""

    seq: int
    spans: Mapping[Key, SpanArrays]
    sketches: Mapping[tuple[Key, int], Sketch]
    """By check and the hour's start in milliseconds; only hours that may still grow."""


def keep(summaries: Summaries) -> Callable[[Cursor], None]:
    """Write what changed since the last time; a span or sketch that is there is replaced."""

    def statement(cursor: Cursor) -> None:
        spans = [
            (*key, *values)
            for key, arrays in summaries.spans.items()
            for values in zip(*(getattr(arrays, name).tolist() for name in _SPAN_COLUMNS.values()), strict=True)
        ]
        sketches = [(*key, hour_ms, sketch.to_bytes()) for (key, hour_ms), sketch in summaries.sketches.items()]
        _replace(cursor, "spans", spans)
        _replace(cursor, "sketches", sketches)
        cursor.execute("insert or replace into about values (?, ?)", [_KEPT_UP_TO, str(summaries.seq)])

    return statement


def _replace(cursor: Cursor, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    # One statement for all: a statement a row takes 2 ms each, and every commit waits behind it.
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        values = ", ".join(["unnest(?)"] * len(columns))
        cursor.execute(f"insert or replace into {table} select {values}", columns)


def kept(hours_since_ms: int) -> Callable[[Cursor], Summaries]:
    """What was written last, with the sketches of hours from `hours_since_ms` on."""

    def query(cursor: Cursor) -> Summaries:
        columns = cursor.execute(
            'select application, "check", from_ms, to_ms, n, verdict, interval_ms from spans '
            'order by application, "check", from_ms'
        ).fetchnumpy()
        sketches = cursor.execute(
            'select application, "check", hour_ms, sketch from sketches where hour_ms >= ?', [hours_since_ms]
        ).fetchall()
        return Summaries(
            seq=kept_up_to(cursor),
            spans=_by_check(columns),
            sketches={
                ((application, check), hour_ms): Sketch.from_bytes(packed)
                for application, check, hour_ms, packed in sketches
            },
        )

    return query


def kept_up_to(cursor: Cursor) -> int:
    """The number of the last result that is in the summaries; 0 when none is."""
    rows = cursor.execute("select value from about where key = ?", [_KEPT_UP_TO]).fetchall()
    return int(rows[0][0]) if rows else 0


def forget(before_ms: int) -> Callable[[Cursor], None]:
    """Delete what says nothing of the time from `before_ms` on.

    A span that ended a little earlier may still hold then, or be part of a row of downs that does: a week is left.
    """

    def statement(cursor: Cursor) -> None:
        cursor.execute("delete from spans where to_ms < ?", [before_ms - _MARGIN_MS])
        cursor.execute("delete from sketches where hour_ms < ?", [before_ms])
        cursor.execute("delete from day_sketches where day_ms < ?", [before_ms - DAY_MS])

    return statement


def real(rows: Iterable[ResultRow]) -> Iterable[ResultRow]:
    """Those that count: what the simulator made counts in no figure."""
    return (row for row in rows if not row.simulated)


def _by_check(columns: Mapping[str, Any]) -> dict[Key, SpanArrays]:
    applications, checks = np.asarray(columns["application"]), np.asarray(columns["check"])
    if not len(applications):
        return {}
    change = (applications[1:] != applications[:-1]) | (checks[1:] != checks[:-1])
    starts = [0, *(np.flatnonzero(change) + 1).tolist()]
    spans = {}
    for start, end in zip(starts, [*starts[1:], len(applications)], strict=True):
        part = {name: np.asarray(columns[column][start:end]) for column, name in _SPAN_COLUMNS.items()}
        spans[str(applications[start]), str(checks[start])] = SpanArrays(
            begin=part["begin"].astype(np.int64),
            end=part["end"].astype(np.int64),
            n=part["n"].astype(np.int64),
            verdict=part["verdict"].astype(np.uint8),
            interval=part["interval"].astype(np.int64),
        )
    return spans
