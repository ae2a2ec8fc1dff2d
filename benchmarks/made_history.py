"""A long history, made in the real schema in minutes instead of months: results, spans and daily sketches of them."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from appsentry_contract.accounting.sketch import Sketch
from appsentry_contract.accounting.spans import CODES, Integers, SpanArrays
from appsentry_server.store import past
from appsentry_server.store.opening import open_file

DAY_MS = 86_400_000
CHECK = "health"
SEED = 5

_INSERT = """
    insert into results
    select ? + row_number() over () - 1 as seq, due_ms + 40, format('r-5eed5eed5eed5eed-{:x}', seq), due_ms,
        format('app-{:04d}', application), 'health', 'health', ['up', 'degraded', 'down'][verdict + 1],
        response_ms, if(passed, dns_ms, null), if(passed, connect_ms, null), if(passed, tls_ms, null),
        if(passed, round(response_ms - dns_ms - connect_ms - tls_ms - transfer_ms, 3), null),
        if(passed, transfer_ms, null),
        if(passed, null, 'status'), if(passed, null, 'expected 200 to 299, found 503'), null, null,
        null, 1, late_ms, ?, 'here', false
    from (select *, verdict < 2 as passed from made)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How much history is made; it ends at a whole day."""

    applications: int
    days: int
    end_ms: int
    interval_ms: int = 30_000

    @property
    def ticks(self) -> int:
        """Results of an application in a day."""
        return DAY_MS // self.interval_ms

    @property
    def rows(self) -> int:
        """All results."""
        return self.applications * self.days * self.ticks

    @property
    def begin_ms(self) -> int:
        """Where it begins."""
        return self.end_ms - self.days * DAY_MS

    def due_ms(self, application: int) -> Integers:
        """When an application's results were due: applications take turns within the interval."""
        offset = application * self.interval_ms // self.applications
        return self.begin_ms + offset + np.arange(self.days * self.ticks, dtype=np.int64) * self.interval_ms


def make(folder: Path, shape: Shape) -> int:
    """Fill a new history in this folder; gives the bytes that the results take.

    Response times are lognormal around each application's own median. One result in 2,000 is slow and degraded, one in
    5,000 is down alone, and an application has an outage every two weeks.
    """
    random = np.random.default_rng(SEED)
    verdicts = _outages(shape, random)
    connection = open_file(folder)
    try:
        for day in range(shape.days):
            table, sketches = _day(shape, day, verdicts, random)
            connection.register("made", table)
            connection.execute(_INSERT, [1 + day * len(table), shape.interval_ms])
            connection.unregister("made")
            connection.register("made", sketches)
            connection.execute("insert into day_sketches select * from made")
            connection.unregister("made")
            _keep(connection, "summaries_seq", (day + 1) * len(table))
            for step in past.plan(shape.begin_ms + (day + 1) * DAY_MS, len(table))(connection):
                step(connection)
            if sys.stderr.isatty() or day % 10 == 9:
                print(f"made {day + 1} of {shape.days} days …", file=sys.stderr, flush=True)
        connection.execute("checkpoint")
        results_bytes = (folder / "history.duckdb").stat().st_size
        for spans in _spans(shape, verdicts):
            connection.register("made", spans)
            connection.execute("insert into spans select * from made")
            connection.unregister("made")
        _keep(connection, "day_sketches_ms", shape.end_ms)
        connection.execute("checkpoint")
    finally:
        connection.close()
    return results_bytes


def end_of(folder: Path) -> int:
    """Where the history that was made in this folder ends."""
    with duckdb.connect(folder / "history.duckdb", read_only=True) as connection:
        (found,) = connection.execute("select value::bigint from about where key = 'day_sketches_ms'").fetchall()
    return int(found[0])


def _keep(connection: duckdb.DuckDBPyConnection, key: str, value: int) -> None:
    connection.execute("insert or replace into about values (?, ?)", [key, str(value)])


def _outages(shape: Shape, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Verdicts by tick and application: down in outages, and up elsewhere so far."""
    verdicts = np.full((shape.days * shape.ticks, shape.applications), CODES["up"], np.uint8)
    outages = max(1, shape.days // 14)
    for application in range(shape.applications):
        for begin in random.integers(0, len(verdicts), outages):
            verdicts[begin : begin + random.integers(3, 240), application] = CODES["down"]
    return verdicts


def _day(
    shape: Shape, day: int, verdicts: npt.NDArray[np.uint8], random: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    """A day's results in the order of time, and its sketches; its verdicts are made whole."""
    size = (shape.ticks, shape.applications)
    mine = verdicts[day * shape.ticks : (day + 1) * shape.ticks]
    medians = 20 * 20 ** (np.arange(shape.applications) / shape.applications)
    z = random.standard_normal(size)
    chance = random.random(size)
    mine[(chance < 0.0002) & (mine == CODES["up"])] = CODES["down"]
    mine[(z > 3.29) & (mine == CODES["up"])] = CODES["degraded"]
    response = np.round(medians * np.exp(0.35 * z), 3)
    begin = shape.begin_ms + day * DAY_MS
    due = (
        begin
        + np.arange(shape.ticks)[:, None] * shape.interval_ms
        + (np.arange(shape.applications) * shape.interval_ms // shape.applications)[None, :]
    )
    applications = np.broadcast_to(np.arange(shape.applications, dtype=np.int16), size)
    columns: dict[str, npt.NDArray[np.generic]] = {
        "due_ms": due,
        "application": applications,
        "verdict": np.searchsorted([CODES["up"], CODES["degraded"], CODES["down"]], mine).astype(np.uint8),
        "response_ms": response,
        "dns_ms": np.round(0.2 + 0.3 * chance, 3),
        "connect_ms": np.round(response * 0.1, 3),
        "tls_ms": np.round(response * (0.1 + 0.05 * chance), 3),
        "transfer_ms": np.round(0.1 + 0.1 * chance, 3),
        "late_ms": np.round(np.abs(z), 3),
    }
    passed = mine != CODES["down"]
    sketches = [_sketch(response[passed[:, one], one]) for one in range(shape.applications)]
    return pa.table({name: pa.array(np.ravel(values)) for name, values in columns.items()}), pa.table(
        {
            "application": [f"app-{one:04d}" for one in range(shape.applications)],
            "check": [CHECK] * shape.applications,
            "day_ms": np.full(shape.applications, begin),
            "sketch": sketches,
        }
    )


def _sketch(times_ms: npt.NDArray[np.float64]) -> bytes:
    sketch = Sketch()
    sketch.add_all(times_ms)
    return sketch.to_bytes()


def _spans(shape: Shape, verdicts: npt.NDArray[np.uint8]) -> Iterator[pa.Table]:
    """The spans of a hundred applications at a time, in the columns of their table."""
    interval = np.full(len(verdicts), shape.interval_ms, np.int64)
    for first in range(0, shape.applications, 100):
        parts = []
        for one in range(first, min(first + 100, shape.applications)):
            spans = SpanArrays.of_results(shape.due_ms(one), np.ascontiguousarray(verdicts[:, one]), interval)
            names = {"application": [f"app-{one:04d}"] * len(spans), "check": [CHECK] * len(spans)}
            numbers = {name: getattr(spans, name) for name in ("begin", "end", "n", "verdict", "interval")}
            parts.append(pa.table({**names, **numbers}))
        yield pa.concat_tables(parts)
