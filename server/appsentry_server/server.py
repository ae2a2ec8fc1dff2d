"""A server's life: what runs beside its doors, how a new configuration is taken up, and how it all ends."""

import asyncio
import logging
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta

import duckdb
from tornado.routing import URLSpec

from appsentry_contract.errors import AppSentryError
from appsentry_server.api.exports import Exports
from appsentry_server.api.routes import routes
from appsentry_server.audit import FILE_ORIGIN
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Kind
from appsentry_server.conduct import Check
from appsentry_server.configuration.difference import difference
from appsentry_server.configuration.model import Configuration
from appsentry_server.configuration.problems import ConfigurationError
from appsentry_server.configuration.reloading import ConfigurationFile
from appsentry_server.intake import Intake
from appsentry_server.runs.recovery import interrupt_open_runs
from appsentry_server.services import Services
from appsentry_server.sockets.subscriptions import Subscriptions
from appsentry_server.store import days, past, retention, summaries

_log = logging.getLogger(__name__)

_FINISH_S = 4.0
"""How long running checks may take to finish when the server stops; its whole end takes less than ten seconds."""

_SETTLE_S = 3.0

_HOUSEKEEPING_S = 60.0
_LAID_OUT_AT_ONCE = 4
"""Steps of laying out past results, each of seconds: the summaries must not wait for all that a large history has."""

_TOKEN_EVERY_S = 1.0


class PartFailed(AppSentryError, RuntimeError):
    """A part that should run for ever has ended: a fault of ours, and the server stops rather than go on without."""


