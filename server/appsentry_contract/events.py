"""Every event the server sends, as the JSON object it is on the wire.

The types are `TypedDict`s: building an event costs one dict, and pydantic derives both the validation in
readers and the AsyncAPI document from the same lines. A durable event is numbered in its stream (`seq`); a
volatile one names the number it comes after and is never replayed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from appsentry_contract.vocabulary import ApplicationStatus, FailureClass, RunState, SlaStatus, Trigger, Verdict

_EXACT = 2**53 - 1

Count = Annotated[int, Field(ge=0, le=_EXACT)]
"""A whole number that every reader has exactly: a double holds it, and so does a column of a frame."""

Number = Annotated[float, Field(ge=-_EXACT, le=_EXACT, allow_inf_nan=False)]
"""A number that can be rounded, summed and drawn: JSON as many write it has numbers that cannot."""

Text = Annotated[str, Field(max_length=1_000_000)]
"""A text no longer than a message, and without halves of surrogate pairs, which no column takes: pydantic sees them
only where it counts."""


class Timings(TypedDict):
    """Milliseconds by phase; a phase that did not happen is null."""

    dnsMs: Number | None
    connectMs: Number | None
    tlsMs: Number | None
    firstByteMs: Number | None
    transferMs: Number | None


Failure = TypedDict("Failure", {"class": FailureClass, "message": Text, "step": Text | None})
"""Why a result is `down` or `unknown`; `step` names the step of a check that has several."""


class StepTime(TypedDict):
    """Milliseconds of one named step of a check that has several."""

    step: Text
    duration: Number


class Sla(TypedDict):
    """The SLA over its window: `target` and `actual` in percent, the budget left a fraction that may be negative."""

    status: SlaStatus
    target: Number | None
    actual: Number | None
    errorBudgetRemaining: Number | None


class CheckState(TypedDict):
    """The newest result of one check of an application, with the status it amounts to after confirmation."""

    checkId: Text
    testType: Text
    status: Verdict
    responseTime: Number | None
    lastChecked: Text | None
    failure: Failure | None


class Application(TypedDict):
    """An application as it now is; also the item of `GET /api/applications`."""

    id: Text
    name: Text
    status: ApplicationStatus
    responseTime: Number | None
    uptime: Number | None
    sla: Sla
    lastChecked: Text | None
    group: Text | None
    tags: list[Text]
    simulated: bool
    checks: list[CheckState]


class TestRun(TypedDict):
    """A run as it now is: the item of `GET /api/test-runs` and of the `runs` snapshot. `duration` is milliseconds."""

    testRunId: Text
    state: RunState
    trigger: Trigger
    startedAt: Text
    endedAt: Text | None
    duration: Number | None
    applicationIds: list[Text]
    testTypes: list[Text]
    completed: Count
    total: Count
    passed: Count
    degraded: Count
    failed: Count
    unknown: Count
    reason: Text | None
    simulated: bool


class TestView(TypedDict):
    """A test of a run as it now is. `duration` is in milliseconds, null while it runs."""

    testId: Text
    applicationId: Text
    checkId: Text
    testType: Text
    attempt: Count
    startedAt: Text
    status: Literal["running", "passed", "degraded", "failed", "unknown"]
    duration: Number | None
    resultId: Text | None
    failure: Failure | None


class Durable(TypedDict):
    """The place of a durable event: `seq` counts its stream from 1 without holes, within one `epoch`."""

    stream: Text
    seq: Count
    epoch: Text
    at: Text
    simulated: NotRequired[bool]


class Volatile(TypedDict):
    """The place of a volatile event: it was sent after the stream's durable event number `after`."""

    stream: Text
    epoch: Text
    after: Count
    at: Text
    simulated: NotRequired[bool]


class TestRunStarted(Durable):
    """A run has begun; its tests follow on `run:<testRunId>`."""

    testRunId: Text
    applicationCount: Count
    testCount: Count
    applicationIds: list[Text]
    testTypes: list[Text]
    trigger: Trigger
    startedAt: NotRequired[Text]


class TestRunPaused(Durable):
    """No new test starts until the run is resumed; running ones finish."""

    testRunId: Text
    completed: Count
    total: Count


class TestRunResumed(Durable):
    """Tests start again."""

    testRunId: Text
    completed: Count
    total: Count


class TestRunCompleted(Durable):
    """Every test of the run has ended; `duration` is in milliseconds."""

    testRunId: Text
    passed: Count
    degraded: Count
    failed: Count
    unknown: Count
    duration: Number
    endedAt: NotRequired[Text]


class TestRunCancelled(Durable):
    """Somebody ended the run before its last test."""

    testRunId: Text
    reason: Text
    completed: Count
    total: Count
    endedAt: NotRequired[Text]


