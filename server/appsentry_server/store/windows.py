"""What a window of time is made of: the spans that cover it, and its response times counted by bucket.

Both are read from what is kept beside the results, and completed from the results themselves: those since the summaries
were kept last, and those of the parts of days at the window's edges. So they are exact for any window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from appsentry_contract.accounting.histograms import ZEROS, Histograms, values_of
from appsentry_contract.accounting.sketch import LARGEST_MS, PER_BUCKET, SMALLEST_MS
from appsentry_contract.accounting.spans import VERDICTS
from appsentry_server.store import past
from appsentry_server.store.days import folded_up_to
from appsentry_server.store.history import Cursor
from appsentry_server.store.summaries import DAY_MS, kept_up_to

HOUR_MS: Final = 3_600_000
_AT_ONCE: Final = 4_096

SPANS: Final = """
    with after as (
        select application, "check", status, interval_ms, place,
            max(due_ms - place) over (partition by application, "check" order by place) as ahead
        from (
            select *, row_number() over (partition by application, "check" order by seq) as place from results
            where seq > {kept} and not simulated {chosen}
        )
    ), newest as (
        select application, "check", max(to_ms) as to_ms from spans where true {chosen} group by all
    ), single as (
        -- What is due no later than the one before counts as due a moment after it, as in the spans themselves.
        select application, "check", greatest(ahead, coalesce(to_ms, ahead)) + place as due_ms, status, interval_ms
        from after left join newest using (application, "check")
    ), every as (
        select application, "check", from_ms, to_ms, n, verdict, interval_ms from spans where true {chosen}
        union all
        select application, "check", due_ms, due_ms, 1, list_position({verdicts}, status) - 1, interval_ms from single
    ), reach as (
        -- A row of downs is judged whole, and what passed ends it: so from such a span to such a span.
        select application, "check",
            max(from_ms) filter (from_ms <= $from_ms and verdict <= 1) as first_ms,
            min(from_ms) filter (from_ms >= $to_ms and verdict <= 1) as last_ms
        from every group by all having max(to_ms) >= $from_ms and min(from_ms) < $to_ms
    )
    select application, "check", from_ms as "begin", to_ms as "end", n::bigint as results,
        {verdicts}[verdict + 1] as status, interval_ms / 1000.0 as interval_s
    from every join reach using (application, "check")
    where from_ms >= coalesce(first_ms, from_ms) and (last_ms is null or from_ms < last_ms)
    order by application, "check", "begin"
"""

_PACKED = """
    select application, "check", sketch from day_sketches where day_ms >= $begin_ms and day_ms < $end_ms {chosen}
    union all
    select application, "check", sketch from sketches where hour_ms >= $begin_ms and hour_ms < $end_ms {chosen}
"""

_COUNTED = """
    select application, "check", case when response_ms < {smallest} then {zeros}
        else ceil(ln(least(response_ms, {largest})) * {per_bucket})::bigint end as bucket, count(*) as n
    from ({parts}) where status in ('up', 'degraded') and not simulated and response_ms >= 0 {chosen}
    group by all