class Server:
    """One server, made by `compose`. `start` and `stop` are its life."""

    def __init__(
        self,
        configuration: Configuration,
        services: Services,
        *,
        client: HttpClient,
        gone: Sequence[str],
        intake: Intake,
        subscriptions: Subscriptions,
        file: ConfigurationFile | None,
        kinds: Mapping[str, Kind],
    ) -> None:
        self.configuration = configuration
        self.services = services
        self._gone = gone
        self._intake = intake
        self._subscriptions = subscriptions
        self._file = file
        self._client = client
        self._kinds = kinds
        self._exports = Exports(services.history)
        self._checks: dict[tuple[str, str], Check] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._broken = asyncio.Event()
        self._fault: PartFailed | None = None
        self._stopping = False

    def routes(self) -> list[URLSpec]:
        """The server's doors: the socket and the API, as Tornado routes without a prefix."""
        return routes(self.services, exports=self._exports, ready=lambda: "schedule" in self._tasks)

    async def start(self) -> None:
        """Begin to check. Runs that an earlier server died under are ended first."""
        services = self.services
        self._begin("publisher", services.publisher.work)
        interrupted = await interrupt_open_runs(
            services.history, services.journal, services.publisher, services.clock.now_ms()
        )
        if interrupted:
            _log.warning("%d test runs were interrupted by the last stop", interrupted)
        self.take_up(self.configuration)
        self._intake.tell_changes(gone=self._gone)
        self._begin("watchdog", services.watchdog.work)
        self._begin("sight", services.sight.work)
        self._begin("schedule", services.schedule.work)
        self._begin("intake", self._intake.work)
        self._begin("batches", self._subscriptions.send_batches)
        self._begin("heads", self._subscriptions.send_heads)
        self._begin("housekeeping", self._keep_house)
        self._begin("token", self._follow_token)
        self._begin("connections", services.transport.watch)
        if self._file is not None:
            file = self._file
            self._begin("configuration", lambda: file.follow(self._reload))

    async def run_until(self, stopped: asyncio.Event) -> None:
        """Wait for the event. Raises `PartFailed` when a part of the server ends before."""
        broken = asyncio.ensure_future(self._broken.wait())
        waiting = asyncio.ensure_future(stopped.wait())
        await asyncio.wait({waiting, broken}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        broken.cancel()
        if self._fault is not None:
            raise self._fault

    async def stop(self) -> None:
        """End in order: no new checks, running ones finished or marked, everything told and kept. Once is enough."""
        if self._stopping:
            return
        self._stopping = True
        services = self.services
        if "configuration" in self._tasks:
            self._tasks["configuration"].cancel()
        services.conductor.stop()
        services.schedule.stop()
        await services.runs.close("the server was stopped")
        cut_off = await services.schedule.drained(_FINISH_S)
        if cut_off:
            _log.warning("%d checks did not finish in time: their results say so", cut_off)
        await self._settle()
        await services.transport.close()
        await self._exports.close()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for check in self._checks.values():
            check.probe.close()
        self._checks = {}
        await self._client.close()
        await services.history.close()
        services.audit.close()

    async def _settle(self) -> None:
        """Commit and tell what is left, and keep the summaries, as far as the history lets us in a few seconds."""
        if "publisher" not in self._tasks:
            return
        try:
            async with asyncio.timeout(_SETTLE_S):
                await self.services.publisher.settled()
                await self.keep_summaries()
        except (OSError, duckdb.Error) as error:
            _log.error("not everything could be kept before the stop: %s", error or "the history did not answer")

    def _begin(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        task = self._tasks[name] = asyncio.create_task(work(), name=name)
        task.add_done_callback(self._part_ended)

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            _log.critical("the part %r ended", task.get_name(), exc_info=task.exception())
            self._fault = PartFailed(f"the part {task.get_name()!r} of the server ended: this is a fault of AppSentry")
            self._broken.set()

    def take_up(self, configuration: Configuration) -> None:
        """Let this configuration be in force: what did not change goes on as if nothing happened."""
        self.configuration = configuration
        before, self._checks = self._checks, {}
        for application in configuration.applications:
            for settings in application.checks:
                key = (application.id, settings.id)
                known = before.get(key)
                if known is None or known.settings != settings:
                    known = self._ready(application.id, settings, known)
                self._checks[key] = known
        self.services.conductor.forget(self._checks)
        self.services.sight.watch({key: check.settings for key, check in self._checks.items()})
        self.services.runs.replace(configuration, self._checks)
        # What was changed is looked at anew, however lately it was looked at as it was.
        last_due_ms = {key: due_ms for key, due_ms in self._intake.last_due_ms().items() if key not in before}
        self.services.schedule.replace(self._checks.values(), last_due_ms)

    def _ready(self, application_id: str, settings: CheckSettings, before: Check | None) -> Check:
        """Make a check ready; it takes its turns with the one that it replaces, which may still be looking."""
        probe = self._kinds[settings.type].prepare(settings, self._client)
        turn = asyncio.Lock() if before is None else before.turn
        check = Check(application_id=application_id, settings=settings, probe=probe, turn=turn)
        # A run may hold the check long after the configuration has let it go.
        weakref.finalize(check, probe.close).atexit = False
        return check

    def _reload(self, version: Configuration | ConfigurationError) -> None:
        if isinstance(version, ConfigurationError):
            _log.error("the new configuration is bad and the old one stays in force:\n%s", version)
            told = f"the new configuration is bad, the old one stays in force: {version.brief()}"
            self._intake.announce("error", told)
            return
        change = difference(self.configuration, version)
        self._intake.reconfigure(version)
        self.take_up(version)
        _log.info("the new configuration is in force: %s", change)
        self.services.audit.record("reconfigure", FILE_ORIGIN, change=str(change))
        self._intake.announce("info", f"the new configuration is in force: {change}")

    async def _follow_token(self) -> None:
        token = self.services.admission.token()
        while True:
            await self.services.clock.sleep(_TOKEN_EVERY_S)
            now = self.services.admission.token()
            if now != token:
                token = now
                _log.warning("the token has changed: disconnecting the sockets that used another")
                self.services.audit.record("rotateToken", FILE_ORIGIN)
                await self.services.transport.disconnect_stale()

    async def _keep_house(self) -> None:
        while True:
            await self.services.clock.sleep(_HOUSEKEEPING_S)
            try:
                await self.keep_summaries()
                await self._trim()
            except (OSError, duckdb.Error) as error:
                # Nothing is lost: what was not kept is kept the next time, or read from the results at the next start.
                _log.error("summaries could not be kept, or old rows not deleted: %s", error)

    async def keep_summaries(self) -> None:
        """Keep the summaries of all that has happened so far."""
        grown = self._intake.summaries()
        # Its number is only true once those results are committed.
        await self.services.publisher.settled()
        await self.services.history.write(summaries.keep(grown))
        self._intake.kept(grown)

    async def _trim(self) -> None:
        services, settings = self.services, self.configuration.server
        now_ms = services.clock.now_ms()
        history = services.history
        while await history.write(days.fold(now_ms)):
            await services.clock.sleep(0)
        passed_ms = now_ms - max(days.GROWS_MS, _ms(settings.journal))
        for step in (await history.read(past.plan(passed_ms)))[:_LAID_OUT_AT_ONCE]:
            await history.read(step)
        while await history.write(retention.trim_results(now_ms - _ms(settings.retention))):
            await services.clock.sleep(0)
        while await history.write(retention.trim_events(now_ms - _ms(settings.journal))):
            await services.clock.sleep(0)
        await history.write(retention.trim_runs(now_ms - _ms(settings.retention)))
        await history.write(summaries.forget(now_ms - _ms(settings.retention)))
        self._intake.forget(now_ms - _ms(settings.retention))
        services.journal.raise_floors(await history.read(retention.floors(now_ms - _ms(settings.journal))))


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
