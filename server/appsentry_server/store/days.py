"""Hourly sketches that can no longer grow, folded into daily ones, so that a long window has less to read."""

from collections.abc import Callable, Mapping

from appsentry_contract.accounting.sketch import Sketch
from appsentry_server.store.history import Cursor
from appsentry_server.store.summaries import DAY_MS

FOLDED_UP_TO = "day_sketches_ms"
"""In the table `about`: where the first day begins whose hours are still apart."""

STEP_CHECKS = 100
GROWS_MS = 2 * 3_600_000
"""How long after its end an hour, and the day it ends, may still get results."""


def fold(now_ms: int) -> Callable[[Cursor], bool]:
    """Fold the oldest hours of days that have passed, a hundred checks at most; whether more are left to fold.

    In one transaction: a response time is in an hour or in a day, never in both. An hour that is written after its day
    was folded is taken into the day the next time.
    """

    def statement(cursor: Cursor) -> bool:
        until_ms = (now_ms - GROWS_MS) // DAY_MS * DAY_MS
        row = cursor.execute("select min(hour_ms) from sketches where hour_ms < ?", [until_ms]).fetchone()
        if row is None or row[0] is None:
            return False
        day_ms = row[0] // DAY_MS * DAY_MS
        hours = cursor.execute(
            """
            select application, "check", list(sketch order by hour_ms) from sketches
            where hour_ms >= ? and hour_ms < ? group by all order by all limit ?
            """,
            [day_ms, day_ms + DAY_MS, STEP_CHECKS],
        ).fetchall()
        checks = {(application, check): list(packed) for application, check, packed in hours}
        _take_in_what_is_folded(cursor, day_ms, checks)
        _put(cursor, day_ms, checks)
        if day_ms + DAY_MS > folded_up_to(cursor):
            cursor.execute("insert or replace into about values (?, ?)", [FOLDED_UP_TO, str(day_ms + DAY_MS)])
        return True

    return statement


def folded_up_to(cursor: Cursor) -> int:
    """Whole days before this instant are in days; only hours that came late may be apart."""
    rows = cursor.execute("select value from about where key = ?", [FOLDED_UP_TO]).fetchall()
    return int(rows[0][0]) if rows else 0


def _take_in_what_is_folded(cursor: Cursor, day_ms: int, checks: Mapping[tuple[str, str], list[bytes]]) -> None:
    already = cursor.execute('select application, "check", sketch from day_sketches where day_ms = ?', [day_ms])
    for application, check, packed in already.fetchall():
        if (application, check) in checks:
            checks[application, check].append(packed)


def _put(cursor: Cursor, day_ms: int, checks: Mapping[tuple[str, str], list[bytes]]) -> None:
    applications, names = [key[0] for key in checks], [key[1] for key in checks]
    days = [Sketch.merged(map(Sketch.from_bytes, packed)).to_bytes() for packed in checks.values()]
    cursor.execute(
        "insert or replace into day_sketches select unnest(?), unnest(?), ?, unnest(?)",
        [applications, names, day_ms, days],
    )
    cursor.execute(
        """
        delete from sketches where hour_ms >= ? and hour_ms < ?
        and (application, "check") in (select unnest(?), unnest(?))
        """,
        [day_ms, day_ms + DAY_MS, applications, names],
    )
