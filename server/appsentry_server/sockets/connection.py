"""One connection under a socket: its lines, what it may still send, and its end."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from tornado.iostream import IOStream
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from appsentry_server.allowance import Allowance
from appsentry_server.audit import MOST_AGENT
from appsentry_server.clock import Clock
from appsentry_server.sockets.outbox import Outbox
from appsentry_server.sockets.readers import Reader

PACKETS_PER_SECOND = 200
PACKET_BURST = 1_000
"""Far above what requests can use: whoever sends more does not listen to refusals, and is cut."""

MOST_OWED = 40
MOST_OWED_BYTES = 1_000_000
"""Requests that wait for the answer to an earlier one."""

_KINDS = frozenset("12345")
"""The first letters of the packets that Engine.IO lets a client send."""


class Engine(Protocol):
    """What is needed of python-engineio's own socket."""

    sid: str
    last_ping: float | None
    upgraded: bool
    closed: bool
    closing: bool
    queue: Outbox

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None: ...


class Connection:
    """A connection, polled or over a WebSocket, from its handshake on."""

    def __init__(self, engine: Engine, address: str, agent: str, clock: Clock) -> None:
        self.engine = engine
        self.address = address
        self.agent = agent
        self.reader: Reader | None = None
        self.cut = False
        self.owed: deque[tuple[str, tuple[object, ...], int | None, int]] = deque()
        self.answering = False
        self.ended = asyncio.Event()
        self._owed_bytes = 0
        self._clock = clock
        self._packets = Allowance(PACKETS_PER_SECOND, PACKET_BURST, PACKET_BURST, clock.monotonic())
        self._stranger_since: float | None = clock.monotonic()
        self._pinged: tuple[float, float] | None = None
        self._line: RequestHandler | None = None
        """The WebSocket, or the poll that is waiting or whose answer is not yet taken."""

    @property
    def outbox(self) -> Outbox:
        """What waits to be sent."""
        return self.engine.queue

    def admit(self, reader: Reader) -> None:
        """The other side has said who it is."""
        self.reader = reader
        self._stranger_since = None

    def dismiss(self) -> None:
        """Nobody is there any more, or yet."""
        self.reader = None
        self.owed.clear()
        self._owed_bytes = 0
        self._stranger_since = self._clock.monotonic()

    def packet_problem(self, packet: str | bytes) -> str | None:
        """Count a packet that came; why the connection must end for it, if it must."""
        if not isinstance(packet, str) or packet[:1] not in _KINDS or not packet:
            return "malformed"
        return None if self._packets.take(self._clock.monotonic()) else "flood"

    def owe(self, name: str, arguments: tuple[object, ...], request_id: int | None, size: int) -> bool:
        """Take up a request to be answered after those before it; not when too much is owed already."""
        if len(self.owed) >= MOST_OWED or self._owed_bytes + size > MOST_OWED_BYTES:
            return False
        self.owed.append((name, arguments, request_id, size))
        self._owed_bytes += size
        return True

    def next_owed(self) -> tuple[str, tuple[object, ...], int | None]:
        """The request whose turn it is."""
        name, arguments, request_id, size = self.owed.popleft()
        self._owed_bytes -= size
        return name, arguments, request_id

    def line_is(self, handler: RequestHandler, stream: IOStream) -> None:
        """A WebSocket carries the connection from now on."""
        self._line = handler
        self.outbox.attach(stream)

    def begin_poll(self, handler: RequestHandler) -> bool:
        """A poll has come; there may be one at a time, and the next when the answer of the last is taken."""
        if self._line is not None:
            return False
        self._line = handler
        return True

    def end_poll(self, handler: RequestHandler) -> None:
        """The answer to a poll is with the operating system."""
        if self._line is handler:
            self._line = None
            self.outbox.taken()

    def polls(self, handler: RequestHandler) -> bool:
        """Whether this is the poll that waits or is being answered."""
        return self._line is handler

    def overdue(self, now: float, ping_timeout_s: float, stranger_s: float) -> str | None:
        """Why the connection must end because of what has not come, if it must."""
        if self._stranger_since is not None and now - self._stranger_since > stranger_s:
            return "never_connected"
        sent = self.engine.last_ping
        if sent is None:
            self._pinged = None
        elif self._pinged is None or self._pinged[0] != sent:
            # The library notes the wall clock, which jumps: it only tells one ping from another here.
            self._pinged = (sent, now)
        elif now - self._pinged[1] > ping_timeout_s:
            return "silent"
        return None

    def forgive(self) -> None:
        """The server itself was held up: what it did not hear meanwhile counts for nothing."""
        self._pinged = None

    @property
    def websocket(self) -> WebSocketHandler | None:
        """The WebSocket that carries it, if it is one."""
        return self._line if self.engine.upgraded and isinstance(self._line, WebSocketHandler) else None

    def leave(self) -> None:
        """Say no more and hear no more."""
        self.cut = True
        self.owed.clear()
        self.outbox.close()
        self.ended.set()

    def abort(self) -> None:
        """Break the line, and let the operating system forget what it still holds for it."""
        self.leave()
        line, self._line = self._line, None
        if line is not None:
            break_line(line)


def break_line(handler: RequestHandler) -> None:
    """Break the TCP connection under a handler, at once."""
    # A WebSocket's stream, or that of the HTTP connection under a poll.
    stream = getattr(getattr(handler, "ws_connection", None), "stream", None) or getattr(
        handler.request.connection, "stream", None
    )
    if stream is not None and not stream.closed():
        if stream.socket is not None:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()


def agent_of(headers: Mapping[str, Any]) -> str:
    """The program that the other side says it is, shortened."""
    return str(headers.get("User-Agent", ""))[:MOST_AGENT]
