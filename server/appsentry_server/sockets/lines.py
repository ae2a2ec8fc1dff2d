"""The Tornado handler of `/socket.io/`: the rules that each WebSocket, poll and POST meets before the library."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import tornado.websocket

from appsentry_server.admission import Admission
from appsentry_server.sockets.connection import Connection, break_line
from appsentry_server.sockets.outbox import text_frame

_log = logging.getLogger(__name__)

_BETWEEN = "\x1e"
"""What Engine.IO puts between the packets of a polled line."""

MOST_PACKETS_A_POST = 1_000
_MOST_UNHANDLED = 16


class Lines(Protocol):
    """What a handler needs of the transport."""

    def connection(self, engine_sid: str) -> Connection | None: ...
    def cut(self, connection: Connection, reason: str) -> None: ...
    def turned_away(self, reason: str) -> None: ...


def handler_class(
    base: type[tornado.websocket.WebSocketHandler],
    handle: Callable[[Any], Awaitable[None]],
    lines: Lines,
    admission: Admission,
) -> type[tornado.websocket.WebSocketHandler]:
    """The handler on top of the library's, whose `handle` serves a request to its end."""

    class Handler(base):  # type: ignore[misc, valid-type] # the base is made at run time
        def initialize(self) -> None:
            super().initialize()
            self.connection: Connection | None = None
            self._serving: asyncio.Future[None] | None = None

        def prepare(self) -> None:
            if not admission.admits_host(self.request.host):
                self.set_status(403)
                self.finish("this host name is not one of the server's: add it to server.hosts\n")
                return
            self.connection = lines.connection(self.get_query_argument("sid", ""))

        def check_origin(self, origin: str) -> bool:
            return admission.admits_origin(origin, self.request.host)

        def get_compression_options(self) -> None:
            # A compressed connection costs 100 to 180 KB.
            return None

        # A WebSocket.

        async def open(self, *args: str, **kwargs: str) -> None:
            self.set_nodelay(True)
            self._serving = asyncio.ensure_future(handle(self))
            self._serving.add_done_callback(self._served)

        def _served(self, serving: "asyncio.Future[None]") -> None:
            if not serving.cancelled() and (error := serving.exception()) is not None:
                _log.warning("a WebSocket is ended, what it sent made no sense to the library: %r", error)
                self._refuse("malformed")

        async def on_message(self, message: str | bytes) -> None:
            problem = None if self.connection is None else self.connection.packet_problem(message)
            if problem is None and self.receive_queue.qsize() >= _MOST_UNHANDLED:
                problem = "flood"
            if problem is None:
                await super().on_message(message)
            else:
                self._refuse(problem)

        def on_ping(self, data: bytes) -> None:
            if self.connection is not None and (problem := self.connection.packet_problem("2")) is not None:
                self._refuse(problem)

        on_pong = on_ping

        def write_message(self, message: bytes | str | dict[str, Any], binary: bool = False) -> Any:
            if self.ws_connection is None or self.ws_connection.is_closing():
                raise tornado.websocket.WebSocketClosedError
            connection = self.connection
            if connection is None or not connection.engine.upgraded or not isinstance(message, str):
                return super().write_message(message, binary)
            connection.line_is(self, self.ws_connection.stream)
            connection.outbox.write(text_frame(message))
            return None

        def close(self, code: int | None = None, reason: str | None = None) -> None:
            if self.connection is not None and self.connection.polls(self):
                self.connection.outbox.flush()
            super().close(code, reason)

        # Polls and POSTs.

        async def get(self, *args: str, **kwargs: str) -> None:
            connection = self.connection
            polls = self.request.headers.get("Upgrade", "").lower() != "websocket"
            if polls and connection and not connection.engine.upgraded and not connection.begin_poll(self):
                self._turn_away("overlap")
                return
            await super().get(*args, **kwargs)

        async def post(self, *args: str, **kwargs: str) -> None:
            problem = self._post_problem()
            if problem is not None:
                self._turn_away(problem)
                return
            await super().post(*args, **kwargs)

        def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> "asyncio.Future[None]":
            connection = self.connection
            finished = super().finish(chunk)
            if connection is not None and connection.polls(self):
                finished.add_done_callback(lambda done: self._taken(connection, done))
            future: asyncio.Future[None] = finished
            return future

        def on_connection_close(self) -> None:
            super().on_connection_close()
            if self.connection is not None and self.connection.polls(self):
                lines.cut(self.connection, "lost")

        def _taken(self, connection: Connection, done: "asyncio.Future[None]") -> None:
            if not done.cancelled() and done.exception() is None:
                connection.end_poll(self)

        def _post_problem(self) -> str | None:
            if self.connection is None:
                return None
            try:
                packets = self.request.body.decode().split(_BETWEEN, MOST_PACKETS_A_POST)
            except UnicodeDecodeError:
                return "malformed"
            if len(packets) > MOST_PACKETS_A_POST:
                return "flood"
            return next((problem for one in packets if (problem := self.connection.packet_problem(one))), None)

        def _turn_away(self, reason: str) -> None:
            assert self.connection is not None
            lines.cut(self.connection, reason)
            self.set_status(400)
            self.finish(f"the connection is ended: {reason}\n")

        def _refuse(self, reason: str) -> None:
            if self.connection is None:
                lines.turned_away(reason)
            else:
                lines.cut(self.connection, reason)
            break_line(self)

    return Handler
