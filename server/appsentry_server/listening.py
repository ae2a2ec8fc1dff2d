"""Listening: the HTTP server around a composed server, from its first line of output to its orderly end."""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress

import tornado.httpserver
import tornado.netutil
import tornado.web

from appsentry_contract.errors import AppSentryError
from appsentry_server.admission import is_loopback
from appsentry_server.certificate import Certificate
from appsentry_server.clock import Clock
from appsentry_server.composition import admission, compose
from appsentry_server.configuration.model import Configuration
from appsentry_server.configuration.reloading import ConfigurationFile
from appsentry_server.discovery import NoteRefused, announced
from appsentry_server.server import Server
from appsentry_server.sockets.transport import MOST_MESSAGE_BYTES, PING_EVERY_S

_IDLE_S = 2 * PING_EVERY_S + 40

_BACKLOG = 1024
"""Connections that may wait to be taken up: after a restart everybody comes back at once."""

_OPEN_FILES = 65_536

_log = logging.getLogger(__name__)


class CannotListen(AppSentryError, OSError):
    """The address is taken, or is not one of this machine's."""


def web_application(server: Server) -> tornado.web.Application:
    """The server's routes as a Tornado application with its limits."""
    return tornado.web.Application(
        server.routes(),
        websocket_max_message_size=MOST_MESSAGE_BYTES,
        # Engine.IO has its own ping; Tornado's would only notice the same again.
        websocket_ping_interval=None,
        log_function=lambda handler: None,
    )


async def listen(
    configuration: Configuration,
    clock: Clock,
    file: ConfigurationFile | None,
    ready: Callable[[str], Awaitable[None]],
) -> None:
    """Run a server until SIGTERM or SIGINT. `ready` is called with its address once it answers.

    Raises `CannotListen`, whatever else keeps a server from starting, and what `ready` raises.
    """
    settings = configuration.server
    admission(settings)
    certificate = None if settings.tls is None else Certificate(settings.tls)
    _allow_many_files()
    sockets = _bind(settings.host, settings.port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await compose(configuration, clock, file)
    http = tornado.httpserver.HTTPServer(
        web_application(server),
        ssl_options=None if certificate is None else certificate.context,
        max_body_size=MOST_MESSAGE_BYTES,
        idle_connection_timeout=_IDLE_S,
    )
    try:
        await server.start()
        # What is here now mostly stays: to search all of it for garbage would hold everything up every few seconds.
        gc.collect()
        gc.freeze()
        http.add_sockets(sockets)
        url = _url("http" if certificate is None else "https", settings.host, sockets[0].getsockname()[1])
        with ExitStack() as stack:
            if certificate is not None:
                following = asyncio.ensure_future(certificate.follow(clock))
                stack.callback(following.cancel)
            elif not is_loopback(settings.host):
                _log.warning("the token crosses the network as it is: give --tls-certificate and --tls-key")
            _announce(stack, url, configuration, clock)
            told = asyncio.ensure_future(ready(url))
            told.add_done_callback(lambda done: stopped.set() if not done.cancelled() and done.exception() else None)
            await server.run_until(stopped)
            told.cancel()
            with suppress(asyncio.CancelledError):
                await told
    finally:
        http.stop()
        await server.stop()
        await http.close_all_connections()
        # What stays frozen is never freed, which some libraries complain of at length when the process ends.
        gc.unfreeze()
        for number in (signal.SIGTERM, signal.SIGINT):
            # A second signal must not spoil the exit code of an end that is already orderly.
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)


def _bind(host: str, port: int) -> list[socket.socket]:
    try:
        return tornado.netutil.bind_sockets(port, host, backlog=_BACKLOG)
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {host} port {port}: {error.strerror or error}; choose another with --port"
        ) from error


def _allow_many_files() -> None:
    """Every socket and every check in flight is an open file: the usual 1,024 are soon used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _announce(stack: ExitStack, url: str, configuration: Configuration, clock: Clock) -> None:
    token = configuration.server.token
    token_file = token.removeprefix("file:") if token and token.startswith("file:") else None
    try:
        note = announced(url, token_file=token_file, started_ms=clock.now_ms(), environment=os.environ)
        stack.enter_context(note)
    except NoteRefused as error:
        _log.warning("notebooks must be told the address: %s", error)
