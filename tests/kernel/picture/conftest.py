"""Events as the server sends them, from as few words as a test wants to say."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from appsentry_contract.instants import to_wire

START_MS = 1_795_420_800_000


class Events:
    """Sound payloads, a second apart."""

    def __init__(self) -> None:
        self._seq: Iterator[int] = count(1)

    def _durable(self, stream: str, **fields: Any) -> dict[str, Any]:
        seq = next(self._seq)
        return {"stream": stream, "seq": seq, "epoch": "e", "at": to_wire(START_MS + seq * 1000), **fields}

    def started(self, run: str = "r1", tests: int = 3) -> tuple[str, dict[str, Any]]:
        fields = {"testRunId": run, "applicationCount": 2, "testCount": tests, "trigger": "api"}
        return "testRunStarted", self._durable("runs", **fields, applicationIds=["a", "b"], testTypes=["health"])

    def turned(self, name: str, run: str = "r1", **fields: Any) -> tuple[str, dict[str, Any]]:
        return name, self._durable("runs", testRunId=run, **fields)

    def completed(self, run: str = "r1", **counts: int) -> tuple[str, dict[str, Any]]:
        tally = {"passed": 0, "degraded": 0, "failed": 0, "unknown": 0, **counts}
        return self.turned("testRunCompleted", run, **tally, duration=1234.5)

    def progress(
        self, completed: int, total: int, run: str = "r1", now: str | None = "a"
    ) -> tuple[str, dict[str, Any]]:
        place = {"stream": f"run:{run}", "epoch": "e", "after": 1, "at": to_wire(START_MS)}
        return "progressUpdate", {
            **place, "testRunId": run, "completed": completed, "total": total, "currentApplication": now,
        }  # fmt: skip

    def passed(self, application: str = "a", run: str = "r1", status: str = "passed") -> tuple[str, dict[str, Any]]:
        return "testCompleted", self._test(application, run, status=status, resultId="x", timings=None)

    def failed(self, application: str = "a", run: str = "r1", message: str = "HTTP 500") -> tuple[str, dict[str, Any]]:
        failure = {"class": "status", "message": message, "step": None}
        return "testFailed", self._test(application, run, status="failed", resultId="x", failure=failure)

    def _test(self, application: str, run: str, **fields: Any) -> dict[str, Any]:
        names = {"testRunId": run, "applicationId": application, "testId": "t", "testType": "health"}
        return self._durable(f"run:{run}", **names, checkId="health", duration=12.5, **fields)

    def application(self, name: str = "a", status: str = "healthy", **fields: Any) -> tuple[str, dict[str, Any]]:
        return "applicationStatusUpdate", self._durable("applications", **application(name, status) | fields)

    def removed(self, name: str) -> tuple[str, dict[str, Any]]:
        return "applicationRemoved", self._durable("applications", applicationId=name)

    def metric(self, name: str = "a", ms: float | None = 5.0, check: str = "health", **fields: Any) -> Any:
        names = {"applicationId": name, "checkId": check, "testType": check, "resultId": "x", "testRunId": None}
        times = {"dueAt": to_wire(START_MS), "lateMs": 0.0, "intervalMs": 1000, "timings": None, "responseTime": ms}
        rest = {"status": "up" if ms is not None else "down", "attempt": 1, "failure": None, "location": "here"}
        # The server's own additions are ignored by readers, but it does send them.
        payload = {**names, **times, **rest, "steps": None, "message": None, **fields}
        return "healthMetricUpdate", self._durable("metrics", **payload)

    def notice(self, message: str, kind: str = "warning") -> tuple[str, dict[str, Any]]:
        fields = {"type": kind, "message": message, "timestamp": to_wire(START_MS), "applicationId": None}
        return "notification", self._durable("applications", **fields)


def application(name: str, status: str = "healthy", *kinds: str) -> dict[str, Any]:
    """An application as the server lists it."""
    checks = [
        {
            "checkId": kind, "testType": kind, "status": "up", "responseTime": 5.0,
            "lastChecked": to_wire(START_MS), "failure": None,
        }
        for kind in kinds or ("health",)
    ]  # fmt: skip
    return {
        "id": name,
        "name": name.upper(),
        "status": status,
        "responseTime": 5.0,
        "uptime": 99.9,
        "sla": {"status": "met", "target": 99.0, "actual": 99.9, "errorBudgetRemaining": 0.9},
        "lastChecked": to_wire(START_MS),
        "group": None,
        "tags": [],
        "simulated": False,
        "checks": checks,
    }


def run(run_id: str, state: str = "running", **fields: Any) -> dict[str, Any]:
    """A run as the server lists it."""
    return {
        "testRunId": run_id, "state": state, "trigger": "api", "startedAt": to_wire(START_MS), "endedAt": None,
        "duration": None, "applicationIds": ["a"], "testTypes": ["health"], "completed": 1, "total": 3, "passed": 1,
        "degraded": 0, "failed": 0, "unknown": 0, "reason": None, "simulated": False, **fields,
    }  # fmt: skip


@pytest.fixture
def events() -> Events:
    """A server's events."""
    return Events()


@pytest.fixture(scope="session")
def make_events() -> type[Events]:
    """A new server's events, for tests that need one an example."""
    return Events


@pytest.fixture(scope="session")
def listed() -> Callable[..., dict[str, Any]]:
    """An application as the server lists it."""
    return application


@pytest.fixture(scope="session")
def listed_run() -> Callable[..., dict[str, Any]]:
    """A run as the server lists it."""
    return run
