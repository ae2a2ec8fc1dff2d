"""What waits to be sent to one socket: bounded, and written to a WebSocket without the library's detours.

python-engineio gives each of its sockets a queue of packets, which a task of the socket empties. An `Outbox` takes the
place of that queue. Of a polled line it is one. Once the library has written the first packet to a WebSocket, messages
pass it by: their frames, made once for all recipients, are gathered for a turn of the event loop and written
together. Packets of the library's own (pings, the end) still take its way, and never more than a turn ahead or behind.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Protocol

from tornado.iostream import IOStream, StreamClosedError

MOST_BACKLOG_BYTES = 4 * 1024 * 1024
"""A socket with more than this waiting for it is cut."""

_CALM_BYTES = 256 * 1024
"""With less than this waiting, more may be said at leisure."""

_LARGE_BYTES = 1024 * 1024
_WRITTEN_AT_ONCE_BYTES = 128 * 1024
_OVERHEAD_BYTES = 64
"""Counted for each message on top of its length, so that a great many tiny ones are bounded too."""

_MESSAGE = 4
"""Engine.IO's number for a packet that carries a message."""


class Packet(Protocol):
    """What is needed of the library's packets."""

    packet_type: int
    data: Any

    def encode(self) -> str: ...


class Message:
    """A Socket.IO packet as text, in the shapes that the transports need, each made once."""

    def __init__(self, text: str, wrap: Callable[[str], Packet]) -> None:
        self._text = text
        self._wrap = wrap

    @cached_property
    def packet(self) -> Packet:
        """As a packet of the library."""
        return self._wrap(self._text)

    @cached_property
    def frame(self) -> bytes:
        """As a frame of a WebSocket."""
        return text_frame(f"{_MESSAGE}{self._text}")


def text_frame(text: str) -> bytes:
    """A text message of a server in one frame (RFC 6455, 5.2)."""
    content = text.encode()
    if len(content) < 126:
        return struct.pack("!BB", 0x81, len(content)) + content
    if len(content) < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, len(content)) + content
    return struct.pack("!BBQ", 0x81, 127, len(content)) + content


class Outbox:
    """The packets and frames for one socket. `overflowed` is called once, when more is waiting than may."""

    def __init__(self) -> None:
        self.overflowed: Callable[[], None] = lambda: None
        self._packets: deque[Packet | None] = deque()
        self._frames: deque[bytes] = deque()
        self._stream: IOStream | None = None
        self._arrived = asyncio.Event()
        self._moved = asyncio.Event()
        self._fetching = False
        self._flushing = False
        self._writing = False
        self._closed = False
        self._put_bytes = 0
        self._gone_bytes = 0
        self._fetched_bytes = 0
        self._large: tuple[int, int] = (0, 0)

    @property
    def waiting_bytes(self) -> int:
        """What was put here and is not yet with the operating system."""
        return self._put_bytes - self._gone_bytes

    def send(self, message: Message) -> None:
        """Say something to the socket; nothing is said to one that is closed."""
        if self._closed:
            return
        if self._stream is not None and not self._packets and not self._fetching:
            self._send_frame(message.frame)
        else:
            self._queue(message.packet)
        self._check()

    def write(self, frame: bytes) -> None:
        """Write a frame of the library's own."""
        if not self._closed:
            self._send_frame(frame)
            self._check()

    def attach(self, stream: IOStream) -> None:
        """Write messages to this WebSocket from now on; what was fetched before was for it."""
        if self._stream is None:
            self._stream = stream
            self.taken()

    def taken(self) -> None:
        """Everything that was fetched by a poll is with the operating system."""
        self._gone(self._fetched_bytes)
        self._fetched_bytes = 0

    async def calm(self, below: int | None = None) -> None:
        """Wait until less is waiting than this (256 KiB), or the socket is closed."""
        while self.waiting_bytes >= (below or _CALM_BYTES) and not self._closed:
            self._moved.clear()
            await self._moved.wait()

    def close(self) -> None:
        """Drop what waits, and all that comes."""
        self._closed = True
        self._frames.clear()
        self._packets.clear()
        self._moved.set()

    def flush(self) -> None:
        """Hand the frames to the operating system as far as it takes them."""
        self._flushing = False
        while self._frames and not self._writing and self._stream is not None:
            chunk = self._chunk()
            try:
                written = self._stream.write(chunk)
            except StreamClosedError:
                self.close()
                return
            self._writing = True
            if written.done():
                self._wrote(len(chunk), written)
            else:
                written.add_done_callback(partial(self._wrote_later, len(chunk)))

    # The part of `asyncio.Queue` that python-engineio uses.

    async def put(self, packet: Packet | None) -> None:
        """Take a packet from the library; an answer larger than the bound may be under way, one at a time."""
        self.put_nowait(packet)

    def put_nowait(self, packet: Packet | None) -> None:
        if packet is None or packet.packet_type != _MESSAGE or not isinstance(packet.data, str):
            self._queue(packet)
            return
        if len(packet.data) > _LARGE_BYTES and not self._allowed_bytes():
            size = len(packet.data)
            self._large = (self._put_bytes + size, size)
        self.send(Message(packet.data, lambda _: packet))

    async def get(self) -> Packet | None:
        while not self._packets:
            self._arrived.clear()
            await self._arrived.wait()
        self._fetching = True
        return self._fetch()

    def get_nowait(self) -> Packet | None:
        if not self._packets:
            # The library now writes what it has fetched, before anything else can happen.
            self._fetching = False
            raise asyncio.QueueEmpty
        return self._fetch()

    def task_done(self) -> None:
        """Nobody waits for packets to be fetched."""

    async def join(self) -> None:
        """A socket that reads no more would never let this end: it ends at once."""

    def _queue(self, packet: Packet | None) -> None:
        self._put_bytes += _size(packet)
        self._packets.append(packet)
        self._arrived.set()

    def _fetch(self) -> Packet | None:
        packet = self._packets.popleft()
        if self._stream is None:
            self._fetched_bytes += _size(packet)
        else:
            self._gone(_size(packet))
        if packet is None:
            self._fetching = False
        return packet

    def _send_frame(self, frame: bytes) -> None:
        self._put_bytes += len(frame)
        self._frames.append(frame)
        if not self._flushing and not self._writing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self.flush)

    def _chunk(self) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._frames and (not taken or size + len(self._frames[0]) <= _WRITTEN_AT_ONCE_BYTES):
            taken.append(self._frames.popleft())
            size += len(taken[-1])
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def _wrote(self, size: int, written: "asyncio.Future[None]") -> None:
        self._writing = False
        if written.cancelled() or written.exception() is not None:
            self.close()
        else:
            self._gone(size)

    def _wrote_later(self, size: int, written: "asyncio.Future[None]") -> None:
        self._wrote(size, written)
        self.flush()

    def _gone(self, size: int) -> None:
        self._gone_bytes += size
        self._moved.set()

    def _allowed_bytes(self) -> int:
        """The size of a large answer that is still on its way."""
        until, size = self._large
        return size if self._gone_bytes < until else 0

    def _check(self) -> None:
        waiting = self.waiting_bytes + _OVERHEAD_BYTES * (len(self._frames) + len(self._packets))
        if waiting > MOST_BACKLOG_BYTES + self._allowed_bytes() and not self._closed:
            self.close()
            self.overflowed()


def _size(packet: Packet | None) -> int:
    return len(packet.data) if packet is not None and isinstance(packet.data, str) else 0
