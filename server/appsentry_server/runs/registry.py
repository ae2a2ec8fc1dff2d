"""The runs in progress, and the one door through which they are commanded."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Literal

from appsentry_contract.errors import AppSentryError
from appsentry_contract.vocabulary import ENDED_RUN_STATES, RunState, Trigger
from appsentry_server.clock import Clock
from appsentry_server.conduct import Check
from appsentry_server.configuration.model import Configuration
from appsentry_server.identity import ids
from appsentry_server.runs.plan import Choice, plan
from appsentry_server.runs.run import Look, Run, Test
from appsentry_server.store import reading
from appsentry_server.store.history import History
from appsentry_server.streams.publisher import Publisher

_log = logging.getLogger(__name__)

_KEPT_WITHIN_S = 5.0


class UnknownRun(AppSentryError, LookupError):
    """No run has this id."""


class ServerStopping(AppSentryError, RuntimeError):
    """The server stops, and begins nothing any more."""


class HistoryFailing(AppSentryError, OSError):
    """The history keeps nothing for the moment, so that nothing can be promised."""


class RunConflict(AppSentryError, ValueError):
    """The run's state does not admit the command."""

    def __init__(self, run_id: str, state: RunState, command: str) -> None:
        super().__init__(f"the run {run_id} is {state}: it cannot be {command}")
        self.state = state


class Runs:
    """Starts runs and commands those in progress. Several go on at once."""

    def __init__(self, *, clock: Clock, publisher: Publisher, history: History, look: Look) -> None:
        self._clock = clock
        self._publisher = publisher
        self._history = history
        self._look = look
        self._active: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._run_id = ids("run")
        self._test_id = ids("test")
        self._configuration = Configuration()
        self._closed = False
        self.checks: Mapping[tuple[str, str], Check] = {}

    def replace(self, configuration: Configuration, checks: Mapping[tuple[str, str], Check]) -> None:
        """What can be tested from now on; runs in progress keep what they were planned with."""
        self._configuration = configuration
        self.checks = checks

    def active(self, run_id: str) -> Run | None:
        """The run with this id, from its start until its end is in the history."""
        return self._active.get(run_id)

    @property
    def in_progress(self) -> list[Run]:
        """The runs that have not ended, oldest first."""
        return [run for run in self._active.values() if run.state not in ENDED_RUN_STATES]

    def start(self, choice: Choice, trigger: Trigger) -> str:
        """Start a run and give its id. Nothing of it is heard before the next turn of the event loop.

        Raises `UnknownApplication`, `NothingToTest`, `ServerStopping` or `HistoryFailing`, and then nothing has begun.
        Whoever is told the id is told it after `begun`.
        """
        if self._closed:
            raise ServerStopping("the server stops: no run can be started")
        self._admit("started")
        chosen = plan(choice, self._configuration.applications, self.checks)
        return self._begin(chosen, trigger, self._look, simulated=False)

    async def begun(self, run_id: str) -> None:
        """Wait until the run's beginning is in the history: no kill can then undo it.

        Raises `HistoryFailing` when that takes too long; the run is then cancelled.
        """
        if not await self._kept():
            run = self._active.get(run_id)
            if run is not None:
                run.cut_off("cancelled", "the history did not keep the run's beginning in time")
            raise HistoryFailing(f"the run {run_id} is cancelled: the history did not keep its beginning in time")

    def simulate(self, checks: Sequence[Check], look: Look) -> str:
        """Start a run that only seems to be one: `look` invents its results."""
        return self._begin(checks, "simulator", look, simulated=True)

    async def command(self, run_id: str, command: Literal["pause", "resume", "cancel"], who: str) -> None:
        """Command a run, and wait until that is in the history.

        Raises `UnknownRun`, or `RunConflict` when its state does not admit it. `HistoryFailing` when a run is to be
        paused or resumed while the history keeps nothing, and nothing has changed then; or when it takes too long to
        keep what was done, which stays done.
        """
        run = self._active.get(run_id)
        if run is None:
            raise await self._not_active(run_id, command)
        if command == "pause" and run.state == "running":
            self._admit("paused")
            run.pause()
        elif command == "resume" and run.state == "paused":
            self._admit("resumed")
            run.resume()
        elif command == "cancel" and run.state in ("running", "paused"):
            run.cut_off("cancelled", f"cancelled by {who}")
        else:
            raise RunConflict(run_id, run.state, _past(command))
        if not await self._kept():
            raise HistoryFailing(f"the run {run_id} is {_past(command)}, but the history has not kept that yet")

    async def close(self, reason: str) -> None:
        """Start no more, and end every run in progress, because the server stops."""
        self._closed = True
        for run in self.in_progress:
            run.cut_off("interrupted", reason)
        await asyncio.gather(*(run.ended() for run in self.in_progress))

    def _begin(self, checks: Sequence[Check], trigger: Trigger, look: Look, *, simulated: bool) -> str:
        run_id = self._run_id()
        run = Run(
            run_id,
            [Test(test_id=self._test_id(), check=check) for check in checks],
            trigger,
            clock=self._clock,
            publisher=self._publisher,
            look=look,
            simulated=simulated,
        )
        self._active[run_id] = run
        run.begin()
        following = asyncio.create_task(self._follow(run))
        self._tasks.add(following)
        following.add_done_callback(self._tasks.discard)
        return run_id

    def _admit(self, what: str) -> None:
        """Begin nothing that could not be kept. A run can still be cancelled: that only ends what is going on."""
        if self._publisher.failing_since_ms is not None:
            reason = self._publisher.outages.reason
            raise HistoryFailing(f"no run can be {what} while the history keeps nothing ({reason}): try again later")

    async def _kept(self) -> bool:
        """Wait until all that was said so far is in the history, for a while; whether it is."""
        try:
            async with asyncio.timeout(_KEPT_WITHIN_S):
                await self._publisher.settled()
        except TimeoutError:
            return False
        return True

    async def _not_active(self, run_id: str, command: str) -> AppSentryError:
        row = await self._history.read(reading.run(run_id))
        if row is None:
            return UnknownRun(f"no run is called {run_id}")
        return RunConflict(run_id, row.state, _past(command))

    async def _follow(self, run: Run) -> None:
        try:
            await run.ended()
            # Until then the history does not know how it ended, or that there was such a run.
            await self._publisher.settled()
        except Exception:
            _log.exception("the run %s broke off", run.run_id)
            raise
        finally:
            self._active.pop(run.run_id, None)


def _past(command: str) -> str:
    return {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}[command]
