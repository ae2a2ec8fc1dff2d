"""What readers have been told so far: the applications and the runs as their streams last described them."""

from collections.abc import Iterable, Mapping
from typing import Any

from appsentry_contract.events import TestRun
from appsentry_contract.instants import from_wire
from appsentry_contract.vocabulary import ENDED_RUN_STATES
from appsentry_server.streams.journal import Event

_RUNS_KEPT = 100
_PLACE = frozenset({"stream", "seq", "epoch", "at", "after"})
_ENDS = {"testRunCompleted": "completed", "testRunCancelled": "cancelled", "testRunInterrupted": "interrupted"}


class Published:
    """The snapshots of the streams `applications` and `runs`, exact at their heads because made from them."""

    def __init__(self, applications: Iterable[Mapping[str, Any]], runs: Mapping[str, TestRun]) -> None:
        self.applications: dict[str, Mapping[str, Any]] = {item["id"]: item for item in applications}
        self.runs: dict[str, TestRun] = dict(runs)

    async def hear(self, event: Event) -> None:
        """Take up an event that was published."""
        if event.name == "applicationStatusUpdate":
            if not event.payload.get("simulated"):
                self.applications[event.payload["id"]] = without_place(event.payload)
        elif event.name == "applicationRemoved":
            self.applications.pop(event.payload["applicationId"], None)
        elif event.name == "testRunStarted":
            self._begin(event)
        elif "testRunId" in event.payload and (run := self.runs.get(event.payload["testRunId"])):
            _take_up(run, event)

    def _begin(self, event: Event) -> None:
        payload = event.payload
        self.runs[payload["testRunId"]] = {
            "testRunId": payload["testRunId"],
            "state": "running",
            "trigger": payload["trigger"],
            "startedAt": payload["startedAt"],
            "endedAt": None,
            "duration": None,
            "applicationIds": payload["applicationIds"],
            "testTypes": payload["testTypes"],
            "completed": 0,
            "total": payload["testCount"],
            "passed": 0,
            "degraded": 0,
            "failed": 0,
            "unknown": 0,
            "reason": None,
            "simulated": bool(payload.get("simulated")),
        }
        ended = [run_id for run_id, run in self.runs.items() if run["state"] in ENDED_RUN_STATES]
        for run_id in ended[: max(0, len(self.runs) - _RUNS_KEPT)]:
            del self.runs[run_id]


def _take_up(run: TestRun, event: Event) -> None:
    payload = event.payload
    if event.name == "testRunPaused":
        run["state"] = "paused"
    elif event.name == "testRunResumed":
        run["state"] = "running"
    elif event.name in ("testCompleted", "testFailed"):
        run["completed"] += 1
        run[payload["status"]] += 1  # type: ignore[literal-required] # passed, degraded, failed or unknown
    elif event.name in _ENDS:
        run["state"] = _ENDS[event.name]  # type: ignore[typeddict-item] # the values are run states
        run["endedAt"] = payload["endedAt"]
        run["reason"] = payload.get("reason")
        run["duration"] = float(from_wire(payload["endedAt"]) - from_wire(run["startedAt"]))


def without_place(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What an event says, without where it was said."""
    return {key: value for key, value in payload.items() if key not in _PLACE}
