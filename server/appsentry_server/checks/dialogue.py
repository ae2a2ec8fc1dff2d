"""A WebSocket on a stream of ours: its handshake, and messages up to a cap; `websockets` knows the frames."""

from collections.abc import Mapping, Sequence
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import HeaderLineTooLong, InvalidMessage, InvalidStatus, PayloadTooBig, TooManyHeaders
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Event, State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from appsentry_contract.vocabulary import FailureClass
from appsentry_server.checks.excerpts import Quoter
from appsentry_server.checks.exchange import BODY_CAP
from appsentry_server.checks.sockets import Broken
from appsentry_server.checks.stream import Stream
from appsentry_server.clock import Clock
from appsentry_server.results import Failure

_TOO_LARGE: Final = (HeaderLineTooLong, TooManyHeaders)


class Dialogue:
    """One WebSocket. `url` begins with ws:// or wss://; what the target sends is quoted by `quoter`."""

    def __init__(self, stream: Stream, url: str, subprotocols: Sequence[str], quoter: Quoter, clock: Clock) -> None:
        offered = [Subprotocol(name) for name in subprotocols] or None
        self._protocol = ClientProtocol(parse_uri(url), subprotocols=offered, max_size=BODY_CAP)
        # It would write headers, and with them secrets, to the log.
        self._protocol.debug = False
        self._stream = stream
        self._quoter = quoter
        self._clock = clock
        self._events: list[Event] = []
        self._offered = offered
        self._heard = 0

    async def shake_hands(self, headers: Mapping[str, str]) -> None:
        """Ask for the upgrade, with these headers besides; a subprotocol that was offered must be taken."""
        request = self._protocol.connect()
        for name, value in headers.items():
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = value
        self._protocol.send_request(request)
        await self._flush()
        while not self._events and self._protocol.handshake_exc is None:
            await self._listen()
        if self._protocol.handshake_exc is not None:
            raise Broken(self._refused(self._protocol.handshake_exc))
        del self._events[0]
        if self._offered is not None and self._protocol.subprotocol is None:
            names = ", ".join(map(self._quoter.quote, self._offered))
            raise _broken("expectation", f"expected one of the subprotocols {names}, found none agreed on")

    async def say(self, text: str) -> None:
        """Send a text message."""
        if self._protocol.state is not State.OPEN:
            raise Broken(self._ended("a connection that is open"))
        self._protocol.send_text(text.encode())
        await self._flush()

    async def hear(self, wanted: str) -> str:
        """The next message, as text; bytes that are no UTF-8 become U+FFFD. `wanted` says what it is waited for."""
        parts = []
        while True:
            frame = await self._frame(wanted)
            if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                parts.append(bytes(frame.data))
                if frame.fin:
                    return b"".join(parts).decode(errors="replace")

    def begin_step(self) -> None:
        """From here on another mebibyte may be heard."""
        self._heard = 0

    async def farewell(self) -> None:
        """Say that it is over, without waiting for an answer."""
        if self._protocol.state is not State.OPEN:
            return
        self._protocol.send_close(1000)
        try:
            await self._flush()
        except Broken:
            # All that was expected has come: how the connection ends is no matter.
            return

    async def _frame(self, wanted: str) -> Frame:
        while not self._events:
            if self._protocol.parser_exc is not None or self._protocol.close_rcvd is not None:
                raise Broken(self._ended(wanted))
            await self._listen()
        event = self._events.pop(0)
        assert isinstance(event, Frame), "after the handshake there are only frames"
        return event

    async def _listen(self) -> None:
        if self._heard > BODY_CAP:
            raise _broken("too_large", f"expected what is waited for within {BODY_CAP} bytes, found more without it")
        received = await self._stream.receive()
        self._heard += len(received)
        if received:
            self._protocol.receive_data(received)
        else:
            self._protocol.receive_eof()
        self._events += self._protocol.events_received()
        await self._flush()
        # A target that floods must not keep the event loop for itself.
        await self._clock.sleep(0)

    async def _flush(self) -> None:
        # At once: thousands of pings in one piece make thousands of pongs.
        content = b"".join(self._protocol.data_to_send())
        if content:
            await self._stream.send(content)

    def _refused(self, error: Exception) -> Failure:
        if isinstance(error, InvalidStatus):
            response: Response = error.response
            said = f": {self._quoter.quote_body(bytes(response.body))}" if response.body else ""
            return _failure("status", f"expected status 101, found {response.status_code}{said}")
        cause = error.__cause__ if isinstance(error, InvalidMessage) else error
        # An end before the answer is chained beneath the error that says so.
        if isinstance(cause, EOFError) or isinstance(getattr(cause, "__cause__", None), EOFError):
            return _failure("reset", "expected the answer to a WebSocket handshake, found the end of the connection")
        found = self._quoter.quote(str(cause), 200)
        failure_class: FailureClass = "too_large" if isinstance(cause, _TOO_LARGE) else "status"
        return _failure(failure_class, f"expected the answer to a WebSocket handshake, found {found}")

    def _ended(self, wanted: str) -> Failure:
        close, error = self._protocol.close_rcvd, self._protocol.parser_exc
        if close is not None:
            said = f" {self._quoter.quote(close.reason)}" if close.reason else ""
            return _failure("expectation", f"expected {wanted}, found the connection closed with {close.code}{said}")
        if isinstance(error, PayloadTooBig):
            return _failure("too_large", f"expected {wanted}, found a message of more than {BODY_CAP} bytes")
        if isinstance(error, EOFError):
            return _failure("reset", f"expected {wanted}, found the end of the connection")
        return _failure("expectation", f"expected {wanted}, found no WebSocket frame: {self._quoter.quote(str(error))}")


def _failure(failure_class: FailureClass, message: str) -> Failure:
    return Failure(failure_class=failure_class, message=message)


def _broken(failure_class: FailureClass, message: str) -> Broken:
    return Broken(_failure(failure_class, message))
