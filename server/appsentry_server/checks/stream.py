"""One timed stream to a target: name, connection, TLS and bytes, under the address rules and one deadline.

The socket is ours from end to end, and TLS runs in memory beside it. So nothing is read that was not asked for, a
target that floods fills no buffer, and `close` takes everything down at once, at whatever await a check was cancelled.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from appsentry_server.checks import failures
from appsentry_server.checks.network import Network
from appsentry_server.checks.sockets import Broken, connect, find
from appsentry_server.checks.urls import Target
from appsentry_server.results import Failure, Outcome, Phases

T = TypeVar("T")

_PIECE: Final = 16_384
"""Bytes that are read at once."""

_MOST_FOR_NOTHING: Final = 262_144
"""Bytes of TLS that bring a step no further. A chain of certificates is shorter; a target could send them for ever."""


class Stream:
    """A connection that is made once, until `deadline` on the network's monotonic clock. Methods raise `Broken`."""

    def __init__(self, network: Network, target: Target, deadline: float) -> None:
        self._network, self._clock = network, network.clock
        self._target = target
        self._deadline = deadline
        self._socket: socket.socket | None = None
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._began = self._clock.monotonic()
        self._dns_ms: float | None = None
        self._connect_ms: float | None = None
        self._tls_ms: float | None = None
        self._ready_at: float | None = None
        self._first_at: float | None = None

    async def open(self, connect_s: float, *, tls: ssl.SSLContext | None = None, name: str | None = None) -> None:
        """Find, connect, and shake hands when there is a context for that; `name` is whom to ask for, and expect."""
        found = await find(self._network, self._target, self._deadline)
        self._dns_ms = found.dns_ms
        began = self._clock.monotonic()
        if began >= self._deadline:
            raise Broken(failures.out_of_time(self._target))
        until = min(self._deadline, began + connect_s)
        self._socket = await connect(self._network, self._target, found.addresses, until)
        self._ready_at = self._clock.monotonic()
        self._connect_ms = (self._ready_at - began) * 1000
        if tls is not None:
            await self._shake_hands(tls, (name or self._target.host).rstrip("."), until)

    @property
    def tls(self) -> ssl.SSLObject:
        """What was agreed on by TLS; only of a stream that was opened with it."""
        assert self._tls is not None, "this stream has no TLS"
        return self._tls

    async def send(self, content: bytes) -> None:
        """Send all of it."""
        with self._watched():
            async with self._until(self._deadline):
                if self._tls is None:
                    await self._send(content)
                    return
                self._tls.write(content)
                await self._flush()

    async def receive(self) -> bytes:
        """The next bytes, at most 16 KiB; none at all when the target has ended the stream."""
        with self._watched():
            async with self._until(self._deadline):
                received = await (self._receive() if self._tls is None else self._decrypted(self._tls))
        if received and self._first_at is None:
            self._first_at = self._clock.monotonic()
        return received

    def outcome(self, failure: Failure | None = None) -> Outcome:
        """What has come of it by now, with its times."""
        now = self._clock.monotonic()
        phases = Phases(
            dns_ms=self._dns_ms,
            connect_ms=self._connect_ms,
            tls_ms=self._tls_ms,
            first_byte_ms=_ms(self._ready_at, self._first_at),
            transfer_ms=_ms(self._first_at, now),
        )
        verdict = failures.verdict_of(failure.failure_class) if failure else "up"
        elapsed_ms = (now - self._began) * 1000
        return Outcome(verdict=verdict, response_ms=elapsed_ms, phases=phases, failure=failure)

    def close(self) -> None:
        """Hang up, at once and without a word."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _shake_hands(self, context: ssl.SSLContext, name: str, until: float) -> None:
        began = self._clock.monotonic()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        try:
            async with self._until(until):
                await self._with_the_network(tls.do_handshake)
        except TimeoutError:
            raise Broken(failures.unfinished_handshake(self._target, self._clock.monotonic() - began)) from None
        except OSError as error:
            await self._tell_why(until)
            raise Broken(failures.of_handshake(error, self._target)) from None
        self._tls = tls
        self._ready_at = self._clock.monotonic()
        self._tls_ms = (self._ready_at - began) * 1000

    async def _tell_why(self, until: float) -> None:
        """Send the alert of a handshake that we refused, as far as the target still takes it."""
        try:
            async with self._until(until):
                await self._flush()
        except OSError:
            return

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            if error.errno is None:
                elapsed = self._clock.monotonic() - self._began
                raise Broken(failures.unanswered(self._target, elapsed, begun=self._first_at is not None)) from None
            raise Broken(failures.of_stream(error, self._target)) from None
        except OSError as error:
            raise Broken(failures.of_stream(error, self._target)) from None

    def _until(self, deadline: float) -> asyncio.Timeout:
        return asyncio.timeout(max(0.0, deadline - self._clock.monotonic()))

    async def _decrypted(self, tls: ssl.SSLObject) -> bytes:
        try:
            return await self._with_the_network(lambda: tls.read(_PIECE))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # An end without the word of farewell is common, and no check takes a cut stream for a whole answer.
            return b""

    async def _with_the_network(self, step: Callable[[], T]) -> T:
        """Carry out a step of TLS, with the sending and receiving that it wants, up to a bound."""
        heard = 0
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                await self._flush()
                received = await self._receive()
                heard += len(received)
                if heard > _MOST_FOR_NOTHING:
                    raise Broken(failures.endless_tls(self._target)) from None
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()
            else:
                await self._flush()
                return done

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._send(self._outgoing.read())

    async def _send(self, content: bytes) -> None:
        assert self._socket is not None, "this stream is not open"
        await asyncio.get_running_loop().sock_sendall(self._socket, content)

    async def _receive(self) -> bytes:
        assert self._socket is not None, "this stream is not open"
        return await asyncio.get_running_loop().sock_recv(self._socket, _PIECE)


def _ms(since: float | None, until: float | None) -> float | None:
    return None if since is None or until is None else (until - since) * 1000
