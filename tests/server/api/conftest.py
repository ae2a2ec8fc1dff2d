"""A real server to call: its own history, its own port, checks that end when a test lets them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
import tornado.httpserver
import tornado.netutil
import tornado.web
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from appsentry_server.admission import Admission
from appsentry_server.api.exports import Exports
from appsentry_server.api.routes import routes
from appsentry_server.audit import Audit
from appsentry_server.blindness import Sight
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.chronology import Chronology
from appsentry_server.clock import SystemClock
from appsentry_server.conduct import Check, Conductor
from appsentry_server.configuration.model import ApplicationSettings, Configuration, Limits
from appsentry_server.lag import Lag
from appsentry_server.results import Outcome, Result
from appsentry_server.runs.registry import Runs
from appsentry_server.schedule import Schedule
from appsentry_server.services import Services
from appsentry_server.sockets.requests import Requests
from appsentry_server.sockets.subscriptions import Subscriptions
from appsentry_server.sockets.transport import Transport
from appsentry_server.store import reading
from appsentry_server.store.history import History
from appsentry_server.streams.journal import Journal
from appsentry_server.streams.published import Published
from appsentry_server.streams.publisher import Publisher
from appsentry_server.watchdog import Watchdog
from appsentry_server.witnesses import Witnesses

DEADLINE_S = 60


class HeldProbe(Probe):
    """Up, as soon as `gate` is open."""

    def __init__(self, gate: asyncio.Event) -> None:
        self._gate = gate

    async def run(self) -> Outcome:
        await self._gate.wait()
        return Outcome(verdict="up", response_ms=12.5)


def application(application_id: str, *tags: str) -> ApplicationSettings:
    return ApplicationSettings(
        id=application_id, name=application_id.title(), tags=tags, checks=(CheckSettings(type="health", id="health"),)
    )


def described(settings: ApplicationSettings) -> dict[str, object]:
    """An application as its stream describes it before its first result."""
    return {
        "id": settings.id,
        "name": settings.name,
        "status": "unknown",
        "responseTime": None,
        "uptime": None,
        "sla": {"status": "unknown", "target": None, "actual": None, "errorBudgetRemaining": None},
        "lastChecked": None,
        "group": None,
        "tags": list(settings.tags),
        "simulated": False,
        "checks": [],
    }


@dataclass
class Door:
    """A server that listens, and the ways to call it."""

    services: Services
    port: int
    token: str | None
    gate: asyncio.Event
    exports: Exports
    ready: bool = True
    client: AsyncHTTPClient = field(
        default_factory=lambda: AsyncHTTPClient(force_instance=True, max_clients=40, max_body_size=2**40)
    )

    async def call(self, method: str, path: str, *, json_body=None, query=(), headers=None, **options) -> HTTPResponse:
        headers = dict(headers or {})
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        body = options.pop("body", None)
        if method == "POST" and body is None:
            body = json.dumps({} if json_body is None else json_body)
            headers.setdefault("Content-Type", "application/json")
        url = f"http://127.0.0.1:{self.port}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        request = HTTPRequest(
            url,
            method,
            headers=headers,
            body=body,
            request_timeout=DEADLINE_S,
            allow_nonstandard_methods=True,
            **options,
        )
        return await self.client.fetch(request, raise_error=False)

    async def get(self, path: str, **options) -> HTTPResponse:
        return await self.call("GET", path, **options)

    async def post(self, path: str, json_body=None, **options) -> HTTPResponse:
        return await self.call("POST", path, json_body=json_body, **options)


def _tell(kind: str, message: str) -> None:
    raise AssertionError(f"nothing happens to the monitor here, but {kind}: {message}")


async def _services(directory, token, configuration, gate, stack) -> Services:
    clock = SystemClock()
    history = await History.open(directory)
    stack.push_async_callback(history.close)
    journal = Journal(history, await history.read(reading.heads), {})
    publisher = Publisher(history, journal, clock)
    published = Published([described(one) for one in configuration.applications], [])
    client = HttpClient()
    stack.push_async_callback(client.close)
    lag = Lag(clock)
    sight = Sight(clock, client, Witnesses((), client), _tell)
    conductor = Conductor(clock, Limits(), "here", lag=lag, sight=sight, chronology=Chronology({}))

    async def look(check: Check, run_id: str) -> Result:
        due_ms, due = clock.now_ms(), clock.monotonic()
        result = await conductor.conduct(check, due_ms=due_ms, due=due, attempt=1, run_id=run_id)
        publisher.result(result)
        return result

    async def carry_out(tick) -> None:
        raise AssertionError("nothing is scheduled here")

    runs = Runs(clock=clock, publisher=publisher, history=history, look=look)
    checks = [
        Check(application_id=one.id, settings=settings, probe=HeldProbe(gate))
        for one in configuration.applications
        for settings in one.checks
    ]
    runs.replace(configuration, {check.key: check for check in checks})
    admission = Admission(bound_to="127.0.0.1", token=lambda: token, origins=("https://pages.example.org",))
    transport = Transport(admission, clock)
    subscriptions = Subscriptions(transport, journal, published, history, runs, clock)
    audit = Audit(directory, clock)
    stack.callback(audit.close)
    requests = Requests(subscriptions, runs, clock, audit=audit)
    transport.serve(requests, subscriptions)
    publisher.listen(published.hear)
    publisher.listen(subscriptions.deliver)
    working = asyncio.create_task(publisher.work())
    stack.callback(working.cancel)
    stack.push_async_callback(transport.close)
    stack.push_async_callback(runs.close, "the test is over")
    return Services(
        admission=admission,
        audit=audit,
        clock=clock,
        conductor=conductor,
        history=history,
        journal=journal,
        published=published,
        publisher=publisher,
        requests=requests,
        runs=runs,
        schedule=Schedule(clock, carry_out),
        transport=transport,
        lag=lag,
        sight=sight,
        watchdog=Watchdog(clock, lag, _tell),
    )


@contextlib.asynccontextmanager
async def open_door(directory, *, token: str | None = None, applications=None) -> AsyncIterator[Door]:
    if applications is None:
        applications = (application("shop", "tier-1"), application("pay", "tier-1", "money"), application("mail"))
    configuration = Configuration(applications=applications)
    gate = asyncio.Event()
    gate.set()
    async with contextlib.AsyncExitStack() as stack:
        services = await _services(directory, token, configuration, gate, stack)
        (socket,) = tornado.netutil.bind_sockets(0, "127.0.0.1")
        exports = Exports(services.history)
        stack.push_async_callback(exports.close)
        door = Door(services, socket.getsockname()[1], token, gate, exports)
        server = tornado.httpserver.HTTPServer(
            tornado.web.Application(
                routes(services, exports=exports, ready=lambda: door.ready), log_function=lambda handler: None
            ),
            max_body_size=1_000_000,
        )
        server.add_socket(socket)
        stack.push_async_callback(server.close_all_connections)
        stack.callback(server.stop)
        stack.callback(door.client.close)
        yield door


@pytest.fixture
def with_door(tmp_path):
    """Runs `main(door)` against a server of its own."""

    def to_its_end(main, **options):
        async def whole():
            async with asyncio.timeout(DEADLINE_S), open_door(tmp_path, **options) as door:
                return await main(door)

        return asyncio.run(whole())

    return to_its_end
