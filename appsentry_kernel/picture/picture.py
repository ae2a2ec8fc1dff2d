"""The event stream reduced to what is shown: pure and bounded."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from appsentry_contract.events import RUN_ENDS, Application, TestRun
from appsentry_contract.instants import from_wire
from appsentry_contract.vocabulary import RunState
from appsentry_kernel.picture.board import FEED_LENGTH, SMALL, Board, Connection, Delta, Entry, Problem, empty_board
from appsentry_kernel.picture.cards import Cards, PastResult
from appsentry_kernel.picture.runs import RunLines

_RUN_STATES: Mapping[str, RunState] = {
    "testRunPaused": "paused",
    "testRunResumed": "running",
    "testRunCompleted": "completed",
    "testRunCancelled": "cancelled",
    "testRunInterrupted": "interrupted",
}
_RUN_FIELDS = frozenset({"completed", "passed", "degraded", "failed", "unknown", "reason"})


class Picture:
    """What a board shows, as of the newest event that was applied.

    Events are applied in the order of their streams and are of the shape that the contract gives them: `Feed` has seen
    to both. `delta` gives what changed since it was last called, `snapshot` everything. Both are JSON-able and share
    nothing with the picture. What could not be used is counted, by cause: `application` (one that is not configured)
    and `stale` (said of a run that is not known or has ended). One thread at a time.
    """

    def __init__(self) -> None:
        self._cards = Cards()
        self._runs = RunLines()
        self._feed: deque[Entry] = deque(maxlen=FEED_LENGTH)
        self._counts: Counter[str] = Counter()
        self._small: Board = empty_board()
        self._number = 0
        self._told_number = 0
        self._at: str | None = None
        self._changed: set[str] = set()
        self._reducers: Mapping[str, Callable[[str, Any], None]] = {
            "testRunStarted": self._run_started,
            **dict.fromkeys(_RUN_STATES, self._run_turned),
            "progressUpdate": self._progress,
            "testCompleted": self._test_ended,
            "testFailed": self._test_ended,
            "applicationStatusUpdate": self._application,
            "applicationRemoved": self._removed,
            "healthMetricUpdate": self._metric,
            "notification": self._notice,
        }

    def apply(self, name: str, payload: Any) -> None:
        """Take in one event."""
        reduce = self._reducers.get(name)
        if reduce is None:
            return
        reduce(name, payload)
        # What one commit made true is one instant: reading it again for each of a thousand events would show.
        if payload["at"] != self._at:
            self._at = payload["at"]
            self._seen(from_wire(payload["at"]))

    def connection(self, connection: Connection) -> None:
        """Say whether the picture is fed."""
        if self._small["connection"] != connection:
            self._small["connection"] = connection
            self._changed.add("connection")

    def server(self, *, dev: bool) -> None:
        """Say whether the server simulates on demand."""
        if self._small["dev"] != dev:
            self._small["dev"] = dev
            self._changed.add("dev")

    def load(self, applications: Sequence[Application], runs: Sequence[TestRun]) -> None:
        """Take over the server's own view. Applications and runs that it does not name are gone."""
        self._cards.replace(applications)
        self._runs.replace(runs)
        for seen in {one["lastChecked"] for one in applications if one["lastChecked"]}:
            self._seen(from_wire(seen))

    def await_past(self) -> None:
        """Be ready for results of the history: those that come live from now on are told from them."""
        self._cards.await_past()

    def put_past(self, results: Iterable[PastResult]) -> None:
        """Put results of the history, oldest first, before the beats that are here; once every one of them that also
        comes live has come."""
        self._cards.put_past(results)

    def problem(self, message: str) -> None:
        """Show this message until somebody dismisses it or a later one takes its place."""
        last: Problem | None = self._small["problem"]
        self._small["problem"] = {"number": last["number"] + 1 if last else 1, "message": message}
        self._changed.add("problem")

    def dropped(self, counts: Mapping[str, int]) -> None:
        """Show also how much was dropped before it came here: totals, by a cause of their own."""
        for cause, count in counts.items():
            if self._counts[cause] != count:
                self._counts[cause] = count
                self._changed.add("counts")

    def delta(self) -> Delta | None:
        """What changed since this was last called; None when nothing did."""
        self._small["counts"] = dict(self._counts)
        delta: dict[str, Any] = {name: self._small[name] for name in SMALL if name in self._changed}
        self._changed.clear()
        fresh = [entry for entry in self._feed if entry["number"] > self._told_number]
        self._told_number = self._number
        delta |= {"feed": fresh} if fresh else {}
        delta |= self._cards.changes() | self._runs.changes()
        return cast(Delta, delta) if delta else None

    def snapshot(self) -> Delta:
        """Everything, as a delta that replaces what was shown before."""
        cards, runs, feed = self._cards.whole(), self._runs.whole(), list(self._feed)
        small = {**self._small, "counts": dict(self._counts)}
        return cast(Delta, {"whole": True, **small, "cards": cards, "runs": runs, "feed": feed})

    def _seen(self, at: int) -> None:
        newest = self._small["asOf"]
        if newest is None or at > newest:
            self._small["asOf"] = at
            self._changed.add("asOf")

    def _count(self, cause: str) -> None:
        self._counts[cause] += 1
        self._changed.add("counts")

    def _say(self, event: Any, what: str, status: str, **rest: Any) -> None:
        application_id = event.get("applicationId")
        self._number += 1
        entry: Any = {
            "number": self._number,
            "at": from_wire(event["at"]),
            "what": what,
            "status": status,
            "application": application_id,
            "name": self._cards.name(application_id) if application_id else None,
            "type": event.get("testType"),
            "message": None,
            "duration": event.get("duration"),
            "simulated": event.get("simulated", False),
        }
        self._feed.append(entry | rest)

    def _run_started(self, name: str, event: Any) -> None:
        if not self._runs.start(event):
            self._count("stale")
            return
        tests, applications = _many(event["testCount"], "test"), _many(event["applicationCount"], "application")
        self._say(event, "run", "running", message=f"{tests} of {applications}")

    def _run_turned(self, name: str, event: Any) -> None:
        line: Any = self._runs.going(event["testRunId"])
        if line is None:
            self._count("stale")
            return
        at = from_wire(event["at"])
        line["state"] = _RUN_STATES[name]
        line.update({field: event[field] for field in _RUN_FIELDS & event.keys()})
        if line["paused"] is not None:
            line["idle"] += at - line["paused"]
        line["paused"] = at if name == "testRunPaused" else None
        if name in RUN_ENDS:
            line["current"] = None
            line["duration"] = event.get("duration", float(at - line["started"]))
        if name == "testRunCompleted":
            line["completed"] = line["total"]
        self._say(event, "run", line["state"], message=_outcome(line), duration=line["duration"])

    def _progress(self, name: str, event: Any) -> None:
        line: Any = self._runs.going(event["testRunId"])
        if line is None:
            self._count("stale")
            return
        line["completed"], line["total"] = event["completed"], event["total"]
        line["current"] = event["currentApplication"] or line["current"]

    def _test_ended(self, name: str, event: Any) -> None:
        line: Any = self._runs.going(event["testRunId"])
        if line is None:
            self._count("stale")
            return
        line[event["status"]] += 1
        self._say(event, "test", event["status"], message=event.get("failure", {}).get("message"))

    def _application(self, name: str, event: Any) -> None:
        before = self._cards.update(event)
        # Of what goes down or recovers the server tells itself, and why.
        if before not in (None, "down", event["status"]) and event["status"] != "down":
            self._say({**event, "applicationId": event["id"]}, "status", event["status"], message=f"was {before}")

    def _removed(self, name: str, event: Any) -> None:
        self._cards.remove(event["applicationId"])

    def _metric(self, name: str, event: Any) -> None:
        if not event.get("simulated") and not self._cards.beat(event):
            self._count("application")

    def _notice(self, name: str, event: Any) -> None:
        self._say(event, "notice", event["type"], message=event["message"])


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _outcome(line: Mapping[str, Any]) -> str:
    """How far a run came, in words: `5 passed, 1 failed`, or `3 of 6 tests: cancelled by the API`."""
    if line["state"] == "completed":
        tally = [f"{line[word]} {word}" for word in ("passed", "degraded", "failed", "unknown") if line[word]]
        return ", ".join(tally) or "no test"
    reason = f": {line['reason']}" if line["reason"] else ""
    return f"{line['completed']} of {_many(line['total'], 'test')}{reason}"
