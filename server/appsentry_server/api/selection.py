"""Which rows of the history are asked for, and the SQL that reads them slice by slice.

A query that sorted or grouped the whole answer would hold the whole answer. So the time asked for is cut into
slices of about as many rows each, along the bounds of buckets, and each slice is sorted or grouped on its own:
what comes out is the same, and memory does not grow with it. The texts are put together from constants; what a
client sends is only ever bound to a parameter.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from appsentry_contract.columns import RESULT_COLUMNS, Column, columns_of
from appsentry_server.store import past
from appsentry_server.store.history import Cursor

Resolution = Literal["raw", "1m", "1h", "1d"]
Form = Literal["arrow", "csv", "json"]
"""How values leave the database: `arrow` as they are, instants as RFC 3339 in the two others."""

_MINUTE_MS = 60_000
BUCKET_MS: Mapping[Resolution, int] = {"1m": _MINUTE_MS, "1h": 60 * _MINUTE_MS, "1d": 1440 * _MINUTE_MS}
_STEP_MS: Mapping[Resolution, int] = {**BUCKET_MS, "raw": 10 * _MINUTE_MS, "1m": 10 * _MINUTE_MS}
"""The grain of slices; a whole number of buckets."""

_SLICE_ROWS = 200_000
BATCH_ROWS = 10_000

_RAW_EXPRESSIONS = {"ts": "due_ms", "interval_s": "interval_ms / 1000.0"}

_COUNTED = "select due_ms // {step}, count(*) from {rows} group by 1 order by 1"
_RAW = "select {named} from {rows} order by due_ms, seq"
_FORMED = "select {values} from ({query})"
_OBJECTS = "select to_json(object)::varchar from ({query}) as object"
_ROLLUP = """
    select due_ms - due_ms % {bucket} as ts, application, "check", type, count(*) as checks,
        count(*) filter (status = 'up') as up, count(*) filter (status = 'degraded') as degraded,
        count(*) filter (status = 'down') as down, count(*) filter (status = 'unknown') as unknown,
        avg(response_ms) filter (answered) as response_mean_ms,
        min(response_ms) filter (answered) as response_min_ms,
        quantile_cont(response_ms, 0.5) filter (answered) as response_p50_ms,
        quantile_cont(response_ms, 0.95) filter (answered) as response_p95_ms,
        quantile_cont(response_ms, 0.99) filter (answered) as response_p99_ms,
        max(response_ms) filter (answered) as response_max_ms,
        max(late_ms) as late_max_ms
    from (select *, status in ('up', 'degraded') as answered from {rows})
    group by all order by ts, application, "check", type
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Results with `from_ms <= due < to_ms`; no application or no type named means all of them."""

    from_ms: int
    to_ms: int
    applications: Sequence[str] = ()
    types: Sequence[str] = ()
    resolution: Resolution = "raw"
    simulated: bool = False

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns of the answer."""
        return columns_of(self.resolution)

    def batches(self, cursor: Cursor, form: Form) -> Iterator[pa.RecordBatch]:
        """The answer in the order of time, as the history is when the first batch is asked for."""
        cursor.execute("set arrow_large_buffer_size = true")
        cursor.begin()
        for from_ms, to_ms in self._slices(cursor):
            query = formed(self._query(), self.columns, form)
            yield from cursor.sql(query, params=self._values(from_ms, to_ms)).to_arrow_reader(BATCH_ROWS)

    def _slices(self, cursor: Cursor) -> list[tuple[int, int]]:
        """The bounds of slices that hold about `_SLICE_ROWS` rows each, or one step when that holds more."""
        step = _STEP_MS[self.resolution]
        counted = cursor.execute(
            _COUNTED.format(step=step, rows=self._rows),
            self._values(self.from_ms, self.to_ms),
        ).fetchall()
        slices: list[tuple[int, int]] = []
        gathered = _SLICE_ROWS
        for place, rows in counted:
            begin, end = max(self.from_ms, place * step), min(self.to_ms, (place + 1) * step)
            if gathered + rows > _SLICE_ROWS:
                slices.append((begin, end))
                gathered = rows
            else:
                slices[-1] = (slices[-1][0], end)
                gathered += rows
        return slices

    @property
    def _rows(self) -> str:
        parts = ["due_ms >= $from_ms and due_ms < $to_ms"]
        if self.applications:
            parts.append("application in (select unnest($applications::varchar[]))")
        if self.types:
            parts.append("type in (select unnest($types::varchar[]))")
        if not self.simulated:
            parts.append("not simulated")
        return past.table(" and ".join(parts), chosen=bool(self.applications))

    def _values(self, from_ms: int, to_ms: int) -> dict[str, Any]:
        """What is bound to the parameters of `_rows`."""
        names = {"applications": list(self.applications), "types": list(self.types)}
        return {"from_ms": from_ms, "to_ms": to_ms, **{name: values for name, values in names.items() if values}}

    def _query(self) -> str:
        if self.resolution != "raw":
            return _ROLLUP.format(bucket=BUCKET_MS[self.resolution], rows=self._rows)
        named = ", ".join(f"{_RAW_EXPRESSIONS.get(name, _quoted(name))} as {_quoted(name)}" for name in RESULT_COLUMNS)
        return _RAW.format(named=named, rows=self._rows)


def formed(query: str, columns: Mapping[str, Column], form: Form) -> str:
    """The query with its values in this form; for JSON one object a row."""
    values = ", ".join(f"{_value(name, column, form)} as {_quoted(name)}" for name, column in columns.items())
    named = _FORMED.format(values=values, query=query)
    return _OBJECTS.format(query=named) if form == "json" else named


def _value(name: str, column: Column, form: Form) -> str:
    if column.kind == "instant":
        if form == "arrow":
            return f"{_quoted(name)} * 1000"
        return f"strftime(epoch_ms({_quoted(name)}), '%Y-%m-%dT%H:%M:%S.%gZ')"
    if form == "json" and column.kind == "number":
        return f"case when isfinite({_quoted(name)}) then {_quoted(name)} end"
    if form == "csv" and column.kind in ("text", "word"):
        # A spreadsheet takes text that begins like this for a formula, and what a check found is not ours.
        return rf"""case when regexp_matches({_quoted(name)}, '^[=+\-@\t\r\n＝＋－＠]')
            then '''' || {_quoted(name)} else {_quoted(name)} end"""
    return _quoted(name)


def _quoted(name: str) -> str:
    return f'"{name}"'
