"""Uptime Kuma's database (v2): its beats one by one as far back as it keeps them, its sums before that.

Kuma keeps all beats of the last day and only the important ones before; then minutes for a day, hours for a month, days
for a year (`server/uptime-calculator.js`, `server/jobs/clear-old-data.js` of 2.5).
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from appsentry_sources import sqlite
from appsentry_sources.buckets import Bucket, Placed, unfold
from appsentry_sources.identities import Monitor, identities
from appsentry_sources.reading import Reading, SourceUnreadable, rows_of

_STATUS: Final = {0: "down", 1: "up", 2: "down", 3: "maintenance"}
"""2 is pending, a retry on the way to down: Kuma itself counts it as down."""

_TABLES: Final = {"monitor", "heartbeat", "stat_daily"}
_SECOND: Final = 1_000_000
_LEVELS: Final = {"stat_minutely": 60 * _SECOND, "stat_hourly": 3_600 * _SECOND, "stat_daily": 86_400 * _SECOND}

_TYPES: Final = {
    "http": "health",
    "keyword": "health",
    "json-query": "health",
    "port": "tcp",
    "real-browser": "browser",
    "websocket-upgrade": "websocket",
}
"""Kuma's kinds by our names; the others keep theirs."""


def recognised(path: Path, head: bytes) -> bool:
    """Whether the file is such a database."""
    return sqlite.holds(path, head, _TABLES)


def read(path: Path) -> Reading:
    """The results of every monitor.

    A beat that is pending is read as `down`. Results that only sums tell of have a place within their bucket, no
    response time and no message; `placed` counts them. Raises `SourceUnreadable` when the database holds no result.
    """
    with sqlite.opened(path) as connection:
        if not sqlite.tables(connection) >= _TABLES:
            raise SourceUnreadable(
                f"{path}: not a database of Uptime Kuma v2: expected tables monitor, heartbeat, stat_daily"
            )
        monitors = [dict(row) for row in connection.execute("select * from monitor order by id")]
        rows = {monitor["id"]: _rows(connection, monitor) for monitor in monitors}
    seen = [monitor for monitor in monitors if rows[monitor["id"]]]
    if not seen:
        raise SourceUnreadable(f"{path}: none of its {len(monitors)} monitors has a result")
    ids = identities(_span(monitor, rows[monitor["id"]]) for monitor in seen)
    placed = 0
    for application, monitor in zip(ids, seen, strict=True):
        for row in rows[monitor["id"]]:
            row["application"] = application
            placed += "result_id" not in row
    return Reading(
        table=rows_of([row for monitor in seen for row in rows[monitor["id"]]]),
        format="kuma",
        names={application: str(monitor["name"]) for application, monitor in zip(ids, seen, strict=True)},
        left_out={"monitors without a result": len(monitors) - len(seen)},
        placed=placed,
    )


def _span(monitor: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Monitor:
    instants = [row["ts"] for row in rows]
    return Monitor(name=str(monitor["name"] or ""), first=min(instants), last=max(instants))


def _rows(connection: sqlite3.Connection, monitor: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = _TYPES.get(monitor["type"], monitor["type"] or "health")
    common = {"check": kind, "type": kind, "interval_s": float(monitor["interval"])}
    query = "select * from heartbeat where monitor_id = ? and status between 0 and 3"
    beats = [dict(row) for row in connection.execute(query, [monitor["id"]])]
    known = [_beat(beat) | common for beat in beats]
    # Old beats are kept only when they are important: from the first that is not, all are there.
    plain = [row["ts"] for row, beat in zip(known, beats, strict=True) if not beat["important"]]
    known_from = min(plain or [row["ts"] for row in known], default=None)
    levels = [_level(connection, table, width, monitor["id"]) for table, width in _LEVELS.items()]
    sums = unfold(
        levels,
        int(monitor["interval"]) * _SECOND,
        known=[Placed(row["ts"], row["status"]) for row in known],
        known_from=known_from,
    )
    return known + [{"ts": row.ts, "status": row.status} | common for row in sums]


def _beat(beat: Mapping[str, Any]) -> dict[str, Any]:
    status = _STATUS[beat["status"]]
    return {
        "result_id": f"kuma-{beat['id']}",
        "ts": _instant(beat["time"]),
        "status": status,
        "response_ms": None if beat["ping"] is None else float(beat["ping"]),
        "message": beat["msg"] or None,
        "attempt": int(beat.get("retries") or 0) + 1,
    }


def _instant(text: str) -> int:
    """Kuma writes UTC without saying so."""
    instant = datetime.fromisoformat(text)
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    return round((instant - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000) * 1_000


def _level(connection: sqlite3.Connection, table: str, width: int, monitor_id: int) -> list[Bucket]:
    if table not in sqlite.tables(connection):
        return []
    rows = connection.execute(f"select * from {table} where monitor_id = ? order by timestamp", [monitor_id])  # noqa: S608 - a name of ours
    return [Bucket(start=row["timestamp"] * _SECOND, width=width, counts=_counts(dict(row))) for row in rows]


def _counts(row: Mapping[str, Any]) -> dict[str, int]:
    extras = json.loads(row.get("extras") or "{}")
    return {"up": row["up"], "maintenance": int(extras.get("maintenance", 0)), "down": row["down"]}
