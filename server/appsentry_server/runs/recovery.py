"""The end of runs that an earlier server died under."""

from typing import Any

from appsentry_contract.events import run_stream
from appsentry_contract.instants import to_wire
from appsentry_server.store import reading
from appsentry_server.store.history import History
from appsentry_server.store.rows import RunRow, TestRow
from appsentry_server.streams.journal import Journal
from appsentry_server.streams.publisher import Publisher

_REASON = "the server stopped while the run was in progress"
_PAGE = 5_000


async def interrupt_open_runs(history: History, journal: Journal, publisher: Publisher, now_ms: int) -> int:
    """End every run that is still open in the history, its begun tests first; how many there were."""
    rows = await history.read(reading.open_runs)
    for row in rows:
        await _interrupt(row, journal, publisher, now_ms)
    return len(rows)


async def _interrupt(row: RunRow, journal: Journal, publisher: Publisher, now_ms: int) -> None:
    stream = run_stream(row.run_id)
    begun, ended = await _tests(journal, stream)
    failure = {"class": "interrupted", "message": _REASON, "step": None}
    for test in begun:
        names = {key: test[key] for key in ("testRunId", "applicationId", "testId", "testType", "checkId")}
        ending = {"status": "unknown", "duration": 0.0, "resultId": None, "failure": failure}
        publisher.event(stream, "testFailed", {**names, **ending})
        kept = TestRow(
            row.run_id, test["testId"], test["applicationId"], test["checkId"], test["testType"],
            test["attempt"], now_ms, 0.0, "unknown", None, "interrupted", _REASON, None,
        )  # fmt: skip
        publisher.test(kept)
    place = {"testRunId": row.run_id, "completed": ended + len(begun), "total": row.total}
    publisher.volatile(stream, "progressUpdate", {**place, "currentApplication": None})
    publisher.run(row._replace(state="interrupted", ended_ms=now_ms, reason=_REASON))
    publisher.event("runs", "testRunInterrupted", {**place, "reason": _REASON, "endedAt": to_wire(now_ms)})


async def _tests(journal: Journal, stream: str) -> tuple[list[dict[str, Any]], int]:
    """The tests that began and did not end, and how many ended."""
    open_tests: dict[str, dict[str, Any]] = {}
    ended = seq = 0
    while events := await journal.after(stream, seq, _PAGE):
        for event in events:
            if event.name == "testStarted":
                open_tests[event.payload["testId"]] = dict(event.payload)
            elif open_tests.pop(event.payload["testId"], None) is not None:
                ended += 1
        assert events[-1].seq is not None
        seq = events[-1].seq
    return list(open_tests.values()), ended
