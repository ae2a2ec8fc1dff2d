"""The server put together in one place: what it is made of, and what each part is handed."""

from collections.abc import Mapping

from appsentry_server.admission import Admission
from appsentry_server.audit import Audit
from appsentry_server.blindness import Sight
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import Kind
from appsentry_server.checks.table import KINDS
from appsentry_server.chronology import Chronology
from appsentry_server.clock import Clock, Onward
from appsentry_server.conduct import Check, Conductor
from appsentry_server.configuration.model import Configuration, ServerSettings
from appsentry_server.configuration.reloading import ConfigurationFile
from appsentry_server.intake import Intake
from appsentry_server.lag import Lag
from appsentry_server.private import check_private
from appsentry_server.references import MissingReference
from appsentry_server.restoring import recent_runs, restored
from appsentry_server.results import Result
from appsentry_server.runs.registry import Runs
from appsentry_server.schedule import Schedule, Tick
from appsentry_server.server import Server
from appsentry_server.services import Services
from appsentry_server.simulator import Simulator
from appsentry_server.sockets.requests import Requests
from appsentry_server.sockets.subscriptions import Subscriptions
from appsentry_server.sockets.transport import Transport
from appsentry_server.store import reading, retention
from appsentry_server.store.history import History
from appsentry_server.streams.journal import Journal
from appsentry_server.streams.published import Published
from appsentry_server.streams.publisher import Publisher
from appsentry_server.watchdog import Watchdog
from appsentry_server.witnesses import Witnesses


def admission(settings: ServerSettings) -> Admission:
    """The rules of who may speak to a server with these settings.

    Raises `OpenBindRefused` when they are too open, `MissingReference` when there is no token where it should be,
    `TooOpen` when others may read it.
    """
    reference = settings.token
    if reference is not None:
        reference.resolve()
        if reference.path is not None:
            check_private(reference.path)

    def token() -> str | None:
        try:
            return None if reference is None else reference.resolve().strip()
        except MissingReference:
            # A file that is just being replaced: until it is back nobody is let in.
            return ""

    rules = Admission(
        bound_to=settings.host,
        token=token,
        origins=settings.origins,
        hosts=settings.hosts,
        proxies=settings.proxies,
    )
    rules.check_bind()
    return rules


async def compose(
    configuration: Configuration,
    clock: Clock,
    file: ConfigurationFile | None = None,
    *,
    kinds: Mapping[str, Kind] = KINDS,
) -> Server:
    """Open the history and put a server around it. Raises `HistoryUnavailable` or `OpenBindRefused`.

    Nothing runs before the server's `start`. `kinds` are the check kinds of its checks.
    """
    settings = configuration.server
    rules = admission(settings)
    history = await History.open(settings.data_dir)
    journal_since_ms = clock.now_ms() - round(settings.journal.total_seconds() * 1000)
    heads = await history.read(reading.heads)
    journal = Journal(history, heads, await history.read(retention.floors(journal_since_ms)))
    publisher = Publisher(history, journal, Onward(clock, await history.read(reading.newest_ms)))
    known = await restored(configuration, history, journal, clock)
    published = Published(known.board.applications(clock.now_ms()), await recent_runs(history))

    async def carry_out(tick: Tick) -> None:
        async with tick.check.turn:
            # A test run may have looked while this tick waited for its turn.
            if not conductor.looked_since(tick.check, tick.due):
                intake.take(
                    await conductor.conduct(
                        tick.check, due_ms=tick.due_ms, due=tick.due, attempt=tick.attempt, run_id=None
                    )
                )

    async def look(check: Check, run_id: str) -> Result | None:
        async with check.turn:
            due_ms, due = clock.now_ms(), clock.monotonic()
            result = await conductor.conduct(check, due_ms=due_ms, due=due, attempt=1, run_id=run_id)
            return result if intake.take(result) else None

    schedule = Schedule(clock, carry_out)
    intake = Intake(known.board, known.latencies, publisher, clock, schedule.observed)
    client = HttpClient(rules=settings.targets)
    lag = Lag(clock)
    sight = Sight(clock, client, Witnesses(settings.witnesses, client), intake.announce)
    chronology = Chronology(intake.last_due_ms())
    conductor = Conductor(clock, settings.limits, settings.location, lag=lag, sight=sight, chronology=chronology)
    runs = Runs(clock=clock, publisher=publisher, history=history, look=look)
    transport = Transport(rules, clock)
    subscriptions = Subscriptions(transport, journal, published, history, runs, clock)
    simulator = Simulator(runs, intake, clock) if settings.dev else None
    audit = Audit(settings.data_dir, clock)
    requests = Requests(subscriptions, runs, clock, simulator, audit=audit)
    services = Services(
        admission=rules,
        audit=audit,
        clock=clock,
        conductor=conductor,
        history=history,
        journal=journal,
        lag=lag,
        published=published,
        publisher=publisher,
        requests=requests,
        runs=runs,
        schedule=schedule,
        sight=sight,
        transport=transport,
        watchdog=Watchdog(clock, lag, intake.announce),
    )
    publisher.listen(published.hear)
    publisher.listen(subscriptions.deliver)
    transport.serve(requests, subscriptions)
    return Server(
        configuration,
        services,
        client=client,
        gone=known.gone,
        intake=intake,
        subscriptions=subscriptions,
        file=file,
        kinds=kinds,
    )
