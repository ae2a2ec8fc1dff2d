"""Runs and tests as the API and the snapshots show them."""

from collections.abc import Iterable, Mapping

from appsentry_contract.events import TestRun, TestView
from appsentry_contract.instants import to_wire
from appsentry_server.store.rows import RunRow, TestRow
from appsentry_server.streams.journal import Event


def run_view(row: RunRow, counts: Mapping[str, int]) -> TestRun:
    """A run from the history, with how many of its tests ended in each status."""
    return {
        "testRunId": row.run_id,
        "state": row.state,
        "trigger": row.trigger,
        "startedAt": to_wire(row.started_ms),
        "endedAt": None if row.ended_ms is None else to_wire(row.ended_ms),
        "duration": None if row.ended_ms is None else float(row.ended_ms - row.started_ms),
        "applicationIds": row.application_ids,
        "testTypes": row.test_types,
        "completed": sum(counts.values()),
        "total": row.total,
        "passed": counts.get("passed", 0),
        "degraded": counts.get("degraded", 0),
        "failed": counts.get("failed", 0),
        "unknown": counts.get("unknown", 0),
        "reason": row.reason,
        "simulated": row.simulated,
    }


def test_view(row: TestRow) -> TestView:
    """An ended test from the history."""
    return {
        "testId": row.test_id,
        "applicationId": row.application,
        "checkId": row.check,
        "testType": row.type,
        "attempt": row.attempt,
        "startedAt": to_wire(row.started_ms),
        "status": row.status,  # type: ignore[typeddict-item] # the column holds what `Run` wrote
        "duration": row.duration_ms,
        "resultId": row.result_id,
        "failure": {"class": row.failure, "message": row.message or "", "step": row.step} if row.failure else None,
    }


def tests_from(events: Iterable[Event]) -> list[TestView]:
    """The tests of a run as its events so far tell them, in the order in which they began."""
    tests: dict[str, TestView] = {}
    for event in events:
        payload = event.payload
        if event.name == "testStarted":
            tests[payload["testId"]] = {
                "testId": payload["testId"],
                "applicationId": payload["applicationId"],
                "checkId": payload["checkId"],
                "testType": payload["testType"],
                "attempt": payload["attempt"],
                "startedAt": payload.get("startedAt", payload["at"]),
                "status": "running",
                "duration": None,
                "resultId": None,
                "failure": None,
            }
        elif test := tests.get(payload["testId"]):
            test["status"] = payload["status"]
            test["duration"] = payload["duration"]
            test["resultId"] = payload["resultId"]
            test["failure"] = payload.get("failure")
    return list(tests.values())
