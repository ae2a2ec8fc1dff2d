"""A whole server in the test's own event loop, targets for it to check, and readers that note all they hear."""

import asyncio
import json
from contextlib import AsyncExitStack

import aiohttp
import pytest
import socketio
import tornado.httpserver
import tornado.netutil
import tornado.web

from appsentry_server.clock import SystemClock
from appsentry_server.composition import compose
from appsentry_server.configuration.loading import load_text
from appsentry_server.listening import web_application

DEADLINE_S = 30


class Target:
    """What is checked: `/ok` answers at once, `/held` when it is let go, everything else is a 503."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = False
        self.waiting = 0
        target = self

        class Handler(tornado.web.RequestHandler):
            async def get(self, path):
                if path == "held":
                    target.waiting += 1
                    try:
                        await target.gate.wait()
                    finally:
                        target.waiting -= 1
                good = path in ("ok", "held") and not target.broken
                self.set_status(200 if good else 503)
                self.write({"status": "ok"})

        application = tornado.web.Application([("/(.*)", Handler)], log_function=lambda handler: None)
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        self.server = tornado.httpserver.HTTPServer(application)
        self.server.add_sockets(sockets)
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"


class Reader:
    """A socket that notes every event in the order of its arrival."""

    def __init__(self, url, token=None, transports=("websocket",)):
        self.heard: list[tuple[str, dict]] = []
        self._moved = asyncio.Event()
        self._url, self._token, self._transports = url, token, list(transports)
        # A session of our own: the client forgets to close the one it makes when it is refused.
        self._http = aiohttp.ClientSession()
        self.socket = socketio.AsyncClient(reconnection=False, http_session=self._http)
        self.socket.on("*", self._hear)

    async def __aenter__(self):
        auth = None if self._token is None else {"token": self._token, "proto": 1}
        for name in ("connect", "connect_error"):
            self.socket.on(name, lambda *payload, name=name: self._hear(name, *(payload or ({},))))
        connecting = asyncio.ensure_future(self.socket.connect(self._url, auth=auth, transports=self._transports))
        await self.until(lambda heard: heard)
        name, problem = self.heard.pop(0)
        if name == "connect_error":
            # Over polling the client would wait for an answer of its own for half a minute.
            await self._http.close()
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            raise ConnectionRefusedError(problem["message"])
        await connecting
        return self

    async def __aexit__(self, *_):
        # Not the polite way, which over polling waits for an answer that may take 45 s.
        await self.socket.eio.disconnect(abort=True)
        await self._http.close()

    def _hear(self, name, payload=None):
        self.heard.append((name, payload))
        self._moved.set()

    async def ask(self, name, *arguments):
        """The acknowledgement of a request."""
        return await self.socket.call(name, *arguments, timeout=DEADLINE_S)

    async def until(self, holds):
        """Wait until this holds of what was heard."""
        async with asyncio.timeout(DEADLINE_S):
            while not holds(self.heard):
                self._moved.clear()
                await self._moved.wait()

    async def until_event(self, event, /, **fields):
        """Wait for an event with these fields, and give its payload."""

        def found(heard):
            return [p for n, p in heard if n == event and all(p.get(key) == value for key, value in fields.items())]

        await self.until(found)
        return found(self.heard)[0]

    def named(self, *names):
        """What was heard under these names."""
        return [(name, payload) for name, payload in self.heard if name in names]


async def _close(server):
    server.stop()
    await server.close_all_connections()


class Serving:
    """A server in this event loop."""

    def __init__(self, directory, applications, *, dev=False, token_file=None, clock=None):
        self._directory = directory
        self._applications = applications
        self._dev = dev
        self._clock = clock or SystemClock()
        self._token_file = token_file
        self._stack = AsyncExitStack()

    async def __aenter__(self):
        self.target = Target()
        self._stack.push_async_callback(_close, self.target.server)
        text = json.dumps({"applications": self._applications}).replace("TARGET", self.target.url)
        options = {"data_dir": self._directory, "dev": self._dev}
        if self._token_file is not None:
            options["token"] = f"file:{self._token_file}"
        configuration = load_text(text).with_server(**options)
        self.server = await compose(configuration, self._clock)
        self._stack.push_async_callback(self.server.stop)
        self.http = tornado.httpserver.HTTPServer(web_application(self.server))
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        await self.server.start()
        self.http.add_sockets(sockets)
        self._stack.push_async_callback(_close, self.http)
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.target.gate.set()
        await self._stack.aclose()

    def reader(self, **options):
        """A new socket to this server."""
        return Reader(self.url, **options)

    @property
    def services(self):
        return self.server.services


def application(application_id, path="ok", interval="1h", **more):
    """An application with one health check that is not due by itself while a test lasts."""
    check = {"type": "health", "url": f"TARGET/{path}", "interval": interval, "timeout": "20s", "confirm": 1}
    return {"id": application_id, "checks": [check], **more}


@pytest.fixture
def serving(tmp_path):
    """Makes a server of these applications."""

    def make(*applications, **options):
        return Serving(tmp_path / "history", list(applications), **options)

    return make


@pytest.fixture
def app():
    """Describes an application to check."""
    return application
