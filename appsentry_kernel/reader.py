"""What a session does on its I/O thread: follows the streams, keeps what they say, fills holes, passes commands on."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from appsentry_contract.events import RUN_ENDS, Application, TestRun, TestView, run_stream
from appsentry_contract.vocabulary import ENDED_RUN_STATES
from appsentry_kernel.clock import Clock
from appsentry_kernel.cursor import Event
from appsentry_kernel.errors import AppSentryError, RequestRefused, ServerUnreachable, SessionClosed
from appsentry_kernel.feed import Feed
from appsentry_kernel.history import Api
from appsentry_kernel.iothread import IoThread
from appsentry_kernel.link import AnswerLate, Link, State
from appsentry_kernel.past import past_results
from appsentry_kernel.results import ResultLog
from appsentry_kernel.runs import RunLog, TrackedRun

if TYPE_CHECKING:
    from appsentry_kernel.picture import PastResult
    from appsentry_kernel.screen import Screen

_log = logging.getLogger(__name__)

STANDING = ("applications", "runs", "metrics")
_BATCHED = frozenset({"applications", "metrics"})
"""The streams in which every check says something: one message for all of a moment, instead of one each."""

PAGE = 500
SMALLER = 8
"""How many events are asked for at once, and by what that is divided whenever such a page did not arrive in time."""

RUNS_FOLLOWED = 50
"""Other people's runs whose tests are followed at the same time: half of the subscriptions a socket may hold."""

PAST_WITHIN_S = 60.0
"""How long the history may take to say what was before; the board is there meanwhile."""

_COMMANDS = {"pause": "pauseTestRun", "resume": "resumeTestRun", "cancel": "cancelTestRun"}
_CHOICE = ("applicationIds", "tags", "testTypes")
_SIMULATION = ("kind", "seed")


