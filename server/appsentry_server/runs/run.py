"""One test run: its tests side by side, its pauses, and its one end."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from appsentry_contract.events import run_stream
from appsentry_contract.instants import to_wire
from appsentry_contract.vocabulary import PASSED, RunState, Trigger
from appsentry_server import payloads
from appsentry_server.clock import Clock
from appsentry_server.conduct import Check
from appsentry_server.results import Failure, Result
from appsentry_server.store.rows import RunRow, TestRow
from appsentry_server.streams.publisher import Publisher

_log = logging.getLogger(__name__)

AT_ONCE = 8
"""Tests of one run that go on side by side; simulated ones go one after the other, so that a seed repeats them."""

Look = Callable[[Check, str], Awaitable[Result | None]]
"""Make a result of this check for this run, and pass it on to the history; None when it was given up there."""

_GIVEN_UP = Failure(failure_class="internal", message="the history is failing and had no room for the result")
_BROKE_OFF = Failure(failure_class="internal", message="the test broke off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One planned test."""

    test_id: str
    check: Check

    @property
    def names(self) -> dict[str, Any]:
        """The fields that every event of the test has."""
        settings = self.check.settings
        return {
            "applicationId": self.check.application_id,
            "testId": self.test_id,
            "testType": settings.type,
            "checkId": settings.id,
        }