"""

_PART = "due_ms >= {begin_ms} and due_ms < {end_ms} and seq > {seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time from `from_ms` until before `to_ms`, of these applications; of all when none is named."""

    from_ms: int
    to_ms: int
    applications: Sequence[str] = ()

    def spans(self, cursor: Cursor) -> tuple[str, dict[str, Any]]:
        """The query for `SPAN_COLUMNS`, instants in milliseconds, and its parameters."""
        verdicts = "[" + ", ".join(f"'{verdict}'" for verdict in VERDICTS) + "]"
        query = SPANS.format(kept=kept_up_to(cursor), chosen=self._chosen, verdicts=verdicts)
        return query, {"from_ms": self.from_ms, "to_ms": self.to_ms, **self._parameters}

    def latencies(self, cursor: Cursor) -> pa.Table:
        """The response times in `LATENCY_COLUMNS`, by check and bucket, in that order."""
        begin_ms, end_ms = self._whole(folded_up_to(cursor))
        packed = cursor.sql(
            _PACKED.format(chosen=self._chosen), params={"begin_ms": begin_ms, "end_ms": end_ms, **self._parameters}
        ).to_arrow_table()
        counted = cursor.sql(self._counted(begin_ms, end_ms, kept_up_to(cursor)), params=self._parameters or None)
        return _merged(packed, counted.to_arrow_table())

    def _whole(self, folded_ms: int) -> tuple[int, int]:
        """The part of the window that consists of whole days, or of whole hours where they are still apart."""
        first = DAY_MS if self.from_ms < folded_ms else HOUR_MS
        last = DAY_MS if self.to_ms < folded_ms else HOUR_MS
        begin_ms, end_ms = -(-self.from_ms // first) * first, self.to_ms // last * last
        return (begin_ms, end_ms) if begin_ms < end_ms else (self.to_ms, self.to_ms)

    def _counted(self, begin_ms: int, end_ms: int, kept: int) -> str:
        parts = [(self.from_ms, begin_ms, -1), (begin_ms, end_ms, kept), (end_ms, self.to_ms, -1)]
        conditions = [_PART.format(begin_ms=begin, end_ms=end, seq=seq) for begin, end, seq in parts]
        tables = [past.table(one, chosen=bool(self.applications)) for one in conditions]
        return _COUNTED.format(
            parts=" union all ".join(map("from {}".format, tables)),
            chosen=self._chosen,
            smallest=SMALLEST_MS,
            largest=LARGEST_MS,
            zeros=ZEROS,
            per_bucket=PER_BUCKET,
        )

    @property
    def _chosen(self) -> str:
        return "and application in (select unnest($applications::varchar[]))" if self.applications else ""

    @property
    def _parameters(self) -> dict[str, Any]:
        return {"applications": list(self.applications)} if self.applications else {}


def _merged(packed: pa.Table, counted: pa.Table) -> pa.Table:
    """Packed sketches and counts of single buckets as one histogram a check."""
    schema = pa.schema([("application", pa.large_string()), ("check", pa.large_string())])
    keys = pa.concat_tables([table.select(schema.names).cast(schema) for table in (packed, counted)])
    groups, group = _groups(keys)
    histograms = Histograms(groups=groups.num_rows)
    place = 0
    for batch in packed.to_batches(max_chunksize=_AT_ONCE):
        # With 32-bit offsets or 64-bit ones: that is a setting of the whole history, not of this cursor.
        blobs = batch.column("sketch").cast(pa.large_binary())
        offsets = np.frombuffer(blobs.buffers()[1], np.int64)[blobs.offset : blobs.offset + len(blobs) + 1]
        data = np.frombuffer(blobs.buffers()[2] or b"", np.uint8)
        histograms.add_packed(group[place : place + len(batch)], data, offsets)
        place += len(batch)
    histograms.add(group[place:], counted.column("bucket").to_numpy(), counted.column("n").to_numpy())
    of, bucket, n = histograms.counts()
    return groups.take(of).append_column("response_ms", pa.array(values_of(bucket))).append_column("results", [n])


def _groups(keys: pa.Table) -> tuple[pa.Table, Any]:
    """The distinct checks, in order, and the place among them of each row's."""
    applications = keys.column("application").combine_chunks().dictionary_encode()
    checks = keys.column("check").combine_chunks().dictionary_encode()
    names, kinds = applications.dictionary.to_pylist(), checks.dictionary.to_pylist()
    pair = applications.indices.to_numpy().astype(np.int64) * max(1, len(kinds)) + checks.indices.to_numpy()
    found, place = np.unique(pair, return_inverse=True)
    words = [(names[one // len(kinds)], kinds[one % len(kinds)]) for one in found.tolist()]
    order = sorted(range(len(words)), key=words.__getitem__)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    table = {"application": [words[one][0] for one in order], "check": [words[one][1] for one in order]}
    return pa.table(table, keys.schema), rank[place] if len(place) else np.empty(0, np.int64)
