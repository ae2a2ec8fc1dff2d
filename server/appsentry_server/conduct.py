"""Carrying out one check: its limits, its deadline and its place in time, around a probe that knows none of them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Container, Coroutine
from dataclasses import dataclass, field

from appsentry_server.blindness import Sight
from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.chronology import Chronology
from appsentry_server.clock import Clock
from appsentry_server.configuration.model import Limits
from appsentry_server.identity import ids
from appsentry_server.lag import Lag, believed
from appsentry_server.results import Failure, Outcome, Result

_log = logging.getLogger(__name__)

_GRACE_S = 0.5
"""How much longer than its own deadline a probe may take to say so itself, with what it knows."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Check:
    """A configured check made ready. Whoever looks holds `turn`, so that one check is never made twice at once.

    It lives as long as a schedule or a run holds it, and its probe with it.
    """

    application_id: str
    settings: CheckSettings
    probe: Probe
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def key(self) -> tuple[str, str]:
        """The ids of the application and the check."""
        return self.application_id, self.settings.id


class Conductor:
    """Makes results of checks, so many at once and so many on one host.

    A failure is recorded as the target's only when it is not the monitor's own: `lag` knows whether the monitor stood
    still meanwhile, `sight` whether it reaches anything at all, `chronology` whether the time was counted already.
    """

    def __init__(
        self, clock: Clock, limits: Limits, location: str, *, lag: Lag, sight: Sight, chronology: Chronology
    ) -> None:
        self._clock = clock
        self._location = location
        self._lag = lag
        self._sight = sight
        self._chronology = chronology
        self._all = asyncio.Semaphore(limits.checks)
        self._by_host: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(limits.checks_per_host)
        )
        self._result_id = ids("result")
        self._looked: dict[tuple[str, str], float] = {}
        self._stopping = asyncio.Event()
        self.in_flight = 0

    def stop(self) -> None:
        """Look no more: whoever still waits for a place is cancelled, a scheduled look that is cut off says so."""
        self._stopping.set()

    def looked_since(self, check: Check, due: float) -> bool:
        """Whether the check was looked at for something due at this monotonic instant or later."""
        return self._looked.get(check.key, float("-inf")) >= due

    def forget(self, known: Container[tuple[str, str]]) -> None:
        """Remember nothing of checks that are no longer known."""
        self._looked = {key: due for key, due in self._looked.items() if key in known}
        self._chronology.forget(known)

    async def conduct(self, check: Check, *, due_ms: int, due: float, attempt: int, run_id: str | None) -> Result:
        """Look once and say what was found. `due` is `due_ms` on the monotonic clock; the caller holds the turn."""
        settings = check.settings
        if settings.host is None:
            async with self._all:
                began, outcome = await self._timed(check, due, run_id)
        else:
            # The host's place first: those who wait for a slow host take no place from the others.
            async with self._by_host[settings.host], self._all:
                began, outcome = await self._timed(check, due, run_id)
        if self._sight.doubts(check.key, outcome):
            # Its place is free by now: to find out whether the monitor is blind may take seconds.
            outcome = await self._marked(self._sight.judged(check.key, outcome, began), run_id)
        result = Result(
            result_id=self._result_id(),
            due_ms=due_ms,
            application_id=check.application_id,
            check_id=settings.id,
            test_type=settings.type,
            outcome=outcome,
            run_id=run_id,
            attempt=attempt,
            late_ms=round(max(0.0, began - due) * 1000, 3),
            interval_ms=round(settings.interval.total_seconds() * 1000),
            location=self._location,
        )
        return self._chronology.placed(result)

    async def _timed(self, check: Check, due: float, run_id: str | None) -> tuple[float, Outcome]:
        """When it began, on the monotonic clock, and what was found, as far as it can be believed."""
        if self._stopping.is_set():
            raise asyncio.CancelledError("the server stops")
        began, stood_still_s = self._clock.monotonic(), self._lag.total_s()
        self._looked[check.key] = due
        self.in_flight += 1
        try:
            outcome = await self._marked(self._look(check), run_id)
        finally:
            self.in_flight -= 1
        stood_still_s = self._lag.total_s() - stood_still_s
        if stood_still_s > 0:
            timeout_s = check.settings.timeout.total_seconds()
            elapsed_s = self._clock.monotonic() - began
            outcome = believed(outcome, stood_still_s=stood_still_s, elapsed_s=elapsed_s, timeout_s=timeout_s)
        return began, outcome

    async def _marked(self, work: Coroutine[None, None, Outcome], run_id: str | None) -> Outcome:
        """The outcome of the work; when a stop of the server cuts off scheduled work, that."""
        try:
            return await work
        except asyncio.CancelledError:
            if not self._stopping.is_set() or run_id is not None:
                raise
            message = "the server stopped before the check had ended"
            return Outcome(verdict="unknown", failure=Failure(failure_class="interrupted", message=message))

    async def _look(self, check: Check) -> Outcome:
        timeout_s = check.settings.timeout.total_seconds()
        try:
            async with asyncio.timeout(timeout_s + _GRACE_S):
                return await check.probe.run()
        except TimeoutError:
            message = f"expected an answer within {timeout_s:g} s, found none"
            failure = Failure(failure_class="deadline", message=message)
            return Outcome(verdict="down", response_ms=timeout_s * 1000, failure=failure)
        except Exception as error:  # noqa: BLE001 - a fault of ours must be seen, and never be blamed on the target
            # Only the type is told: the text of an unforeseen error could quote what the probe was given.
            where = f"{check.application_id}/{check.settings.id}"
            _log.error("the probe of %s failed with %s", where, type(error).__name__)
            message = f"the {check.settings.type} probe itself failed with {type(error).__name__}"
            return Outcome(verdict="unknown", failure=Failure(failure_class="internal", message=message))
