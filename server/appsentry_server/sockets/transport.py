"""The Socket.IO server on Tornado: the only module of the server that imports `socketio`."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson
import socketio
import tornado.websocket

from appsentry_server.admission import Admission
from appsentry_server.clock import Clock
from appsentry_server.sockets.readers import Reader
from appsentry_server.sockets.requests import Requests
from appsentry_server.sockets.subscriptions import Subscriptions

MOST_MESSAGE_BYTES = 1_000_000
MOST_BACKLOG_BYTES = 4 * 1024 * 1024
PING_EVERY_S = 25
PING_TIMEOUT_S = 20

_EVENT = "2"
"""How Socket.IO's packet of an event in the namespace `/` begins; its JSON follows."""


class _Json:
    """orjson in the shape that python-socketio expects of a JSON module."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        return orjson.loads(text)


class Transport:
    """Connections, rooms and packets. What a request means is none of its business."""

    def __init__(self, admission: Admission, clock: Clock) -> None:
        self._admission = admission
        self._clock = clock
        self._readers: dict[str, Reader] = {}
        self.counts: Counter[str] = Counter()
        """Connections accepted and refused, events sent, writes that failed."""
        self._server = socketio.AsyncServer(
            async_mode="tornado",
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_TIMEOUT_S,
            max_http_buffer_size=MOST_MESSAGE_BYTES,
            http_compression=False,
            cors_allowed_origins=self._admits_origin,
            json=_Json,
            logger=False,
            engineio_logger=False,
        )

    @property
    def connected(self) -> int:
        """How many sockets are connected."""
        return len(self._readers)

    def serve(self, requests: Requests, subscriptions: Subscriptions) -> None:
        """Answer connections and requests from now on."""

        async def connect(sid: str, environ: dict[str, Any], auth: object = None) -> None:
            given = auth.get("token") if isinstance(auth, dict) else None
            if not self._admission.admits_token(given):
                self.counts["refused"] += 1
                problem = "no token was given" if given is None else "the token is wrong"
                raise socketio.exceptions.ConnectionRefusedError(f"{problem}: connect with auth {{token: …}}")
            self.counts["accepted"] += 1
            address = environ["tornado.handler"].request.remote_ip
            reader = self._readers[sid] = Reader(sid, address)
            await subscriptions.join_standing(reader)

        async def disconnect(sid: str, *_: object) -> None:
            reader = self._readers.pop(sid, None)
            if reader is not None:
                await subscriptions.drop(reader)

        self._server.on("connect", connect)
        self._server.on("disconnect", disconnect)

        async def answer(name: str, sid: str, *arguments: object) -> dict[str, Any] | None:
            reader = self._readers.get(sid)
            return None if reader is None else await requests.answer(reader, name, arguments)

        self._server.on("*", answer)

    def handler(self) -> type[tornado.websocket.WebSocketHandler]:
        """The Tornado handler of `/socket.io/`."""
        transport, admission = self, self._admission
        base: type[tornado.websocket.WebSocketHandler] = socketio.get_tornado_handler(self._server)

        class Handler(base):  # type: ignore[misc, valid-type] # the base is made at run time
            def prepare(self) -> None:
                if not admission.admits_host(self.request.host):
                    self.set_status(403)
                    self.finish("this host name is not one of the server's: add it to server.hosts\n")

            def check_origin(self, origin: str) -> bool:
                return admission.admits_origin(origin, self.request.host)

            def get_compression_options(self) -> None:
                # A compressed connection costs 100 to 180 KB.
                return None

            async def open(self, *args: str, **kwargs: str) -> None:
                # Without a bound, a reader that stops reading makes the server grow until it falls.
                self.ws_connection.stream.max_write_buffer_size = MOST_BACKLOG_BYTES
                await super().open(*args, **kwargs)

            def write_message(self, message: bytes | str | dict[str, Any], binary: bool = False) -> Any:
                written = super().write_message(message, binary)
                written.add_done_callback(transport.wrote)
                return written

        return Handler

    def wrote(self, future: Any) -> None:
        """Look at the end of a write, so that a failed one is counted and not shouted about."""
        if not future.cancelled() and future.exception() is not None:
            self.counts["write_failed"] += 1

    async def enter(self, sid: str, room: str) -> None:
        """Let a socket hear a room."""
        if sid in self._readers:
            await self._server.enter_room(sid, room)

    async def leave(self, sid: str, room: str) -> None:
        """Let a socket hear a room no longer."""
        await self._server.leave_room(sid, room)

    async def emit(self, name: str, payload: Mapping[str, Any], to: str) -> None:
        """Send to a room or to one socket."""
        self.counts["emitted"] += 1
        listening = list(self._server.manager.get_participants("/", to))
        if not listening:
            return
        # Not the library's own emit, which makes a task for every recipient and searches the payload for bytes.
        packet = _EVENT + _Json.dumps([name, payload])
        for _, connection in listening:
            await self._server.eio.send(connection, packet)

    async def disconnect_all(self) -> None:
        """Cut every connection, because the token they used is no longer valid or the server stops."""
        for sid in list(self._readers):
            await self._server.disconnect(sid)

    async def close(self) -> None:
        """Disconnect everyone and stop the transport's own tasks."""
        await self.disconnect_all()
        await self._server.shutdown()

    def _admits_origin(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        return self._admission.admits_origin(origin, environ.get("HTTP_HOST"))
