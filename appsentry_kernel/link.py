"""The socket: connects, WebSocket first, hands on what arrives in order, and connects again when the line is cut.

This is the only module that knows Socket.IO's client. Three of its traps are met here: it tries only the first of the
transports it is given, it has no time-out for the handshake, and its own reconnection gives each attempt one second and
then is dead for good. It is therefore told to do nothing by itself.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp
import engineio.payload
import socketio

from appsentry_kernel.clock import Clock
from appsentry_kernel.errors import RequestRefused, ServerUnreachable, TokenRefused
from appsentry_kernel.http import http_session

State = Literal["connecting", "live", "disconnected", "closed"]

HANDSHAKE_S = 20.0
DELAYS_S = (1.0, 2.0, 4.0, 5.0, 5.0)
"""Before each of the attempts to connect again; after the last the link counts as disconnected."""

PROBE_S = 30.0
"""Between the attempts that a disconnected link still makes."""

SPREAD = 0.5
"""Each of these waits is shorter or longer by up to this share, so that all who lost a server do not return at once."""

_ANSWER_S = 10.0
_RATE_LIMITED_S = 0.25
_RATE_LIMITED_TRIES = 40
# Over polling, all that happened since the last poll comes in one answer; the library refuses more than 16 packets of
# it and drops the line, which a test run's events reach in a moment. There is no setting but this one of the process.
engineio.payload.Payload.max_decode_packets = 100_000

_LARGEST_MESSAGE = 64 * 1024 * 1024  # the snapshot of 100,000 applications in one message

Receive = Callable[[str, object], None]

# What becomes of a line is told by the link's state; the libraries' own words would turn up in whichever cell runs.
_chatter = logging.getLogger(f"{__name__}.socket")
_chatter.addHandler(logging.NullHandler())
_chatter.propagate = False


class AnswerLate(ServerUnreachable):
    """The line is up, but the answer to a request did not come over it in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The attempt that comes after `pause_s`: its number, or None when it is one of the slow ones after those."""

    attempt: int | None
    pause_s: float
    of: int = len(DELAYS_S)


class Line:
    """One connection over one transport, from its handshake to its end."""

    def __init__(self, receive: Receive) -> None:
        self.gone = asyncio.Event()
        self._receive = receive
        self._refusal: str | None = None
        self._answers: set[asyncio.Future[Any]] = set()
        self._http = http_session()
        self._client = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            logger=_chatter,
            engineio_logger=_chatter,
            http_session=self._http,
            websocket_extra_options={"max_msg_size": _LARGEST_MESSAGE},
        )
        # Handlers that are no coroutines: those would overtake one another.
        self._client.on("*", self._event)
        self._client.on("connect_error", self._refused)
        self._client.on("disconnect", lambda *_: self.lost())

    async def connect(self, url: str, auth: Mapping[str, object], transport: str) -> None:
        """Shake hands. Raises `TokenRefused` when the server says no, `ServerUnreachable` when it says nothing."""
        path = urlsplit(url).path.strip("/")
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await self._client.connect(
                    url,
                    auth=auth,
                    transports=[transport],
                    socketio_path=f"{path}/socket.io".lstrip("/"),
                    wait_timeout=HANDSHAKE_S,
                )
        except (socketio.exceptions.ConnectionError, aiohttp.ClientError, OSError, ValueError) as error:
            if self._refusal is not None:
                raise TokenRefused(self._refusal) from error
            raise ServerUnreachable(f"{transport} to {url}: {str(error) or 'no answer to the handshake'}") from error
        # The end of the read loop is the end of the line: the library's own event is not sent when the line is cut
        # in the moment of connecting.
        self._client.eio.read_loop_task.add_done_callback(lambda _: self.lost())

    async def ask(self, name: str, request: Mapping[str, object]) -> dict[str, Any]:
        """Send a request and wait for its acknowledgement, whatever it says."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers.add(answer)
        try:
            await self._client.emit(name, dict(request), callback=lambda *said: _answered(answer, said))
            async with asyncio.timeout(_ANSWER_S):
                said = await answer
        except socketio.exceptions.SocketIOError as error:
            raise ServerUnreachable(f"{name}: the connection is lost") from error
        except TimeoutError:
            raise AnswerLate(f"{name}: the server did not answer within {_ANSWER_S:g} s") from None
        finally:
            self._answers.discard(answer)
        if not isinstance(said, dict):
            raise ServerUnreachable(f"{name}: the server acknowledged with {said!r} instead of an object")
        return said

    async def end(self) -> None:
        """Hang up, in order if the other side still answers, and leave nothing open."""
        with suppress(TimeoutError, socketio.exceptions.SocketIOError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(2):
                await self._client.disconnect()
                if self._client.eio.ws is not None:  # the library leaves a broken one open
                    await self._client.eio.ws.close()
        await self._http.close()
        self.lost()

    def _event(self, name: str, *arguments: object) -> None:
        self._receive(name, arguments[0] if arguments else None)

    def _refused(self, said: object = None, *_: object) -> None:
        # A transport's own failure is reported here too, as plain text; only the server's word comes as an object.
        if isinstance(said, dict):
            self._refusal = str(said.get("message", said))

    def lost(self) -> None:
        """Count as gone, also for all who wait for an answer."""
        self.gone.set()
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(ServerUnreachable("the connection is lost"))


class Link:
    """One server's socket over its whole life. Used on the I/O thread alone.

    `receive` is called with every event in the order of arrival; `welcome` is awaited on each new connection, which
    counts as live once it returns; `report` is told each change of state, with a detail in words; `retry` then says
    what is done about it. `chance` gives a number from 0 to 1 for each wait.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        clock: Clock,
        receive: Receive,
        welcome: Callable[[], Awaitable[None]],
        report: Callable[[State, str | None], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._url = url
        self._auth = {"proto": 1} if token is None else {"proto": 1, "token": token}
        self._clock = clock
        self._receive = receive
        self._welcome = welcome
        self._report = report
        self._chance = chance
        self._line: Line | None = None
        self._hurry = asyncio.Event()
        self.retry: Retry | None = None

    async def open(self) -> None:
        """Connect once, over WebSocket or else over polling. Raises `ServerUnreachable` or `TokenRefused`."""
        line = await self._handshake()
        self._line = line
        try:
            await self._welcome()
        except BaseException:
            await self.hang_up()
            raise
        self._hurry.clear()
        self.retry = None
        self._report("live", None)

    async def stay(self) -> None:
        """Keep an opened link up for ever: whenever the line is gone, connect again."""
        while True:
            if self._line is not None:
                await self._line.gone.wait()
                await self.hang_up()
            await self._reopen()

    async def request(self, name: str, request: Mapping[str, object]) -> dict[str, Any]:
        """The server's answer. Raises `RequestRefused` when it is no, `ServerUnreachable` when there is none."""
        for _ in range(_RATE_LIMITED_TRIES):
            if self._line is None:
                raise ServerUnreachable(f"{name}: there is no connection to {self._url} at the moment")
            answer = await self._line.ask(name, request)
            if answer.get("ok") is True:
                return answer
            if answer.get("code") != "rate_limited":
                break
            await self._clock.sleep(_RATE_LIMITED_S)
        raise RequestRefused(str(answer.get("message", answer)), code=str(answer.get("code")))

    def reconnect(self) -> None:
        """Try again at once instead of waiting for the next attempt."""
        self._hurry.set()

    def abandon(self) -> None:
        """Give the present line up, with all that is still under way on it; `stay` connects again."""
        if self._line is not None:
            self._line.lost()

    async def hang_up(self) -> None:
        """End the present line, if there is one."""
        line, self._line = self._line, None
        if line is not None:
            await line.end()

    async def _handshake(self) -> Line:
        try:
            return await self._dial("websocket")
        except TokenRefused:
            raise
        except ServerUnreachable:
            return await self._dial("polling")

    async def _dial(self, transport: str) -> Line:
        line = Line(self._receive)
        try:
            await line.connect(self._url, self._auth, transport)
        except BaseException:
            await line.end()
            raise
        return line

    async def _reopen(self) -> None:
        """Attempt after attempt, ever more slowly, until one succeeds."""
        attempt, lost = 0, "the connection is lost"
        while True:
            if attempt < len(DELAYS_S):
                self.retry = Retry(attempt=attempt + 1, pause_s=self._spread(DELAYS_S[attempt]))
                self._report("connecting", f"{lost}; attempt {attempt + 1} of {len(DELAYS_S)}")
                await self._pause(self.retry.pause_s)
            else:
                self.retry = Retry(attempt=None, pause_s=self._spread(PROBE_S))
                self._report("disconnected", f"{lost}; trying again about every {PROBE_S:g} s")
                if await self._pause(self.retry.pause_s):
                    attempt, self.retry = 0, None
                    self._report("connecting", "trying again at once")
            try:
                await self.open()
            except TokenRefused as refused:
                attempt, lost = len(DELAYS_S), str(refused)
            except (ServerUnreachable, RequestRefused) as error:
                attempt, lost = attempt + 1, str(error)
            else:
                return

    def _spread(self, seconds: float) -> float:
        return seconds * (1 + SPREAD * (2 * self._chance() - 1))

    async def _pause(self, seconds: float) -> bool:
        """Wait, unless somebody asks for an attempt at once; says whether somebody did."""
        waits = [asyncio.ensure_future(wait) for wait in (self._clock.sleep(seconds), self._hurry.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        hurried = self._hurry.is_set()
        self._hurry.clear()
        return hurried


def _answered(answer: "asyncio.Future[Any]", said: tuple[object, ...]) -> None:
    if not answer.done():
        answer.set_result(said[0] if said else None)
