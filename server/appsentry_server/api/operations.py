"""The table of operations: everything the API does, once."""

from typing import Any

from appsentry_contract.events import Application
from appsentry_server.api import accounts, applications, health, history, test_runs
from appsentry_server.api.call import Operation
from appsentry_server.api.documents import document
from appsentry_server.api.encodings import ENCODINGS
from appsentry_server.telemetry import CONTENT_TYPE

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="healthz", method="GET", path="/healthz", summary="Whether the server lives",
        answer=health.healthz, response=health.Liveness, needs_token=False,
    ),
    Operation(
        name="readyz", method="GET", path="/readyz", summary="Whether the history is open and checks are scheduled",
        answer=health.readyz, response=health.Readiness, problems=(503,), needs_token=False,
    ),
    Operation(
        name="metrics", method="GET", path="/metrics", summary="Figures about the applications and the server",
        answer=health.metrics, response=bytes, content_types=(CONTENT_TYPE,),
    ),
    Operation(
        name="showServer", method="GET", path="/api/server", summary="What the server is and offers",
        answer=health.server, response=health.ServerView,
    ),
    Operation(
        name="listApplications", method="GET", path="/api/applications", summary="Every application as it now is",
        answer=applications.list_applications, response=applications.Applications,
    ),
    Operation(
        name="showApplication", method="GET", path="/api/applications/{id}", summary="One application as it now is",
        answer=applications.show_application, response=Application, problems=(404,),
    ),
    Operation(
        name="startTestRun", method="POST", path="/api/test-runs", summary="Start a test run",
        answer=test_runs.start, body=test_runs.TestRunChoice, response=test_runs.TestRunName, status=202,
        problems=(503,),
    ),
    Operation(
        name="listTestRuns", method="GET", path="/api/test-runs", summary="Test runs, newest first",
        answer=test_runs.list_runs, query=test_runs.Page, response=test_runs.TestRuns, problems=(503,),
    ),
    Operation(
        name="showTestRun", method="GET", path="/api/test-runs/{id}", summary="A test run with its tests",
        answer=test_runs.show, response=test_runs.TestRunWithTests, problems=(404, 503),
    ),
    Operation(
        name="cancelTestRun", method="POST", path="/api/test-runs/{id}/cancel", summary="End a test run now",
        answer=test_runs.command("cancel"), response=test_runs.TestRunName, problems=(404, 409, 503),
    ),
    Operation(
        name="pauseTestRun", method="POST", path="/api/test-runs/{id}/pause", summary="Start no new test of a run",
        answer=test_runs.command("pause"), response=test_runs.TestRunName, problems=(404, 409, 503),
    ),
    Operation(
        name="resumeTestRun", method="POST", path="/api/test-runs/{id}/resume", summary="Go on with a paused run",
        answer=test_runs.command("resume"), response=test_runs.TestRunName, problems=(404, 409, 503),
    ),
    Operation(
        name="readHistory", method="GET", path="/api/history", summary="Results or roll-ups of a span of time",
        answer=history.read_history, query=history.HistoryQuery, response=bytes,
        rows=("HistoryResult", "HistoryRollup"),
        content_types=tuple(encoding.content_type for encoding in ENCODINGS), problems=(406, 503),
    ),
    Operation(
        name="readSpans", method="GET", path="/api/spans", summary="Spans of equal verdict, for uptime",
        answer=accounts.read_spans, query=history.StretchQuery, response=bytes, rows=("Span",),
        content_types=tuple(encoding.content_type for encoding in ENCODINGS), problems=(406, 503),
    ),
    Operation(
        name="readLatencies", method="GET", path="/api/latencies", summary="Response times counted, for percentiles",
        answer=accounts.read_latencies, query=history.StretchQuery, response=bytes, rows=("Latency",),
        content_types=tuple(encoding.content_type for encoding in ENCODINGS), problems=(406, 503),
    ),
    Operation(
        name="showOpenApi", method="GET", path="/api/openapi.json", summary="This API as an OpenAPI 3.1 document",
        answer=document("openapi"), response=dict[str, Any],
    ),
    Operation(
        name="showAsyncApi", method="GET", path="/api/asyncapi.json", summary="The events as an AsyncAPI 3.0 document",
        answer=document("asyncapi"), response=dict[str, Any],
    ),
)  # fmt: skip
