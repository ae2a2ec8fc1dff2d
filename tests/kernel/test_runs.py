"""Runs as the streams tell them."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from appsentry_kernel.errors import SessionClosed
from appsentry_kernel.runs import RUNS_KEPT, RunLog, TrackedRun

Metric = Callable[..., dict[str, Any]]

AT = "2026-11-23T08:00:00.000Z"
STARTED = {
    "testRunId": "run-1", "at": AT, "applicationCount": 2, "testCount": 2, "applicationIds": ["a", "b"],
    "testTypes": ["health"], "trigger": "socket",
}  # fmt: skip


def named(name: str) -> dict[str, Any]:
    return {"testRunId": "run-1", "testId": name, "applicationId": name, "testType": "health", "checkId": "health"}


@pytest.fixture
def log() -> RunLog:
    log = RunLog()
    log.apply("testRunStarted", STARTED)
    return log


def completed(name: str, result_id: str | None = None) -> dict[str, Any]:
    return {**named(name), "at": AT, "status": "passed", "duration": 5.0, "resultId": result_id, "timings": None}


def view(log: RunLog) -> dict[str, Any]:
    return log.track("run-1").view()


def test_a_run_counts_its_tests_and_ends_once(log: RunLog) -> None:
    log.apply("testCompleted", completed("a"))
    assert (view(log)["completed"], view(log)["passed"]) == (1, 1)
    counts = {"passed": 1, "degraded": 0, "failed": 1, "unknown": 0}
    log.apply("testRunCompleted", {"testRunId": "run-1", "at": AT, "duration": 9.0, **counts})
    log.apply("testRunPaused", {"testRunId": "run-1", "at": AT, "completed": 0, "total": 2})
    assert (view(log)["state"], view(log)["completed"], view(log)["failed"]) == ("completed", 2, 1)


def test_late_progress_never_counts_back(log: RunLog) -> None:
    progress = {"testRunId": "run-1", "at": AT, "total": 2, "currentApplication": None}
    log.apply("progressUpdate", {**progress, "completed": 2})
    log.apply("progressUpdate", {**progress, "completed": 1})
    assert view(log)["completed"] == 2


def test_a_test_is_shown_by_its_result_when_there_is_one(log: RunLog, metric: Metric) -> None:
    log.apply("testStarted", {**named("a"), "at": AT, "attempt": 1})
    log.apply("healthMetricUpdate", metric(1, testRunId="run-1", lateMs=3.5))
    log.apply("testCompleted", completed("a", "r1"))
    log.apply("testStarted", {**named("b"), "at": AT, "attempt": 1})
    log.apply("testCompleted", completed("b"))
    run = log.track("run-1")
    assert run.results().column("late_ms").to_pylist() == [3.5, None]
    run.settle()
    assert run.results().column("late_ms").to_pylist() == [3.5, None], "the rows stay when the events go"


def test_events_of_a_run_nobody_knows_change_nothing(log: RunLog, metric: Metric) -> None:
    log.apply("healthMetricUpdate", metric(1, testRunId="long ago"))
    assert [run.run_id for run in log.all()] == ["run-1"]


def test_every_waiter_is_woken_when_the_run_is_settled(log: RunLog) -> None:
    run = log.track("run-1")
    first, given_up, second = run.end(), run.end(), run.end()
    given_up.cancel()
    run.settle()
    assert first.result(0) is second.result(0) is run.end().result(0) is None


def test_whoever_waits_when_the_session_closes_is_told_why(log: RunLog) -> None:
    run: TrackedRun = log.track("run-1")
    waiting: Future[None] = run.end()
    log.close(SessionClosed("closed"))
    for end in (waiting, run.end(), log.track("run-2").end()):
        with pytest.raises(SessionClosed):
            end.result(0)


def test_settled_runs_are_forgotten_oldest_first_and_open_ones_never(log: RunLog) -> None:
    for number in range(RUNS_KEPT + 10):
        log.track(f"ended-{number}").settle()
    log.track("newest")
    known = [run.run_id for run in log.all()]
    assert known[:2] == ["run-1", "ended-10"]
    assert len(known) == RUNS_KEPT + 2


def test_a_snapshot_settles_what_had_ended_before_anybody_followed_it(log: RunLog) -> None:
    ended = {**view(log), "testRunId": "run-0", "state": "completed", "startedAt": "2026-11-23T07:00:00.000Z"}
    log.load([ended, {**view(log), "state": "interrupted"}])
    assert log.track("run-0").settled
    assert not log.track("run-1").settled, "its last tests are still to be fetched"
