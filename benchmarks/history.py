"""`python -m benchmarks.history`: what a long history answers, and how fast, beside others on a sample."""

import argparse
import platform
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import duckdb
import numpy as np
import orjson
import pandas as pd
import psutil

import appsentry_kernel as sentry
from appsentry_kernel.session import Session
from benchmarks.made_history import DAY_MS, Shape, end_of, make
from benchmarks.process import Process, cores, end_in_order, running

REPETITIONS = 5
STREAMED_ROWS = 10_000_000
DRAWN_POINTS = 1_000_000
MEGABYTE = 1_000_000

WHOLE = {"applications": 1_000, "days": 90}
QUICK = {"applications": 50, "days": 31}
"""Shows that it works; its figures say little."""

CONFIGURATION = """
applications:
  - id: bystander
    checks: [{type: health, url: "http://127.0.0.1:9/", interval: 1h}]
"""

KUMA = """
    create table heartbeat (id integer primary key autoincrement, important boolean not null default 0,
        monitor_id integer not null, status smallint not null, msg text, time datetime not null, ping integer,
        duration integer not null default 0, down_count integer not null default 0);
    create index monitor_time_index on heartbeat (monitor_id, time);
"""

KUMA_TABLE = """
    select monitor_id, avg(status = 1), max(ping) filter (where place <= n * 0.5),
        max(ping) filter (where place <= n * 0.95), max(ping) filter (where place <= n * 0.99), count(*)
    from (select *, row_number() over monitor as place, count(ping) over (partition by monitor_id) as n
          from heartbeat window monitor as (partition by monitor_id order by ping))
    group by monitor_id
"""

RAW_TABLE = """
    select application, avg((status in ('up', 'degraded'))::int), count(*),
        quantile_cont(response_ms, [0.5, 0.95, 0.99]) filter (status in ('up', 'degraded'))
    from sample group by application
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure: what was done, how long it took, and what else is to be said."""

    name: str
    seconds: list[float]
    note: str = ""

    def __str__(self) -> str:
        middle = f"{median(self.seconds) * 1000:10,.0f} ms"
        spread = f"({min(self.seconds) * 1000:,.0f} to {max(self.seconds) * 1000:,.0f})"
        return f"  {self.name:<62}{middle}   {spread:<20} {self.note}"


def timed(work: Callable[[], object], repetitions: int = REPETITIONS) -> list[float]:
    """How long it takes, each time."""
    taken = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return taken


def instant(ms: int) -> datetime:
    """The UTC instant."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def tables(session: Session, shape: Shape) -> Iterator[Line]:
    """The SLA table of the whole history, from within a kernel."""
    begin, end = instant(shape.begin_ms), instant(shape.end_ms)
    windows = {
        "whole days": (begin, end),
        "beginning and ending within a day": (begin + timedelta(hours=10), end - timedelta(hours=14)),
    }
    for name, (since, until) in windows.items():
        found = session.sla(since, until, targets=99.9)
        assert len(found) == shape.applications, found
        assert found["responses"].sum() > 0.9 * shape.rows * ((until - since) / (end - begin))
        yield Line(
            name=f"s.sla, {shape.days} days of {shape.applications:,} applications, {name}",
            seconds=timed(lambda since=since, until=until: session.sla(since, until, targets=99.9)),  # type: ignore[misc]
        )


def raw(session: Session, shape: Shape) -> Iterator[Line]:
    """One application's month as a frame."""
    end = instant(shape.end_ms)
    name = f"app-{shape.applications // 2:04d}"

    def ask() -> pd.DataFrame:
        return session.history(end - timedelta(days=30), end, application=name)

    assert len(ask()) == 30 * shape.ticks
    yield Line(name=f"s.history, 30 days raw of one application, {30 * shape.ticks:,} rows", seconds=timed(ask, 3))


def drawn(shape: Shape) -> Iterator[Line]:
    """A figure of a million points, and what of it reaches the notebook."""
    random = np.random.default_rng(1)
    ts = pd.to_datetime(shape.begin_ms + np.arange(DRAWN_POINTS) * 3_000, unit="ms", utc=True).as_unit("us")
    frame = pd.DataFrame(
        {"ts": ts, "application": "pay", "status": "up", "response_ms": random.lognormal(4, 0.3, DRAWN_POINTS)}
    )
    size = 0

    def draw() -> None:
        nonlocal size
        size = len(orjson.dumps(sentry.fig.latency(frame).to_plotly_json(), option=orjson.OPT_SERIALIZE_NUMPY))

    seconds = timed(draw)
    yield Line(name=f"sentry.fig.latency of {DRAWN_POINTS:,} points", seconds=seconds, note=f"{size / 1000:,.0f} kB")


