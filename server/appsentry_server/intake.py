"""What follows from a result: it is kept, the application's state moves, and those concerned hear of it."""

from collections.abc import Callable, Iterable, Mapping

from appsentry_contract.events import Application
from appsentry_contract.instants import to_wire
from appsentry_server.clock import Clock
from appsentry_server.configuration.model import Configuration
from appsentry_server.latencies import HOUR_MS, Latencies
from appsentry_server.results import Result
from appsentry_server.status.board import Board, Change
from appsentry_server.store.summaries import Summaries
from appsentry_server.streams.publisher import Publisher

_AT_MOST_EVERY_S = 1.0
_LOOK_EVERY_S = 0.25

Key = tuple[str, str]


class Intake:
    """The stage between checks and streams. `observed` hears, for each result, how many in a row are down."""

    def __init__(
        self,
        board: Board,
        latencies: Latencies,
        publisher: Publisher,
        clock: Clock,
        observed: Callable[[Key, int], None],
    ) -> None:
        self._board = board
        self._latencies = latencies
        self._publisher = publisher
        self._clock = clock
        self._observed = observed
        self._told_at: dict[str, float] = {}
        publisher.outages.when_over(lambda outage: self.announce("warning", str(outage)))
        self._waiting: dict[str, Application] = {}
        """What was held back, as it was then: whatever changes it later comes as a change of its own."""

    def last_due_ms(self) -> Mapping[Key, int]:
        """When the newest result of every check was due, before this server started or since."""
        last = {key: spans.last for key, spans in self._board.spans()}
        return {key: due_ms for key, due_ms in last.items() if due_ms is not None}

    def take(self, result: Result) -> bool:
        """Take up a new result; False when it was given up, and then nothing follows from it.

        The order of calls is the order of everything that follows.
        """
        now_ms = self._clock.now_ms()
        if not self._publisher.result(result):
            return False
        if result.simulated:
            change = self._board.simulate(result, now_ms)
        else:
            key = (result.application_id, result.check_id)
            self._latencies.add(key, result.due_ms, result.outcome.verdict, result.outcome.response_ms)
            change = self._board.apply(result, now_ms)
        if change is not None:
            self._tell(change, at_once=result.run_id is not None)
            if not result.simulated:
                self._announce_turn(change, result)
                self._observed(key, change.downs)
        return True

    def reconfigure(self, configuration: Configuration) -> None:
        """Take up a configuration, and tell what it changes."""
        self.tell_changes(gone=self._board.configure(configuration.applications))

    def tell_changes(self, gone: Iterable[str] = ()) -> None:
        """Tell of every application that is not as readers were last told, and of those that are gone."""
        for application_id in gone:
            self._told_at.pop(application_id, None)
            self._waiting.pop(application_id, None)
            self._publisher.event("applications", "applicationRemoved", {"applicationId": application_id})
        for change in self._board.changes(self._clock.now_ms()):
            self._tell(change, at_once=True)

    def announce(self, kind: str, message: str, application_id: str | None = None) -> None:
        """Tell people something."""
        at = to_wire(self._clock.now_ms())
        payload = {"type": kind, "message": message, "timestamp": at, "applicationId": application_id}
        self._publisher.event("applications", "notification", payload)

    def summaries(self) -> Summaries:
        """What grew since it was last `kept`, with the number of the last result that is in it."""
        grown = {key: spans.unflushed() for key, spans in self._board.spans()}
        return Summaries(
            seq=self._publisher.last_result,
            spans={key: spans for key, spans in grown.items() if len(spans)},
            sketches=self._latencies.grown(),
        )

    def kept(self, summaries: Summaries) -> None:
        """Take note that these are in the history."""
        for key, spans in self._board.spans():
            if key in summaries.spans:
                spans.flushed(summaries.spans[key])
        self._latencies.kept(summaries.sketches)
        self._latencies.forget(self._clock.now_ms() - 2 * HOUR_MS)

    def forget(self, before_ms: int) -> None:
        """Let go of what was observed before this instant."""
        self._board.forget(before_ms)

    async def work(self) -> None:
        """Tell what was held back, and of checks that fell silent; for ever."""
        while True:
            await self._clock.sleep(_LOOK_EVERY_S)
            now_ms, now = self._clock.now_ms(), self._clock.monotonic()
            for change in self._board.lapse(now_ms):
                self._tell(change, at_once=False)
            due = [one for one in self._waiting if now - self._told_at[one] >= _AT_MOST_EVERY_S]
            for application_id in due:
                self._say(self._waiting[application_id], durable=False)

    def _tell(self, change: Change, *, at_once: bool) -> None:
        application_id = change.application["id"]
        recently = self._clock.monotonic() - self._told_at.get(application_id, float("-inf")) < _AT_MOST_EVERY_S
        if recently and not at_once and not change.durable:
            self._waiting[application_id] = change.application
        else:
            self._say(change.application, durable=change.durable)

    def _say(self, application: Application, *, durable: bool) -> None:
        self._told_at[application["id"]] = self._clock.monotonic()
        self._waiting.pop(application["id"], None)
        say = self._publisher.event if durable else self._publisher.volatile
        say("applications", "applicationStatusUpdate", application)

    def _announce_turn(self, change: Change, result: Result) -> None:
        name, application_id = change.application["name"], change.application["id"]
        if change.turned == "down":
            failure = result.outcome.failure
            why = f": {failure.message}" if failure else ""
            self.announce("error", f"{name} is down ({result.check_id}){why}", application_id)
        elif change.turned == "recovered":
            self.announce("success", f"{name} has recovered ({result.check_id})", application_id)
