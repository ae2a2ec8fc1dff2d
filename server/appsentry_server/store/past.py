"""Results of days that have passed, laid out by application: one application's months are read without the rest.

In the order in which they are committed, every block of `results` holds some of every application. A day that can no
longer grow is moved to `past_results`, sorted by application and check. `place` leads that order: a number made of the
application's name, because blocks know their least and greatest number, but of text only how it begins.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from appsentry_server.store.history import Cursor
from appsentry_server.store.summaries import DAY_MS, kept_up_to

Step = Callable[[Cursor], None]

STEP_ROWS = 3_000_000
"""Moved at once, or all of one application's day when it has more."""

_PLACE = "md5_number_lower(application)"

_STAYING = """
    select max(seq) from results where not simulated group by application, "check"
    union all select max(seq) from results having count(*) > 0
"""
_MOVABLE = """
    due_ms >= $begin_ms and due_ms < $end_ms and published_ms < $before_ms and seq <= $kept
    and seq not in (select unnest($staying::bigint[]))
"""
_CHOSEN = _MOVABLE + " and application in (select unnest($applications::varchar[]))"

_OLDEST = "select min(due_ms) from results where {condition}"
_IN_ORDER = (
    "select application, count(*) from results where {condition} group by application order by {place}, application"
)
_MOVE = """
    insert into past_results select {place}, * from results where {condition}
    order by {place}, application, "check", seq
"""
_DELETE = "delete from results where {condition}"

_TABLE = """(
    select * exclude (place) from past_results where {condition}{near}
    union all select * from results where {condition}
)"""
_NEAR = " and place in (select md5_number_lower(unnest($applications::varchar[])))"


def table(condition: str, *, chosen: bool) -> str:
    """SQL for the results that meet the condition, wherever they lie, as a table to select from.

    The condition names its parameters. `chosen`: it wants the applications in the parameter `$applications`.
    """
    return _TABLE.format(condition=condition, near=_NEAR if chosen else "")


def plan(before_ms: int, rows: int = STEP_ROWS) -> Callable[[Cursor], list[Step]]:
    """The steps by which the oldest day that ended by this instant is moved, about so many rows each, if any.

    They are for `History.read`: a step takes seconds, and on a cursor of its own no commit waits for it. Each is one
    transaction, so a result is in one table or in the other. Those stay that may still be asked for by number:
    published since, not yet in the summaries, or the newest of their check.
    """

    def query(cursor: Cursor) -> list[Step]:
        end_ms = before_ms // DAY_MS * DAY_MS
        staying = [seq for (seq,) in cursor.execute(_STAYING).fetchall()]
        limits: dict[str, Any] = {"begin_ms": 0, "end_ms": end_ms, "before_ms": end_ms}
        limits |= {"kept": kept_up_to(cursor), "staying": staying}
        ((oldest_ms,),) = cursor.execute(_OLDEST.format(condition=_MOVABLE), limits).fetchall()
        if oldest_ms is None:
            return []
        begin_ms = oldest_ms // DAY_MS * DAY_MS
        limits |= {"begin_ms": begin_ms, "end_ms": begin_ms + DAY_MS}
        counted = cursor.execute(_IN_ORDER.format(condition=_MOVABLE, place=_PLACE), limits).fetchall()
        return [_step({**limits, "applications": chosen}) for chosen in _as_many(counted, rows)]

    return query


def _step(limits: Mapping[str, Any]) -> Step:
    def statement(cursor: Cursor) -> None:
        # Left in the middle, the cursor is closed, and with it the transaction is undone.
        cursor.begin()
        cursor.execute(_MOVE.format(condition=_CHOSEN, place=_PLACE), limits)
        cursor.execute(_DELETE.format(condition=_CHOSEN), limits)
        cursor.commit()

    return statement


def _as_many(counted: Sequence[tuple[str, int]], rows: int) -> Iterator[list[str]]:
    """The applications in lists that have at least so many rows together, the last one excepted."""
    chosen, taken = [], 0
    for application, count in counted:
        chosen.append(application)
        taken += count
        if taken >= rows:
            yield chosen
            chosen, taken = [], 0
    if chosen:
        yield chosen