def streamed(url: str, process: psutil.Process, shape: Shape) -> Iterator[Line]:
    """Many rows read as they come, and what the server's memory grows by meanwhile."""
    days = min(shape.days, -(-STREAMED_ROWS // (shape.applications * shape.ticks)))
    span = {"from": instant(shape.begin_ms).isoformat(), "to": instant(shape.begin_ms + days * DAY_MS).isoformat()}
    request = urllib.request.Request(
        f"{url}/api/history?{urlencode(span)}", headers={"Accept": "application/vnd.apache.arrow.stream"}
    )
    before = most = process.memory_info().rss
    ended = threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.02):
            most = max(most, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    begin, taken = time.perf_counter(), 0
    try:
        with urllib.request.urlopen(request) as answer:
            while chunk := answer.read(1 << 20):
                taken += len(chunk)
    finally:
        ended.set()
        watching.join()
    rows = days * shape.applications * shape.ticks
    yield Line(
        name=f"{rows:,} rows streamed as Arrow, {taken / 1e9:.1f} GB",
        seconds=[time.perf_counter() - begin],
        note=f"the server held {before / MEGABYTE:,.0f} MB, then {(most - before) / MEGABYTE:,.0f} MB more",
    )


def peers(folder: Path, shape: Shape) -> Iterator[Line]:
    """The same table of the last day, made by others from its results. Loading them is in no figure."""
    first = shape.rows - shape.applications * shape.ticks + 1
    with closing(duckdb.connect(config={"threads": "2", "memory_limit": "4GB"})) as connection:
        connection.execute(f"attach '{folder / 'history.duckdb'}' as history (read_only)")
        connection.execute(
            "create table sample as select application, status, response_ms, due_ms from ("
            "select seq, application, status, response_ms, due_ms from history.results union all "
            "select seq, application, status, response_ms, due_ms from history.past_results)"
            f"where seq >= {first} and application <> 'bystander'"
        )
        frame = connection.sql("select application, status, response_ms from sample").df()
        yield Line(name="DuckDB, SQL over the results", seconds=timed(lambda: connection.sql(RAW_TABLE).fetchall(), 3))
        with closing(sqlite3.connect(folder / "kuma.db")) as kuma:
            kuma.executescript(KUMA)
            rows = connection.sql(
                "select substr(application, 5)::int, (status <> 'down')::int, round(response_ms)::int, "
                "strftime(epoch_ms(due_ms), '%Y-%m-%d %H:%M:%S.%g') from sample"
            ).fetchall()
            kuma.executemany("insert into heartbeat (monitor_id, status, ping, time) values (?, ?, ?, ?)", rows)
            kuma.commit()
            seconds = timed(lambda: kuma.execute(KUMA_TABLE).fetchall(), 1)
        yield Line(name="SQLite, SQL over Uptime Kuma's heartbeat table", seconds=seconds)

    def grouped() -> None:
        passed = frame[frame["status"] != "down"]
        frame.groupby("application")["status"].value_counts()
        passed.groupby("application")["response_ms"].quantile([0.5, 0.95, 0.99])

    yield Line(name="pandas, groupby over a frame of the results", seconds=timed(grouped, 3))


@contextmanager
def served(folder: Path) -> Iterator[tuple[Process, psutil.Process]]:
    """A real server on this history, on all cores."""
    (folder / "appsentry.yaml").write_text(CONFIGURATION)
    arguments = ("serve", "--port", "0", "--config", str(folder / "appsentry.yaml"), "--data-dir", str(folder))
    before = {child.pid for child in psutil.Process().children()}
    with running("server", "appsentry_server", *arguments, core=cores()[0]) as server:
        (process,) = (child for child in psutil.Process().children() if child.pid not in before)
        process.cpu_affinity(list({*cores()}))
        yield server, process


def main(shape: Shape, folder: Path) -> None:
    """Make the history unless this folder has one, measure, and print."""
    made = not (folder / "history.duckdb").exists()
    seconds = timed(lambda: make(folder, shape), 1)[0] if made else 0.0
    size = (folder / "history.duckdb").stat().st_size
    print(
        f"{shape.rows:,} results, {len(cores())} cores, Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    )
    print(f"history: {size / 1e9:.1f} GB, {size / shape.rows:.1f} MB a million results, made in {seconds:,.0f} s")
    begin = time.perf_counter()
    with served(folder) as (server, process):
        print(f"the server listened after {time.perf_counter() - begin:.1f} s\n")
        url = server.ready.split()[-1]
        with sentry.connect(url) as session:
            for lines in (tables(session, shape), raw(session, shape), drawn(shape), streamed(url, process, shape)):
                for line in lines:
                    print(line, flush=True)
    print(f"\nThe table of the last day alone, {shape.applications * shape.ticks:,} results, by others")
    for line in peers(folder, shape):
        print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="make the history here, or take the one that is here"
    )
    signal.signal(signal.SIGTERM, end_in_order)
    chosen = parser.parse_args()
    kept = chosen.keep is not None and (chosen.keep / "history.duckdb").exists()
    end_ms = end_of(chosen.keep) if kept else int(time.time() * 1000) // DAY_MS * DAY_MS
    whole = Shape(**(QUICK if chosen.quick else WHOLE), end_ms=end_ms)
    if chosen.keep is not None:
        chosen.keep.mkdir(parents=True, exist_ok=True)
        main(whole, chosen.keep)
    else:
        place = Path(tempfile.mkdtemp(prefix="appsentry-history-"))
        try:
            main(whole, place)
        finally:
            shutil.rmtree(place)
    sys.stdout.flush()
