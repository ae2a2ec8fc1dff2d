"""Reading histories from files: other tools' and our own, as result frames."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from appsentry_contract.instants import to_datetime
from appsentry_kernel.clock import SystemClock
from appsentry_kernel.frames import frame
from appsentry_kernel.window import Moment, window
from appsentry_sources import formats
from appsentry_sources.prometheus import Span

if TYPE_CHECKING:
    import pandas as pd

_ALL_OF_IT = "10000d"


def read_history(
    source: str | Path, *, format: str | None = None, since: Moment | None = None, until: Moment | None = None
) -> "pd.DataFrame":
    """Result frame of a history that is in a file or in a Prometheus, oldest first, in every result frame's columns.

    Formats are `kuma` (Uptime Kuma's v2 database), `gatus` (its SQLite file), `upptime` (`git log --format='%cI|%s'`),
    `healthchecks` (flips as JSON), `prometheus` (an address: the blackbox exporter's series), `parquet` and `csv`.
    Without `format` the source says itself what it is. `since` (inclusive) and `until` (exclusive) cut the stretch, as
    in `Session.history`; a Prometheus is asked for the last 24 hours unless they say otherwise.

    What the source cannot tell is missing. `.attrs` has the `format`, the `names` that the source knows the
    applications by, `left_out`: how much was found that is no result, by what it is, and `placed`: how many rows the
    source has in sums only, so that their instants are approximate.

    Raises `SourceUnreadable` (a `ValueError`) with what was found instead.
    """
    now = to_datetime(SystemClock().now_ms())
    start, end = window("24h" if since is None else since, until, now=now)
    reading = formats.read(source, format, Span(since=start.timestamp(), until=end.timestamp()))
    table = reading.table
    if since is not None or until is not None:
        start, end = window(_ALL_OF_IT if since is None else since, until, now=now)
        table = table.filter((pc.field("ts") >= start) & (pc.field("ts") < end))
    rows = frame(table)
    rows.attrs |= {
        "format": reading.format,
        "names": dict(reading.names),
        "left_out": dict(reading.left_out),
        "placed": reading.placed,
    }
    return rows
