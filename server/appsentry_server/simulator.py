"""The simulator of development mode: invented test runs and status changes, marked as such wherever they go."""

import math
import random
from collections.abc import Awaitable, Callable
from typing import Any

from appsentry_contract.requests import Simulate
from appsentry_server.clock import Clock
from appsentry_server.conduct import Check
from appsentry_server.identity import ids
from appsentry_server.intake import Intake
from appsentry_server.results import Failure, Outcome, Result
from appsentry_server.runs.plan import NothingToTest
from appsentry_server.runs.registry import Runs

_SUCCEED = 0.8


class Simulator:
    """Plays what a client asks for through the real streams. Nothing of it counts in any figure."""

    def __init__(self, runs: Runs, intake: Intake, clock: Clock) -> None:
        self._runs = runs
        self._intake = intake
        self._clock = clock
        self._result_id = ids("simulated")

    async def simulate(self, request: Simulate, joined: Callable[[str], Awaitable[None]]) -> dict[str, Any]:
        """Begin what was asked for; the same seed invents the same. Raises `NothingToTest` without applications."""
        dice = random.Random(request.seed)  # noqa: S311 - invented figures, not secrets
        checks = list(self._runs.checks.values())
        if not checks:
            raise NothingToTest("no application is configured: there is nothing to simulate")
        if request.kind == "statusUpdate":
            self._intake.take(self._result(dice.choice(checks), _duration_ms(dice), _succeeds(dice), run_id=None))
            return {"ok": True}
        chosen = checks if request.kind == "testRun" else [dice.choice(checks)]
        run_id = self._runs.simulate(chosen, lambda check, run_id: self._look(dice, check, run_id))
        await joined(run_id)
        await self._runs.begun(run_id)
        return {"ok": True, "testRunId": run_id}

    async def _look(self, dice: random.Random, check: Check, run_id: str) -> Result | None:
        duration_ms, succeeds = _duration_ms(dice), _succeeds(dice)
        result = self._result(check, duration_ms, succeeds, run_id)
        await self._clock.sleep(duration_ms / 1000)
        return result if self._intake.take(result) else None

    def _result(self, check: Check, duration_ms: int, succeeds: bool, run_id: str | None) -> Result:
        failure = None if succeeds else Failure(failure_class="status", message="simulated: expected 200, found 503")
        return Result(
            result_id=self._result_id(),
            due_ms=self._clock.now_ms(),
            application_id=check.application_id,
            check_id=check.settings.id,
            test_type=check.settings.type,
            outcome=Outcome(verdict="up" if succeeds else "down", response_ms=float(duration_ms), failure=failure),
            run_id=run_id,
            attempt=1,
            late_ms=0.0,
            interval_ms=round(check.settings.interval.total_seconds() * 1000),
            location="simulator",
            simulated=True,
        )


def _succeeds(dice: random.Random) -> bool:
    return dice.random() < _SUCCEED


def _duration_ms(dice: random.Random) -> int:
    """The specification's own formula."""
    return math.floor(dice.random() * 3000) + 1000
