"""Test runs as the streams tell them: each run as the API shows it, and its tests."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Any

import pyarrow as pa

from appsentry_contract.vocabulary import ENDED_RUN_STATES
from appsentry_kernel.frames import metric_of_test, results_batch

RUNS_KEPT = 100
"""Settled runs beyond this many are forgotten, oldest first."""

_STATES = {
    "testRunPaused": "paused",
    "testRunResumed": "running",
    "testRunCompleted": "completed",
    "testRunCancelled": "cancelled",
    "testRunInterrupted": "interrupted",
}
_UNHEARD_OF = {
    "state": "running",
    "startedAt": None,
    "endedAt": None,
    "duration": None,
    "completed": 0,
    "total": 0,
    "passed": 0,
    "degraded": 0,
    "failed": 0,
    "unknown": 0,
    "reason": None,
}
_COUNTS = ("completed", "total", "passed", "degraded", "failed", "unknown", "duration", "reason")


class TrackedRun:
    """One run. It is *settled* once it has ended and everything of it is here.

    One thread applies events, any thread reads.
    """

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._lock = Lock()
        self._run: dict[str, Any] = {**_UNHEARD_OF, "testRunId": run_id}
        self._started: dict[str, Mapping[str, Any]] = {}
        self._ended: dict[str, Mapping[str, Any]] = {}
        self._metrics: dict[str, Mapping[str, Any]] = {}
        self._sealed: pa.RecordBatch | None = None
        self._closed: Exception | None = None
        self._waiting: list[Future[None]] = []

    @property
    def settled(self) -> bool:
        """Whether nothing more will change."""
        return self._sealed is not None

    def view(self) -> dict[str, Any]:
        """The run as the API shows it; `startedAt` is null until its first event was heard."""
        with self._lock:
            return dict(self._run)

    def results(self) -> pa.RecordBatch:
        """Rows of a result frame, one a test that has ended, in the order in which they ended."""
        with self._lock:
            return self._rows() if self._sealed is None else self._sealed

    def apply(self, name: str, payload: Mapping[str, Any]) -> None:
        """Reduce one event of this run."""
        with self._lock:
            self._reduce(name, payload)

    def load(self, run: Mapping[str, Any]) -> None:
        """Take the run as a snapshot shows it."""
        with self._lock:
            self._run = dict(run)

    def load_tests(self, tests: Sequence[Mapping[str, Any]]) -> None:
        """Take the run's tests as a snapshot shows them, in place of those known so far."""
        with self._lock:
            self._started = {test["testId"]: {**test, "at": test["startedAt"]} for test in tests}
            self._ended = {
                test["testId"]: {**test, "testRunId": self.run_id} for test in tests if test["status"] != "running"
            }

    def settle(self) -> None:
        """Everything is here: keep the rows instead of the events, and wake those who wait."""
        with self._lock:
            if self._sealed is None:
                self._sealed = self._rows()
            for events in (self._started, self._ended, self._metrics):
                events.clear()
            waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if waiter.set_running_or_notify_cancel():
                waiter.set_result(None)

    def close(self, reason: Exception) -> None:
        """Nothing more will be heard: whoever waits, now or later, is told why."""
        with self._lock:
            self._closed = reason
            waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if waiter.set_running_or_notify_cancel():
                waiter.set_exception(reason)

    def end(self) -> "Future[None]":
        """Done once the run is settled; each waiter gets one of its own, so that one giving up disturbs no other."""
        waiter: Future[None] = Future()
        with self._lock:
            if self._sealed is not None:
                waiter.set_result(None)
            elif self._closed is not None:
                waiter.set_exception(self._closed)
            else:
                self._waiting.append(waiter)
        return waiter

    def _rows(self) -> pa.RecordBatch:
        return results_batch(
            [
                self._metrics.get(ended["resultId"]) or metric_of_test(self._started.get(test_id, ended), ended)
                for test_id, ended in self._ended.items()
            ]
        )

    def _reduce(self, name: str, payload: Mapping[str, Any]) -> None:
        match name:
            case "testRunStarted":
                self._run |= {field: payload[field] for field in ("applicationIds", "testTypes", "trigger")}
                self._run |= {"startedAt": payload["at"], "total": payload["testCount"]}
                self._run["simulated"] = payload.get("simulated", False)
            case "testStarted":
                self._started[payload["testId"]] = payload
            case "testCompleted" | "testFailed":
                self._ended[payload["testId"]] = payload
                self._run["completed"] = max(self._run["completed"], len(self._ended))
                self._run[payload["status"]] += 1
            case "healthMetricUpdate":
                self._metrics[payload["resultId"]] = payload
            case "progressUpdate" if payload["completed"] >= self._run["completed"]:
                self._run |= {"completed": payload["completed"], "total": payload["total"]}
            case _ if name in _STATES and self._run["state"] not in ENDED_RUN_STATES:
                self._turn(_STATES[name], payload)

    def _turn(self, state: str, payload: Mapping[str, Any]) -> None:
        self._run |= {field: payload[field] for field in _COUNTS if field in payload}
        self._run["state"] = state
        if state in ENDED_RUN_STATES:
            self._run["endedAt"] = payload["at"]
        if state == "completed":
            self._run["completed"] = self._run["total"]


class RunLog:
    """Every run that is known, oldest first. One thread writes, any thread reads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs: dict[str, TrackedRun] = {}
        self._closed: Exception | None = None

    def track(self, run_id: str) -> TrackedRun:
        """The run of this id; from now on it is known."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                run = self._runs[run_id] = TrackedRun(run_id)
                if self._closed is not None:
                    run.close(self._closed)
                self._forget_the_oldest()
            return run

    def apply(self, name: str, payload: Mapping[str, Any]) -> None:
        """Reduce one event; what concerns no known run leaves things as they are."""
        run_id = payload.get("testRunId")
        if run_id is None:
            return
        run = self.track(run_id) if name == "testRunStarted" else self._runs.get(run_id)
        if run is not None:
            run.apply(name, payload)

    def load(self, views: Sequence[Mapping[str, Any]]) -> None:
        """Take every run as the `runs` snapshot shows it; one that had ended before anybody followed it is settled."""
        for view in sorted(views, key=lambda view: str(view["startedAt"])):
            followed = view["testRunId"] in self._runs
            run = self.track(view["testRunId"])
            run.load(view)
            if view["state"] in ENDED_RUN_STATES and not followed:
                run.settle()

    def all(self) -> list[TrackedRun]:
        """Every run that is known."""
        with self._lock:
            return list(self._runs.values())

    def close(self, reason: Exception) -> None:
        """Nothing more will be heard of any run."""
        self._closed = reason
        for run in self.all():
            run.close(reason)

    def _forget_the_oldest(self) -> None:
        settled = [run_id for run_id, run in self._runs.items() if run.settled]
        for run_id in settled[: max(0, len(settled) - RUNS_KEPT)]:
            del self._runs[run_id]
