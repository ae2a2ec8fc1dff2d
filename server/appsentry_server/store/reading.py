"""The questions the server asks of its own history; each is a query to hand to `History.read`."""

from collections.abc import Callable, Sequence

from appsentry_server.store.history import Cursor
from appsentry_server.store.rows import EventRow, ResultRow, RunRow, TestRow

_OPEN_STATES = ("running", "paused")


def heads(cursor: Cursor) -> dict[str, int]:
    """The newest number of every stream, those that were trimmed included."""
    rows = cursor.execute(
        """
        select stream, max(head) from (
            select stream, head from heads
            union all select stream, max(seq) from events group by stream
            union all select 'metrics', max(seq) from results having count(*) > 0
        ) group by stream
        """
    ).fetchall()
    return dict(rows)


def newest_ms(cursor: Cursor) -> int:
    """When anything was last published, 0 when nothing ever was."""
    row = cursor.execute(
        "select greatest((select max(published_ms) from results), (select max(published_ms) from events), 0)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def events_after(stream: str, seq: int, until: int, limit: int) -> Callable[[Cursor], list[EventRow]]:
    """Events of a stream with `seq < number <= until`, in order, at most `limit`."""

    def query(cursor: Cursor) -> list[EventRow]:
        rows = cursor.execute(
            "select * from events where stream = ? and seq > ? and seq <= ? order by seq limit ?",
            [stream, seq, until, limit],
        ).fetchall()
        return [EventRow._make(row) for row in rows]

    return query


def results_after(seq: int, until: int, limit: int) -> Callable[[Cursor], list[ResultRow]]:
    """Results with `seq < number <= until`, in order, at most `limit`."""

    def query(cursor: Cursor) -> list[ResultRow]:
        rows = cursor.execute(
            "select * from results where seq > ? and seq <= ? order by seq limit ?", [seq, until, limit]
        ).fetchall()
        return [ResultRow._make(row) for row in rows]

    return query


def last_results(cursor: Cursor) -> list[ResultRow]:
    """The newest real result of every check."""
    rows = cursor.execute(
        """
        select * from results
        where seq in (select max(seq) from results where not simulated group by application, "check")
        order by seq
        """
    ).fetchall()
    return [ResultRow._make(row) for row in rows]


def applications_told(cursor: Cursor) -> list[str]:
    """The newest durable `applicationStatusUpdate` of every application, as JSON, however long ago that was.

    Not of those that readers were told are gone.
    """
    rows = cursor.execute(
        """
        select name, payload from newest_told
        union all select name, payload from told where application not in (select application from newest_told)
        """
    ).fetchall()
    return [payload for name, payload in rows if name == "applicationStatusUpdate"]


def open_runs(cursor: Cursor) -> list[RunRow]:
    """Runs that had not ended when the server did."""
    rows = cursor.execute("select * from runs where state in (?, ?) order by started_ms", _OPEN_STATES).fetchall()
    return [RunRow._make(row) for row in rows]


def run(run_id: str) -> Callable[[Cursor], RunRow | None]:
    """One run."""

    def query(cursor: Cursor) -> RunRow | None:
        row = cursor.execute("select * from runs where run_id = ?", [run_id]).fetchone()
        return None if row is None else RunRow._make(row)

    return query


def run_end(run_id: str) -> Callable[[Cursor], EventRow | None]:
    """The event with which a run ended, while the journal has it."""

    def query(cursor: Cursor) -> EventRow | None:
        row = cursor.execute(
            """
            select * from events where stream = 'runs' and contains(payload, ?)
            and name in ('testRunCompleted', 'testRunCancelled', 'testRunInterrupted')
            """,
            [f'"{run_id}"'],
        ).fetchone()
        return None if row is None else EventRow._make(row)

    return query


def runs_before(instant_ms: int | None, run_id: str, limit: int) -> Callable[[Cursor], list[RunRow]]:
    """Runs newest first, those that started before the named one; all when `instant_ms` is None."""

    def query(cursor: Cursor) -> list[RunRow]:
        rows = cursor.execute(
            """
            select * from runs where ?::bigint is null or (started_ms, run_id) < (?, ?)
            order by started_ms desc, run_id desc limit ?
            """,
            [instant_ms, instant_ms, run_id, limit],
        ).fetchall()
        return [RunRow._make(row) for row in rows]

    return query


def tests_of(run_ids: Sequence[str]) -> Callable[[Cursor], list[TestRow]]:
    """The ended tests of these runs, in the order in which they ended."""

    def query(cursor: Cursor) -> list[TestRow]:
        rows = cursor.execute(
            "select * from tests where list_contains(?::varchar[], run_id) order by started_ms + duration_ms",
            [list(run_ids)],
        ).fetchall()
        return [TestRow._make(row) for row in rows]

    return query


def counts_of(run_ids: Sequence[str]) -> Callable[[Cursor], dict[str, dict[str, int]]]:
    """How many tests of each run ended in each status."""

    def query(cursor: Cursor) -> dict[str, dict[str, int]]:
        rows = cursor.execute(
            """
            select run_id, status, count(*) from tests
            where list_contains(?::varchar[], run_id) group by run_id, status
            """,
            [list(run_ids)],
        ).fetchall()
        counts: dict[str, dict[str, int]] = {run_id: {} for run_id in run_ids}
        for run_id, status, count in rows:
            counts[run_id][status] = count
        return counts

    return query
