"""Gatus' SQL tables (an SQLite file): its last results one by one, its hourly and daily sums before that.

Gatus sums an hour up, and after two days the hours of a day (`storage/store/sql/sql.go` of 5.2x).
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

from appsentry_sources import sqlite
from appsentry_sources.buckets import Bucket, Placed, unfold
from appsentry_sources.identities import Monitor, identities
from appsentry_sources.reading import Reading, SourceUnreadable, rows_of

_TABLES: Final = {"endpoints", "endpoint_results", "endpoint_uptimes"}
_SECOND: Final = 1_000_000
_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400
_HOURS_KEPT_S: Final = 48 * _HOUR_S
_ERRORS: Final = "|~|"
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?\s*(Z|[+-]\d\d:?\d\d)?")


def recognised(path: Path, head: bytes) -> bool:
    """Whether the file is such a database."""
    return sqlite.holds(path, head, _TABLES)


def read(path: Path) -> Reading:
    """The results of every endpoint, named after its group and name.

    Results that only sums tell of have a place within their bucket and no response time; `placed` counts them. Which
    kind of check an endpoint is, and how often it is made, its tables do not tell. Raises `SourceUnreadable` when the
    database holds no result.
    """
    with sqlite.opened(path) as connection:
        if not sqlite.tables(connection) >= _TABLES:
            raise SourceUnreadable(f"{path}: not a database of Gatus: expected tables {', '.join(sorted(_TABLES))}")
        endpoints = connection.execute("select * from endpoints order by endpoint_id").fetchall()
        rows = {endpoint["endpoint_id"]: _rows(connection, endpoint["endpoint_id"]) for endpoint in endpoints}
    seen = [endpoint for endpoint in endpoints if rows[endpoint["endpoint_id"]]]
    if not seen:
        raise SourceUnreadable(f"{path}: none of its {len(endpoints)} endpoints has a result")
    ids = identities(_monitor(endpoint, rows[endpoint["endpoint_id"]]) for endpoint in seen)
    results = [
        row | {"application": application, "check": "health"}
        for application, endpoint in zip(ids, seen, strict=True)
        for row in rows[endpoint["endpoint_id"]]
    ]
    return Reading(
        table=rows_of(results),
        format="gatus",
        names={application: _name(endpoint) for application, endpoint in zip(ids, seen, strict=True)},
        left_out={"endpoints without a result": len(endpoints) - len(seen)},
        placed=sum("result_id" not in row for row in results),
    )


def _name(endpoint: sqlite3.Row) -> str:
    return " ".join(part for part in (endpoint["endpoint_group"], endpoint["endpoint_name"]) if part)


def _monitor(endpoint: sqlite3.Row, rows: Sequence[Mapping[str, Any]]) -> Monitor:
    instants = [row["ts"] for row in rows]
    return Monitor(name=_name(endpoint), first=min(instants), last=max(instants))


def _rows(connection: sqlite3.Connection, endpoint_id: int) -> list[dict[str, Any]]:
    query = "select * from endpoint_results where endpoint_id = ? order by endpoint_result_id"
    known = [_result(row) for row in connection.execute(query, [endpoint_id])]
    instants = sorted(row["ts"] for row in known)
    query = "select * from endpoint_uptimes where endpoint_id = ? order by hour_unix_timestamp"
    buckets = _buckets(connection.execute(query, [endpoint_id]).fetchall())
    sums = unfold(
        [buckets],
        round(median([later - earlier for earlier, later in pairwise(instants)] or [_HOUR_S * _SECOND])) or 1,
        known=[Placed(row["ts"], row["status"]) for row in known],
        known_from=instants[0] if instants else None,
    )
    return known + [{"ts": row.ts, "status": row.status} for row in sums]


def _result(row: sqlite3.Row) -> dict[str, Any]:
    errors = [error for error in row["errors"].split(_ERRORS) if error]
    if not errors and not row["success"]:
        errors = [f"status {row['status']}"] if row["status"] else []
    return {
        "result_id": f"gatus-{row['endpoint_result_id']}",
        "ts": _instant(row["timestamp"]),
        "status": "up" if row["success"] else "down",
        "response_ms": row["duration"] / 1e6,
        "message": "; ".join(errors) or None,
    }


def _instant(text: str) -> int:
    """Go writes nanoseconds and sometimes the zone twice."""
    found = _INSTANT.match(text)
    if found is None:
        raise SourceUnreadable(f"expected an instant of Gatus, found {text[:60]!r}")
    date, time, fraction, zone = found.groups()
    instant = datetime.fromisoformat(f"{date}T{time}{zone or '+00:00'}")
    whole = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return whole + int((fraction or "0")[:6].ljust(6, "0"))


def _buckets(sums: Sequence[sqlite3.Row]) -> list[Bucket]:
    starts = [row["hour_unix_timestamp"] for row in sums]
    following = [*starts[1:], _DAY_S + starts[-1]] if starts else []
    return [
        Bucket(
            start=start * _SECOND,
            width=_width(start, after, starts[-1]) * _SECOND,
            counts={
                "up": row["successful_executions"],
                "down": row["total_executions"] - row["successful_executions"],
            },
        )
        for row, start, after in zip(sums, starts, following, strict=True)
    ]


def _width(start: int, following: int, newest: int) -> int:
    """A sum older than two days with nothing behind it for most of a day is a day's (of 23 to 25 hours)."""
    merged = start < newest - _HOURS_KEPT_S and following - start > 20 * _HOUR_S
    return min(following - start, _DAY_S) if merged else _HOUR_S