class TestRunInterrupted(Durable):
    """The server died under the run."""

    testRunId: Text
    reason: Text
    completed: Count
    total: Count
    endedAt: NotRequired[Text]


class TestStarted(Durable):
    """One check of one application begins as part of a run."""

    testRunId: Text
    applicationId: Text
    testId: Text
    testType: Text
    checkId: Text
    attempt: Count
    startedAt: NotRequired[Text]


class TestCompleted(Durable):
    """A test passed, perhaps slowly; `duration` is in milliseconds."""

    testRunId: Text
    applicationId: Text
    status: Literal["passed", "degraded"]
    duration: Number
    testId: Text
    testType: Text
    checkId: Text
    resultId: Text
    timings: Timings | None


class TestFailed(Durable):
    """A test failed, or its verdict could not be had; `duration` is in milliseconds."""

    testRunId: Text
    applicationId: Text
    status: Literal["failed", "unknown"]
    duration: Number
    testId: Text
    testType: Text
    checkId: Text
    resultId: Text | None
    failure: Failure


class ProgressUpdate(Volatile):
    """How far a run is; `currentApplication` is the application last begun, null between tests."""

    testRunId: Text
    completed: Count
    total: Count
    currentApplication: Text | None


class ApplicationStatusUpdate(Application):
    """An application as it now is: durable when status, SLA status, name, group or tags changed, volatile otherwise."""

    stream: Text
    epoch: Text
    at: Text
    seq: NotRequired[Count]
    after: NotRequired[Count]


class HealthMetricUpdate(Durable):
    """One check result, scheduled or of a run, of every kind. Times are milliseconds; `lateMs` is start minus due.

    `message` says why a result without a failure is degraded.
    """

    applicationId: Text
    responseTime: Number | None
    status: Verdict
    resultId: Text
    checkId: Text
    testType: Text
    dueAt: Text
    lateMs: Number
    intervalMs: Count
    timings: Timings | None
    steps: list[StepTime] | None
    testRunId: Text | None
    attempt: Count
    failure: Failure | None
    message: Text | None
    location: Text


class ApplicationRemoved(Durable):
    """An application is no longer configured; its history stays."""

    applicationId: Text


class Notification(Durable):
    """A message for people."""

    type: Literal["info", "success", "warning", "error"]
    message: Text
    timestamp: Text
    applicationId: Text | None


class StreamHead(TypedDict):
    """Sent every 15 s: the number of the stream's newest durable event, so that a reader notices what it missed."""

    stream: Text
    epoch: Text
    head: Count


class EventBatch(TypedDict):
    """Events in order as `[name, payload]`, for sockets that subscribed with `batch: true`."""

    events: list[tuple[str, dict[str, object]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKind:
    """One row of the event table: the payload's type and the stream it belongs to."""

    payload: type
    stream: str
    volatile: bool = False


EVENTS: Mapping[str, EventKind] = {
    "testRunStarted": EventKind(payload=TestRunStarted, stream="runs"),
    "testRunPaused": EventKind(payload=TestRunPaused, stream="runs"),
    "testRunResumed": EventKind(payload=TestRunResumed, stream="runs"),
    "testRunCompleted": EventKind(payload=TestRunCompleted, stream="runs"),
    "testRunCancelled": EventKind(payload=TestRunCancelled, stream="runs"),
    "testRunInterrupted": EventKind(payload=TestRunInterrupted, stream="runs"),
    "testStarted": EventKind(payload=TestStarted, stream="run:<id>"),
    "testCompleted": EventKind(payload=TestCompleted, stream="run:<id>"),
    "testFailed": EventKind(payload=TestFailed, stream="run:<id>"),
    "progressUpdate": EventKind(payload=ProgressUpdate, stream="run:<id>", volatile=True),
    "applicationStatusUpdate": EventKind(payload=ApplicationStatusUpdate, stream="applications"),
    "healthMetricUpdate": EventKind(payload=HealthMetricUpdate, stream="metrics"),
    "applicationRemoved": EventKind(payload=ApplicationRemoved, stream="applications"),
    "notification": EventKind(payload=Notification, stream="applications"),
    "streamHead": EventKind(payload=StreamHead, stream="any", volatile=True),
    "eventBatch": EventKind(payload=EventBatch, stream="any"),
}
"""Every event by its name on the wire. What is not in this table is never sent."""

RUN_ENDS: frozenset[str] = frozenset({"testRunCompleted", "testRunCancelled", "testRunInterrupted"})


@cache
def validator(event: str) -> TypeAdapter[dict[str, object]]:
    """The pydantic validator of an event's payload; unknown fields are ignored. `KeyError` for an unknown event."""
    return TypeAdapter(EVENTS[event].payload)


def run_stream(run_id: str) -> str:
    """The stream that carries one run's test events."""
    return f"run:{run_id}"
