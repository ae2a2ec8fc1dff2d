"""The test runs that were heard of, whoever started them."""

from collections.abc import Sequence
from typing import Any

from appsentry_contract.events import TestRun, TestRunStarted
from appsentry_contract.instants import from_wire
from appsentry_contract.vocabulary import ENDED_RUN_STATES
from appsentry_kernel.picture.board import RUNS_LENGTH, RunLine


class RunLines:
    """The newest runs. What is said of a run that is not known, or has ended, is refused: it is stale."""

    def __init__(self) -> None:
        self._runs: dict[str, RunLine] = {}
        self._changed: set[str] = set()
        self._gone: set[str] = set()

    def replace(self, runs: Sequence[TestRun]) -> None:
        """Take over what the server says of its runs: one that it no longer knows is gone, whatever was heard of it."""
        before = self._runs
        newest = sorted(runs, key=lambda run: run["startedAt"])[-RUNS_LENGTH:]
        self._runs = {run["testRunId"]: _line(run, before.get(run["testRunId"])) for run in newest}
        self._changed = set(self._runs)
        self._gone |= before.keys() - self._changed

    def start(self, event: TestRunStarted) -> bool:
        """Begin a line; False when the run is known already."""
        run_id = event["testRunId"]
        if run_id in self._runs:
            return False
        self._runs[run_id] = {
            "run": run_id,
            "state": "running",
            "simulated": event.get("simulated", False),
            "applications": event["applicationCount"],
            "total": event["testCount"],
            "completed": 0,
            "current": None,
            "passed": 0,
            "degraded": 0,
            "failed": 0,
            "unknown": 0,
            "started": from_wire(event["at"]),
            "duration": None,
            "paused": None,
            "idle": 0,
            "reason": None,
        }
        self._changed.add(run_id)
        self._drop_oldest()
        return True

    def going(self, run_id: str) -> RunLine | None:
        """The run, when it is known and has not ended; whoever asks is about to change it."""
        line = self._runs.get(run_id)
        if line is None or line["state"] in ENDED_RUN_STATES:
            return None
        self._changed.add(run_id)
        return line

    def changes(self) -> dict[str, Any]:
        """What changed since this was last called, as parts of a delta."""
        runs = {run_id: self._runs[run_id].copy() for run_id in self._runs if run_id in self._changed}
        gone = sorted(self._gone - self._runs.keys())
        self._changed, self._gone = set(), set()
        return {name: part for name, part in (("runs", runs), ("runsGone", gone)) if part}

    def whole(self) -> dict[str, RunLine]:
        """Every run, oldest first, in a copy of its own."""
        return {run_id: line.copy() for run_id, line in self._runs.items()}

    def _drop_oldest(self) -> None:
        # An ended run goes before one that is still going, however old that is.
        while len(self._runs) > RUNS_LENGTH:
            ended = (run_id for run_id, line in self._runs.items() if line["state"] in ENDED_RUN_STATES)
            oldest = next(ended, next(iter(self._runs)))
            del self._runs[oldest]
            self._changed.discard(oldest)
            self._gone.add(oldest)


def _line(run: TestRun, before: RunLine | None) -> RunLine:
    """The server's word on a run; of its pauses only those that were heard are known."""
    paused = before["paused"] if before and run["state"] == "paused" else None
    return {
        "run": run["testRunId"],
        "state": run["state"],
        "simulated": run["simulated"],
        "applications": len(run["applicationIds"]),
        "total": run["total"],
        "completed": run["completed"],
        "current": None,
        "passed": run["passed"],
        "degraded": run["degraded"],
        "failed": run["failed"],
        "unknown": run["unknown"],
        "started": from_wire(run["startedAt"]),
        "duration": run["duration"],
        "paused": paused,
        "idle": before["idle"] if before else 0,
        "reason": run["reason"],
    }
