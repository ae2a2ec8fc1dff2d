"""The Socket.IO server on Tornado: the only module of the server that imports `socketio`."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Coroutine, Mapping
from typing import Any

import engineio.packet
import engineio.payload
import orjson
import socketio
import tornado.websocket

from appsentry_server.admission import Admission, Verdict
from appsentry_server.audit import Origin
from appsentry_server.clock import Clock
from appsentry_server.sockets.connection import Connection, agent_of
from appsentry_server.sockets.lines import MOST_PACKETS_A_POST, handler_class
from appsentry_server.sockets.outbox import Message, Outbox
from appsentry_server.sockets.readers import Reader
from appsentry_server.sockets.requests import Requests
from appsentry_server.sockets.subscriptions import Subscriptions

MOST_MESSAGE_BYTES = 1_000_000
PING_EVERY_S = 25.0
PING_TIMEOUT_S = 20.0
_STRANGER_S = 20.0
"""How long a connection may take to say who it is."""

_WATCH_EVERY_S = 1.0
_HELD_UP_S = 5.0
_PARTING_S = 1.0
_RESERVED = frozenset({"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"})
"""Names of events that no client may use, as the protocol has it."""

_log = logging.getLogger(__name__)
_library = logging.getLogger(f"{__name__}.library")
_library.setLevel(logging.ERROR)

# The library drops whatever is beyond 16 packets in one POST, and answers that all is well. There is no setting but
# this one of the process; `lines.py` counts.
engineio.payload.Payload.max_decode_packets = MOST_PACKETS_A_POST


class _Json:
    """orjson in the shape that python-socketio expects of a JSON module."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        return orjson.loads(text)


class _Server(socketio.AsyncServer):  # type: ignore[misc] # the library has no types
    """The library's server, of which the handshake, the ends and the acknowledgements are used."""

    def __init__(self, transport: "Transport", **options: Any) -> None:
        super().__init__(**options)
        self._transport = transport

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        self._transport.begun(self.eio.sockets[eio_sid], environ["tornado.handler"])
        await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        packet = await self._transport.received(eio_sid, data)
        if packet is not None and packet.packet_type in (socketio.packet.CONNECT, socketio.packet.DISCONNECT):
            await super()._handle_eio_message(eio_sid, data)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        self._transport.ended(eio_sid)

    async def acknowledge(self, eio_sid: str, request_id: int, answer: Mapping[str, Any]) -> None:
        """Answer a request."""
        packet = self.packet_class(socketio.packet.ACK, namespace="/", id=request_id, data=[answer], binary=False)
        await self._send_packet(eio_sid, packet)