class Reader:
    """One session's reader. It never refers to its session, so that a forgotten session can be collected.

    Coroutines and `_methods` run on `thread`; everything else may be called from any thread.
    """

    def __init__(self, url: str, token: str | None, *, keep: int, simulated: bool, clock: Clock) -> None:
        self.results = ResultLog(keep=keep, clock=clock)
        self.runs = RunLog()
        self.feed = Feed()
        self.api = Api(url, token)
        self.state: State = "connecting"
        self.detail: str | None = None
        self._simulated = simulated
        self._link = Link(url, token, clock=clock, receive=self._receive, welcome=self._welcome, report=self._report)
        self._lock = Lock()
        self._applications: dict[str, Mapping[str, Any]] = {}
        self._resuming: set[str] = set()
        self._page = PAGE
        self._screen: Screen | None = None
        for stream in STANDING:
            self.feed.cursor(stream)
        self.thread = IoThread("appsentry-io", self._farewell)

    @property
    def applications(self) -> list[Mapping[str, Any]]:
        """Every application as it now is."""
        with self._lock:
            return list(self._applications.values())

    async def open(self) -> None:
        """Connect and read the snapshots. Raises `ServerUnreachable` or `TokenRefused`; tries once."""
        await self.api.greet()
        await self._link.open()
        self.thread.spawn(self._link.stay())

    async def start_run(self, choice: Mapping[str, object]) -> TrackedRun:
        """Start a run of what is chosen. Raises `RequestRefused` with the server's reason."""
        asked = {field: choice[field] for field in _CHOICE if choice.get(field) is not None}
        answer = await self._link.request("startTestRun", asked)
        run = self.runs.track(answer["testRunId"])
        if not run.settled:
            self._follow(run.run_id, joined=True)
        return run

    async def command(self, command: str, run_id: object) -> None:
        """Pause, resume or cancel a run. Raises `RequestRefused` with the server's reason."""
        await self._link.request(_COMMANDS[command], {"testRunId": run_id})

    async def reconnect(self) -> None:
        """Try to connect at once."""
        self._link.reconnect()

    async def show(self, screen: "Screen") -> None:
        """Draw on this screen from now on."""
        screen.load(self.applications, self._run_views())
        screen.connection(self.state, self.detail, self._link.retry)
        screen.await_past()
        self._screen = screen
        screen.show()  # at once: what is displayed first is what a notebook keeps
        self.thread.spawn(screen.tick())
        self.thread.spawn(self._introduce(screen))
        self.thread.spawn(self._recall(screen))

    def obey(self, command: str, arguments: Mapping[str, Any]) -> None:
        """Carry out what a button asks for. From any thread, returns at once; a refusal is shown on the screen."""
        self.thread.post(lambda: self.thread.spawn(self._obey(command, arguments)))

    async def _obey(self, command: str, arguments: Mapping[str, Any]) -> None:
        try:
            if command == "run":
                await self.start_run(arguments)
            elif command == "reconnect":
                self._link.reconnect()
            elif command == "simulate":
                await self._link.request("simulate", {name: arguments.get(name) for name in _SIMULATION})
            else:
                await self.command(command, arguments.get("testRunId"))
        except AppSentryError as error:
            if self._screen is not None:
                self._screen.problem(str(error))

    async def _farewell(self) -> None:
        self._report("closed", "the session is closed")
        self.runs.close(SessionClosed("the session was closed before the run ended"))
        await self._link.hang_up()
        await self.api.close()
        if self._screen is not None:
            self._screen.show()

    def _report(self, state: State, detail: str | None) -> None:
        self.state, self.detail = state, detail
        if self._screen is not None:
            self._screen.connection(state, detail, self._link.retry)
            if state == "live":
                self.thread.spawn(self._introduce(self._screen))

    async def _introduce(self, screen: "Screen") -> None:
        """Find out what the server offers: another one may have come back."""
        with suppress(AppSentryError):
            screen.server(dev=False)
            screen.server(dev=await self.api.simulates())

    async def _recall(self, screen: "Screen") -> None:
        """Give the screen the results from before it was there; without the history's answer it goes on as it is."""
        results: Sequence[PastResult] = ()
        try:
            async with asyncio.timeout(PAST_WITHIN_S):
                past = await past_results(self.api, self.applications)
                # The history may hold results whose events are still under way: only once they are here, live ones can
                # be told from older ones.
                await self._resume("metrics")
                results = past
        except (AppSentryError, TimeoutError) as error:
            _log.debug("the cards' lines begin empty: %s", error)
        finally:
            screen.put_past(results)

    def _receive(self, name: str, payload: object) -> None:
        for event in self.feed.receive(name, payload):
            self._reduce(event)
        for stream in self.feed.behind:
            if stream not in self._resuming:
                self.thread.spawn(self._fill(stream))

    async def _welcome(self) -> None:
        """A new connection follows nothing yet: go on in every stream from the place reached."""
        for stream in self.feed.followed:
            await self._resume(stream)
        for run in self.runs.all():
            if run.view()["state"] in ENDED_RUN_STATES and not run.settled:
                self.thread.spawn(self._settle(run))

    async def _fill(self, stream: str) -> None:
        """Ask for what is missing. When the connection is lost meanwhile, the next one asks again."""
        place = None
        while stream in self.feed.followed and self.feed.cursor(stream).seq != place:
            place = self.feed.cursor(stream).seq
            try:
                await self._resume(stream)
            except ServerUnreachable as error:
                _log.debug("%s stays behind for now: %s", stream, error)
                return
            if not self.feed.cursor(stream).behind:
                return

    async def _resume(self, stream: str) -> None:
        """Follow a stream from the place reached, page by page."""
        self._resuming.add(stream)
        try:
            while self._take(stream, await self._link.request("subscribe", self._subscription(stream))):
                pass
        except AnswerLate:
            # On a slow line a page of that size never arrives, and what is under way holds up all that follows.
            self._page = max(1, self._page // SMALLER)
            self._link.abandon()
            raise
        except RequestRefused as refused:
            self._lose(stream, refused)
        except (KeyError, TypeError, AttributeError) as error:
            raise ServerUnreachable(f"the server's answer on {stream} is not of the agreed form: {error!r}") from error
        finally:
            self._resuming.discard(stream)
        if self.state == "live" and not self._resuming:
            self._page = PAGE

    def _subscription(self, stream: str) -> dict[str, object]:
        place = self.feed.cursor(stream).since
        return {"stream": stream, "since": place, "batch": stream in _BATCHED, "limit": self._page}

    def _take(self, stream: str, answer: Mapping[str, Any]) -> bool:
        """Reduce what a `subscribe` answered; says whether there is more."""
        if "snapshot" in answer:
            self._load(stream, answer["snapshot"])
            for event in self.feed.start(stream, answer["epoch"], answer["head"]):
                self._reduce(event)
            return False
        self._receive("eventBatch", {"events": answer["events"]})
        return bool(answer["more"])

    def _load(self, stream: str, snapshot: Mapping[str, Any]) -> None:
        match stream:
            case "applications":
                known = self.feed.sound(Application, snapshot["applications"])
                with self._lock:
                    self._applications = {application["id"]: application for application in known}
            case "runs":
                runs = self.feed.sound(TestRun, snapshot["runs"])
                self.runs.load(runs)
                for run in runs:
                    if run["state"] not in ENDED_RUN_STATES:
                        self._follow(run["testRunId"])
            case "metrics":
                self.results.clear()
            case _:
                tracked = self.runs.track(stream.removeprefix(run_stream("")))
                for run in self.feed.sound(TestRun, [snapshot["run"]]):
                    tracked.load(run)
                tracked.load_tests(self.feed.sound(TestView, snapshot["tests"]))
        if self._screen is not None:
            self._screen.load(self.applications, self._run_views())

    def _run_views(self) -> list[dict[str, Any]]:
        views = [run.view() for run in self.runs.all()]
        return [view for view in views if view["startedAt"] is not None]

    def _lose(self, stream: str, refused: RequestRefused) -> None:
        """A stream the server no longer has: whoever waits for its run is told."""
        if stream in STANDING:
            raise refused
        self.feed.forget(stream)
        self.runs.track(stream.removeprefix(run_stream(""))).close(refused)

    def _reduce(self, event: Event) -> None:
        name, payload = event
        self.runs.apply(name, payload)
        match name:
            case "healthMetricUpdate" if self._simulated or not payload.get("simulated"):
                self.results.add(payload)
            case "applicationStatusUpdate" if self._simulated or not payload["simulated"]:
                with self._lock:
                    self._applications[payload["id"]] = payload
            case "applicationRemoved":
                with self._lock:
                    self._applications.pop(payload["applicationId"], None)
            case "testRunStarted" if len(self.feed.followed) < len(STANDING) + RUNS_FOLLOWED:
                self._follow(payload["testRunId"])
            case _ if name in RUN_ENDS:
                self.thread.spawn(self._settle(self.runs.track(payload["testRunId"])))
        if self._screen is not None:
            self._screen.apply(name, payload)

    def _follow(self, run_id: str, *, joined: bool = False) -> None:
        """Follow a run's tests from its first event on, which `joined` says we hear; following it twice is fine."""
        cursor, runs = self.feed.cursor(run_stream(run_id)), self.feed.cursor("runs")
        if not cursor.started and runs.epoch is not None:
            cursor.start(runs.epoch, 0)
            if not joined:
                self.thread.spawn(self._fill(cursor.stream))

    async def _settle(self, run: TrackedRun) -> None:
        """After a run's end: fetch whatever of it is not here yet, then wake those who wait for it."""
        stream = run_stream(run.run_id)
        if stream not in self.feed.followed:
            run.settle()
            return
        try:
            await self._resume(stream)
            await self._resume("metrics")
        except ServerUnreachable:
            return  # the next connection settles it
        self.feed.forget(stream)
        run.settle()
        with suppress(ServerUnreachable, RequestRefused):
            await self._link.request("unsubscribe", {"stream": stream})
