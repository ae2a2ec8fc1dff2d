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


class UnknownRun(AppSentryError, LookupError):
    """No run has this id."""


class ServerStopping(AppSentryError, RuntimeError):
    """The server stops, and begins nothing any more."""


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

        Raises `UnknownApplication`, `NothingToTest` or `ServerStopping`, and then nothing has begun.
        """
        if self._closed:
            raise ServerStopping("the server stops: no run can be started")
        chosen = plan(choice, self._configuration.applications, self.checks)
        return self._begin(chosen, trigger, self._look, simulated=False)

    def simulate(self, checks: Sequence[Check], look: Look) -> str:
        """Start a run that only seems to be one: `look` invents its results."""
        return self._begin(checks, "simulator", look, simulated=True)

    async def command(self, run_id: str, command: Literal["pause", "resume", "cancel"], who: str) -> None:
        """Command a run. Raises `UnknownRun`, or `RunConflict` when its state does not admit it."""
        run = self._active.get(run_id)
        if run is None:
            raise await self._not_active(run_id, command)
        if command == "pause" and run.state == "running":
            run.pause()
        elif command == "resume" and run.state == "paused":
            run.resume()
        elif command == "cancel" and run.state in ("running", "paused"):
            run.cut_off("cancelled", f"cancelled by {who}")
        else:
            raise RunConflict(run_id, run.state, _past(command))

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