class Transport:
    """Connections, rooms and packets. What a request means is none of its business."""

    def __init__(
        self,
        admission: Admission,
        clock: Clock,
        *,
        ping_every_s: float = PING_EVERY_S,
        ping_timeout_s: float = PING_TIMEOUT_S,
    ) -> None:
        self._admission = admission
        self._clock = clock
        self._ping_timeout_s = ping_timeout_s
        self._connections: dict[str, Connection] = {}
        self._sids: dict[str, Connection] = {}
        self._rooms: defaultdict[str, dict[str, Outbox]] = defaultdict(dict)
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()
        """Connections accepted, refused, and cut with the reason; events sent."""
        self._server = _Server(
            self,
            async_mode="tornado",
            ping_interval=ping_every_s,
            ping_timeout=ping_timeout_s,
            max_http_buffer_size=MOST_MESSAGE_BYTES,
            http_compression=False,
            cors_allowed_origins=self._admits_origin,
            json=_Json,
            monitor_clients=False,
            logger=_library,
            engineio_logger=_library,
        )
        self._server.eio.create_queue = Outbox

    @property
    def connected(self) -> int:
        """How many sockets are connected."""
        return sum(connection.reader is not None for connection in self._connections.values())

    def serve(self, requests: Requests, subscriptions: Subscriptions) -> None:
        """Answer connections and requests from now on."""

        async def connect(sid: str, _: dict[str, Any], auth: object = None) -> None:
            connection = self._connections[self._server.manager.eio_sid_from_sid(sid, "/")]
            given = auth.get("token") if isinstance(auth, dict) else None
            verdict = self._admission.judge(given, connection.address, self._clock.monotonic())
            if not verdict.admitted:
                self.counts["refused"] += 1
                raise _refusal(verdict)
            self.counts["accepted"] += 1
            origin = Origin(
                door="socket", address=connection.address, agent=connection.agent, token=self._admission.asks_for_token
            )
            reader = Reader(connection.engine.sid, origin, token=given if isinstance(given, str) else None)
            connection.admit(reader)
            self._sids[sid] = connection
            await subscriptions.join_standing(reader)

        async def disconnect(sid: str, *_: object) -> None:
            connection = self._sids.pop(sid, None)
            if connection is not None and connection.reader is not None:
                reader = connection.reader
                connection.dismiss()
                await subscriptions.drop(reader)

        self._server.on("connect", connect)
        self._server.on("disconnect", disconnect)
        self._requests = requests

    def handler(self) -> type[tornado.websocket.WebSocketHandler]:
        """The Tornado handler of `/socket.io/`."""
        base = socketio.get_tornado_handler(self._server)
        return handler_class(base, self._server.handle_request, self, self._admission)

    async def watch(self) -> None:
        """Cut the connections that have gone silent or never say who they are; for ever."""
        before = self._clock.monotonic()
        while True:
            await self._clock.sleep(_WATCH_EVERY_S)
            now = self._clock.monotonic()
            held_up = now - before > _HELD_UP_S
            before = now
            for connection in list(self._connections.values()):
                if held_up:
                    connection.forgive()
                elif (reason := connection.overdue(now, self._ping_timeout_s, _STRANGER_S)) is not None:
                    self.cut(connection, reason)

    async def enter(self, sid: str, room: str) -> None:
        """Let a socket hear a room."""
        if sid in self._connections:
            self._rooms[room][sid] = self._connections[sid].outbox

    async def leave(self, sid: str, room: str) -> None:
        """Let a socket hear a room no longer."""
        if room in self._rooms:
            self._rooms[room].pop(sid, None)
            if not self._rooms[room]:
                del self._rooms[room]

    async def emit(self, name: str, payload: Mapping[str, Any], to: str) -> None:
        """Send to a room, or to one socket, and then wait while much is still on its way there."""
        self.counts["emitted"] += 1
        alone = self._connections.get(to)
        outboxes = list(self._rooms.get(to, {}).values()) if alone is None else [alone.outbox]
        if not outboxes:
            return
        # Not the library's own emit, which makes a task for every recipient and searches the payload for bytes.
        message = Message(f"{socketio.packet.EVENT}{_Json.dumps([name, payload])}", _wrapped)
        for outbox in outboxes:
            outbox.send(message)
        if alone is not None:
            await alone.outbox.calm()

    async def disconnect_stale(self) -> None:
        """Disconnect the sockets whose token is no longer the one."""
        for sid, connection in list(self._sids.items()):
            if connection.reader is not None and not self._admission.admits_token(connection.reader.token):
                await self._server.disconnect(sid)

    async def close(self) -> None:
        """End every connection, once what was said is on its way, and stop the transport's own tasks."""
        connections = list(self._connections.values())
        for connection in connections:
            connection.outbox.flush()
        await self._within_parting(*(connection.outbox.calm(below=1) for connection in connections))
        # Not a `disconnect` of Socket.IO: its clients would not come back by themselves when the server does.
        await self._within_parting(*(self._part(connection) for connection in connections))
        for connection in list(self._connections.values()):
            self.cut(connection, "stopped")
        if self._tasks:
            # An answer may wait for a history that is failing.
            _, late = await asyncio.wait(self._tasks, timeout=_PARTING_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._server.shutdown()

    # What the lines tell.

    def connection(self, engine_sid: str) -> Connection | None:
        """The connection that the library knows by this id."""
        return self._connections.get(engine_sid)

    def begun(self, engine: Any, handler: Any) -> None:
        """A connection was opened; it has said nothing yet."""
        request = handler.request
        address = self._admission.address(str(request.remote_ip), request.headers.get_list("X-Forwarded-For"))
        connection = Connection(engine, address, agent_of(request.headers), self._clock)
        connection.outbox.overflowed = lambda: self.cut(connection, "backlog")
        self._connections[engine.sid] = handler.connection = connection

    async def received(self, engine_sid: str, content: str | bytes) -> Any:
        """A Socket.IO packet came: take it up if it is a request, give it back if it is not."""
        connection = self._connections.get(engine_sid)
        if connection is None or connection.cut:
            return None
        try:
            packet = _decoded(content)
        except ValueError:
            self.cut(connection, "malformed")
            return None
        if packet.packet_type == socketio.packet.EVENT and connection.reader is not None and not packet.namespace:
            await self._take(connection, packet, len(content))
        return packet

    def ended(self, engine_sid: str) -> None:
        """The library has ended a connection."""
        connection = self._connections.pop(engine_sid, None)
        if connection is not None:
            connection.leave()
            # The library forgets some of those that are closed only when they are asked for again.
            self._server.eio.sockets.pop(engine_sid, None)

    def cut(self, connection: Connection, reason: str) -> None:
        """End a connection that keeps no rules, or that nobody is behind."""
        if not connection.cut:
            self.counts[f"cut_{reason}"] += 1
            connection.abort()
            self._keep(self._end(connection))

    def turned_away(self, reason: str) -> None:
        """Something came that did not even become a connection."""
        self.counts[f"cut_{reason}"] += 1

    async def _end(self, connection: Connection) -> None:
        await connection.engine.close(wait=False, abort=True, reason=self._server.reason.TRANSPORT_ERROR)
        # A poll that waits for something to be said.
        connection.outbox.put_nowait(None)

    async def _take(self, connection: Connection, packet: Any, size: int) -> None:
        name, *arguments = packet.data
        if not connection.owe(name, tuple(arguments), packet.id, size):
            refusal = self._requests.refuse("rate_limited", "too many requests at once: wait for answers")
            await self._acknowledge(connection, packet.id, refusal)
        elif not connection.answering:
            connection.answering = True
            self._keep(self._answer_owed(connection))

    async def _answer_owed(self, connection: Connection) -> None:
        """Answer the requests of a socket one after the other, in the order in which they came."""
        try:
            while connection.owed and (reader := connection.reader) is not None:
                name, arguments, request_id = connection.next_owed()
                answer = await self._requests.answer(reader, name, arguments)
                if connection.reader is reader:
                    await self._acknowledge(connection, request_id, answer)
        finally:
            connection.answering = False

    async def _acknowledge(self, connection: Connection, request_id: int | None, answer: Mapping[str, Any]) -> None:
        if request_id is not None and not connection.cut:
            await self._server.acknowledge(connection.engine.sid, request_id, answer)

    async def _part(self, connection: Connection) -> None:
        if connection.websocket is None:
            await connection.engine.close(wait=False, reason=self._server.reason.SERVER_DISCONNECT)
        else:
            connection.websocket.close(1001, "the server stops")
            await connection.ended.wait()

    async def _within_parting(self, *work: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(_PARTING_S):
                await asyncio.gather(*work)
        except TimeoutError:
            _log.info("not every socket took leave in %g s", _PARTING_S)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _admits_origin(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        return self._admission.admits_origin(origin, environ.get("HTTP_HOST"))


def _refusal(verdict: Verdict) -> Exception:
    refused = socketio.exceptions.ConnectionRefusedError
    if verdict.retry_after_s is not None:
        error: Exception = refused(verdict.problem, {"code": "rate_limited", "retryAfter": verdict.retry_after_s})
    else:
        error = refused(f"{verdict.problem}: connect with auth {{token: …}}", {"code": "forbidden"})
    return error


def _wrapped(text: str) -> Any:
    return engineio.packet.Packet(engineio.packet.MESSAGE, text)


def _decoded(content: str | bytes) -> Any:
    """The packet, if it is one that a client may send. Raises `ValueError`."""
    # Nothing here is binary: the library would wait for as many attachments as a packet says it has.
    if not isinstance(content, str) or content[:1] not in {"0", "1", "2", "3"}:
        raise ValueError("no packet of Socket.IO, or a binary one")
    packet = socketio.packet.Packet(encoded_packet=content)
    if packet.packet_type == socketio.packet.EVENT:
        named = isinstance(packet.data, list) and packet.data and isinstance(packet.data[0], str)
        if not named or packet.data[0] in _RESERVED:
            raise ValueError("an event without a name, or with one that is the protocol's own")
    return packet
