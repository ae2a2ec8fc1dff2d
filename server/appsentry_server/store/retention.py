"""Letting go of what is too old, a little at a time so that commits never wait long."""

from collections.abc import Callable, Mapping

from appsentry_server.store.history import Cursor

STEP_ROWS = 20_000
MOST_EVENTS = 2_000_000


def trim_results(before_ms: int) -> Callable[[Cursor], bool]:
    """Delete results due before this instant, the oldest first, at most a step; whether more are left to delete."""

    def statement(cursor: Cursor) -> bool:
        # Days that have passed lie one after the other, so the first rows are of the oldest.
        row = cursor.execute("select min(rowid) from past_results").fetchone()
        if row is not None and row[0] is not None:
            old = [row[0] + STEP_ROWS, before_ms]
            if cursor.execute("select 1 from past_results where rowid < ? and due_ms < ? limit 1", old).fetchone():
                cursor.execute("delete from past_results where rowid < ? and due_ms < ?", old)
                return True
        row = cursor.execute("select min(seq) from results").fetchone()
        if row is None or row[0] is None:
            return False
        old = [row[0] + STEP_ROWS, before_ms]
        if cursor.execute("select 1 from results where seq < ? and due_ms < ? limit 1", old).fetchone() is None:
            return False
        _keep_heads(cursor)
        cursor.execute("delete from results where seq < ? and due_ms < ?", old)
        return True

    return statement


def trim_events(before_ms: int, most: int = MOST_EVENTS) -> Callable[[Cursor], bool]:
    """Delete events published before this instant, or beyond the newest `most`; whether more are left to delete.

    Those of a run that has not ended stay, however long it is paused: its snapshot is made from them.
    """

    def statement(cursor: Cursor) -> bool:
        may_go = cursor.execute(
            "select count(*), min(rowid) from events where stream not in (select stream from streams_of_open_runs)"
        ).fetchone()
        if may_go is None or not may_go[0]:
            return False
        surplus, first = max(0, may_go[0] - most), may_go[1]
        cursor.execute(
            """
            create or replace temp table going as select rowid as place from events
            where rowid < ? and (published_ms < ? or rowid < ?)
            and stream not in (select stream from streams_of_open_runs)
            """,
            [first + STEP_ROWS, before_ms, first + min(surplus, STEP_ROWS)],
        )
        if cursor.execute("select 1 from going limit 1").fetchone() is None:
            return False
        _keep_heads(cursor)
        _keep_told(cursor)
        cursor.execute("delete from events where rowid in (select place from going)")
        return True

    return statement


def trim_runs(before_ms: int) -> Callable[[Cursor], None]:
    """Delete runs that ended before this instant, and their tests."""

    def statement(cursor: Cursor) -> None:
        for dependents in (
            "delete from tests where run_id in (select run_id from runs where ended_ms < ?)",
            "delete from heads where stream in (select 'run:' || run_id from runs where ended_ms < ?)",
        ):
            cursor.execute(dependents, [before_ms])
        cursor.execute("delete from runs where ended_ms < ?", [before_ms])

    return statement


def floors(journal_since_ms: int) -> Callable[[Cursor], Mapping[str, int]]:
    """The oldest number of every stream that can still be replayed."""

    def query(cursor: Cursor) -> Mapping[str, int]:
        found = dict(cursor.execute("select stream, min(seq) from events group by stream").fetchall())
        for stream, head in cursor.execute("select stream, head from heads").fetchall():
            found.setdefault(stream, head + 1)
        row = cursor.execute(
            "select min(seq), (select max(seq) from results) from results where published_ms >= ?", [journal_since_ms]
        ).fetchone()
        assert row is not None
        oldest, newest = row
        found["metrics"] = oldest or (newest or found.get("metrics", 1) - 1) + 1
        return found

    return query


def _keep_heads(cursor: Cursor) -> None:
    """Write down the heads before rows go, so that no number is ever given twice."""
    cursor.execute(
        """
        insert or replace into heads
        select stream, max(seq) from events group by stream
        union all select 'metrics', max(seq) from results having count(*) > 0
        """
    )


def _keep_told(cursor: Cursor) -> None:
    """Write down what readers were told last, so that no restart tells them again."""
    cursor.execute("insert or replace into told select application, name, payload from newest_told")
    cursor.execute("delete from told where name = 'applicationRemoved'")