class Run:
    """A run in progress. Its events are on stream `run:<id>`, its beginning and its end on `runs`."""

    def __init__(
        self,
        run_id: str,
        tests: Sequence[Test],
        trigger: Trigger,
        *,
        clock: Clock,
        publisher: Publisher,
        look: Look,
        simulated: bool = False,
    ) -> None:
        self.run_id = run_id
        self.state: RunState = "running"
        self.tests = tests
        self._trigger = trigger
        self._clock = clock
        self._publisher = publisher
        self._look = look
        self._simulated = simulated
        self._mark = {"simulated": True} if simulated else {}
        self._began = clock.monotonic()
        self._started_ms = clock.now_ms()
        self._counts: Counter[str] = Counter()
        self._going = asyncio.Event()
        self._going.set()
        self._running: list[str] = []
        self._cut: tuple[Literal["cancelled", "interrupted"], str] | None = None
        self._broken_off = False
        self._workers: list[asyncio.Task[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._stream = run_stream(run_id)

    @property
    def completed(self) -> int:
        """How many tests have ended."""
        return self._counts.total()

    def row(self, *, ended_ms: int | None = None, reason: str | None = None) -> RunRow:
        """The run as the history keeps it."""
        application_ids = list(dict.fromkeys(test.check.application_id for test in self.tests))
        test_types = list(dict.fromkeys(test.check.settings.type for test in self.tests))
        return RunRow(
            self.run_id, self.state, self._trigger, self._simulated, self._started_ms, ended_ms, reason,
            application_ids, test_types, len(self.tests),
        )  # fmt: skip

    def begin(self) -> None:
        """Say that the run has started, and start it."""
        row = self.row()
        self._publisher.run(row)
        beginning = {
            "applicationCount": len(row.application_ids),
            "testCount": row.total,
            "applicationIds": row.application_ids,
            "testTypes": row.test_types,
            "trigger": self._trigger,
            "startedAt": to_wire(self._started_ms),
        }
        self._say("testRunStarted", beginning, stream="runs")
        waiting = iter(self.tests)
        at_once = 1 if self._simulated else min(AT_ONCE, len(self.tests))
        self._workers = [asyncio.create_task(self._take(waiting)) for _ in range(at_once)]
        self._task = asyncio.create_task(self._work())

    async def ended(self) -> None:
        """Wait for the end, which has been handed to the publisher by then."""
        assert self._task is not None, "the run has not begun"
        await asyncio.shield(self._task)

    def pause(self) -> None:
        """Start no new test; running ones finish."""
        self._going.clear()
        self._turn("paused", "testRunPaused")

    def resume(self) -> None:
        """Start tests again."""
        self._turn("running", "testRunResumed")
        self._going.set()

    def cut_off(self, state: Literal["cancelled", "interrupted"], reason: str) -> None:
        """End now; the tests that are running end with this class of failure. The first reason stands."""
        if self._cut is None:
            self._cut = (state, reason)
            for worker in self._workers:
                worker.cancel()

    def progress(self) -> dict[str, Any]:
        """The payload of `progressUpdate` as it now is."""
        return {
            "testRunId": self.run_id,
            "completed": self.completed,
            "total": len(self.tests),
            "currentApplication": self._running[-1] if self._running else None,
        }

    def _turn(self, state: RunState, event: str) -> None:
        self.state = state
        self._publisher.run(self.row())
        self._say(event, {"completed": self.completed, "total": len(self.tests)}, stream="runs")

    async def _work(self) -> None:
        # Only the workers are ever cancelled, so that the end is reached whatever happens to them.
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._end()

    async def _take(self, waiting: Iterator[Test]) -> None:
        while True:
            # A resume and a pause in one breath wake the waiting and close the gate again.
            while not self._going.is_set():
                await self._going.wait()
            test = next(waiting, None)
            if test is None:
                return
            await self._make(test)

    async def _make(self, test: Test) -> None:
        application_id = test.check.application_id
        self._running.append(application_id)
        started_ms, began = self._clock.now_ms(), self._clock.monotonic()
        self._say("testStarted", {**test.names, "attempt": 1, "startedAt": to_wire(started_ms)})
        self._show_progress()
        result, failure = None, _BROKE_OFF
        try:
            result = await self._look(test.check, self.run_id)
            failure = (result.outcome.failure or failure) if result else _GIVEN_UP
        except Exception:  # noqa: BLE001 - logged, and told as a fault of ours
            # The tests that follow are made all the same, so that the sums agree at the end.
            _log.exception("a test of the run %s broke off", self.run_id)
        except asyncio.CancelledError:
            self._broken_off = True
            failure_class, reason = self._cut or ("interrupted", "the server stopped")
            failure = Failure(failure_class=failure_class, message=reason)
            raise
        finally:
            self._running.remove(application_id)
            self._ended(test, result, failure, started_ms, began)

    def _ended(self, test: Test, result: Result | None, failure: Failure, started_ms: int, began: float) -> None:
        verdict = result.outcome.verdict if result else "unknown"
        status = {"up": "passed", "degraded": "degraded", "down": "failed", "unknown": "unknown"}[verdict]
        duration = round((self._clock.monotonic() - began) * 1000, 3)
        result_id = result.result_id if result else None
        ending = {**test.names, "status": status, "duration": duration, "resultId": result_id}
        passed = verdict in PASSED
        if passed:
            timings = payloads.timings(result.outcome.phases) if result else None
            self._say("testCompleted", {**ending, "timings": timings})
        else:
            self._say("testFailed", {**ending, "failure": payloads.failure(failure)})
        self._counts[status] += 1
        why = (None, None, None) if passed else (failure.failure_class, failure.message, failure.step)
        settings = test.check.settings
        row = TestRow(
            self.run_id, test.test_id, test.check.application_id, settings.id, settings.type,
            1, started_ms, duration, status, result_id, *why,
        )  # fmt: skip
        self._publisher.test(row)
        self._show_progress()

    def _end(self) -> None:
        self._running.clear()
        self._show_progress()
        # Not the wall clock's own end: it may have been set anew, and a duration is what passed.
        duration_ms = round((self._clock.monotonic() - self._began) * 1000)
        ended_ms = self._started_ms + duration_ms
        ending: dict[str, Any]
        reason = None
        # A cut that came after the last test had ended changes nothing; one that broke a test off does.
        if self._cut is not None and (self._broken_off or self.completed < len(self.tests)):
            self.state, reason = self._cut
            name = "testRunCancelled" if self.state == "cancelled" else "testRunInterrupted"
            ending = {"reason": reason, "completed": self.completed, "total": len(self.tests)}
        else:
            self.state = "completed"
            name = "testRunCompleted"
            ending = {status: self._counts[status] for status in ("passed", "degraded", "failed", "unknown")}
            ending["duration"] = float(duration_ms)
        self._publisher.run(self.row(ended_ms=ended_ms, reason=reason))
        self._say(name, {**ending, "endedAt": to_wire(ended_ms)}, stream="runs")

    def _say(self, name: str, fields: dict[str, Any], *, stream: str | None = None) -> None:
        payload = {"testRunId": self.run_id, **fields, **self._mark}
        self._publisher.event(stream or self._stream, name, payload)

    def _show_progress(self) -> None:
        self._publisher.volatile(self._stream, "progressUpdate", {**self.progress(), **self._mark})
