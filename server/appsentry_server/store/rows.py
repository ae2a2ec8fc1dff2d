"""The rows of the history, field by field as in its tables, and the values they are made from."""

from typing import NamedTuple

import orjson

from appsentry_contract.vocabulary import FailureClass, RunState, Trigger, Verdict
from appsentry_server.results import Failure, Outcome, Phases, Result


class ResultRow(NamedTuple):
    """A row of `results`."""

    seq: int
    published_ms: int
    result_id: str
    due_ms: int
    application: str
    check: str
    type: str
    status: Verdict
    response_ms: float | None
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    transfer_ms: float | None
    failure: FailureClass | None
    message: str | None
    step: str | None
    steps: str | None
    run_id: str | None
    attempt: int
    late_ms: float
    interval_ms: int
    location: str
    simulated: bool

    @property
    def has_phases(self) -> bool:
        """Whether any phase was timed."""
        return self[9:14] != _NO_PHASES


class EventRow(NamedTuple):
    """A row of `events`; the payload is JSON text, whole as it was emitted."""

    stream: str
    seq: int
    published_ms: int
    name: str
    payload: str


class RunRow(NamedTuple):
    """A row of `runs`."""

    run_id: str
    state: RunState
    trigger: Trigger
    simulated: bool
    started_ms: int
    ended_ms: int | None
    reason: str | None
    application_ids: list[str]
    test_types: list[str]
    total: int


class TestRow(NamedTuple):
    """A row of `tests`: a test that has ended. `status` is passed, degraded, failed or unknown."""

    run_id: str
    test_id: str
    application: str
    check: str
    type: str
    attempt: int
    started_ms: int
    duration_ms: float
    status: str
    result_id: str | None
    failure: FailureClass | None
    message: str | None
    step: str | None


_NO_PHASES = (None, None, None, None, None)


def result_row(seq: int, published_ms: int, result: Result) -> ResultRow:
    """The row of a result that takes this place in the metrics stream."""
    outcome = result.outcome
    phases, failure = outcome.phases, outcome.failure
    dns, connect, tls, first_byte, transfer = (
        (phases.dns_ms, phases.connect_ms, phases.tls_ms, phases.first_byte_ms, phases.transfer_ms)
        if phases
        else _NO_PHASES
    )
    return ResultRow(
        seq,
        published_ms,
        result.result_id,
        result.due_ms,
        result.application_id,
        result.check_id,
        result.test_type,
        outcome.verdict,
        outcome.response_ms,
        dns,
        connect,
        tls,
        first_byte,
        transfer,
        failure.failure_class if failure else None,
        failure.message if failure else outcome.note,
        failure.step if failure else None,
        orjson.dumps(outcome.steps).decode() if outcome.steps else None,
        result.run_id,
        result.attempt,
        result.late_ms,
        result.interval_ms,
        result.location,
        result.simulated,
    )


def result_of(row: ResultRow) -> Result:
    """The result that `result_row` made the row from."""
    failure = row.failure and Failure(failure_class=row.failure, message=row.message or "", step=row.step)
    return Result(
        result_id=row.result_id,
        due_ms=row.due_ms,
        application_id=row.application,
        check_id=row.check,
        test_type=row.type,
        outcome=Outcome(
            verdict=row.status,
            response_ms=row.response_ms,
            phases=Phases(
                dns_ms=row.dns_ms,
                connect_ms=row.connect_ms,
                tls_ms=row.tls_ms,
                first_byte_ms=row.first_byte_ms,
                transfer_ms=row.transfer_ms,
            )
            if row.has_phases
            else None,
            failure=failure or None,
            note=None if failure else row.message,
            steps=tuple((name, ms) for name, ms in orjson.loads(row.steps)) if row.steps else (),
        ),
        run_id=row.run_id,
        attempt=row.attempt,
        late_ms=row.late_ms,
        interval_ms=row.interval_ms,
        location=row.location,
        simulated=row.simulated,
    )
