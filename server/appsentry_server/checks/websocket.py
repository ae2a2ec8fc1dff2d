"""The WebSocket check: the handshake, and a short conversation of messages."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from appsentry_server.checks.contexts import context
from appsentry_server.checks.dialogue import Dialogue
from appsentry_server.checks.excerpts import Quoter
from appsentry_server.checks.grades import graded
from appsentry_server.checks.handle import TlsSettings
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.checks.sockets import Broken
from appsentry_server.checks.steps import Step, read
from appsentry_server.checks.stream import Stream
from appsentry_server.checks.urls import Target, target
from appsentry_server.durations import Duration
from appsentry_server.references import Reference, SecretReference
from appsentry_server.results import Failure, Outcome

_OURS: Final = frozenset({"host", "upgrade", "connection", "content-length", "transfer-encoding"})


def _target(url: str) -> Target:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"ws", "wss"}:
        raise ValueError("expected an address that starts with ws:// or wss://, such as wss://example.org/feed")
    return target(f"{scheme.replace('ws', 'http')}://{rest}")


def _url(written: str) -> str:
    _target(written)
    return written


def _header(name: str) -> str:
    if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
        raise ValueError(f"expected a header that is not the handshake's own, found {name!r}")
    return name


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"), AfterValidator(_header)]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]


class WebSocketSettings(CheckSettings):
    """A WebSocket at `url`, and what is said on it."""

    type: Literal["websocket"]
    url: Annotated[str, AfterValidator(_url)]
    headers: Mapping[HeaderName, SecretReference] = Field(default={}, repr=False)
    subprotocols: tuple[Token, ...] = ()
    steps: tuple[Step, ...] = ()
    degraded_above: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    connect_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=5)
    tls: TlsSettings = TlsSettings()

    @cached_property
    def target(self) -> Target:
        """Where it is; its address begins with http, as the handshake does."""
        return _target(self.url)

    @property
    def host(self) -> str:
        return self.target.host

    @property
    def port(self) -> int:
        return self.target.port


class WebSocketProbe(Probe):
    """Opens a WebSocket, says its lines, listens for the answers and closes it."""

    def __init__(self, settings: WebSocketSettings, client: HttpClient) -> None:
        self._settings = settings
        self._network = client.network

    async def run(self) -> Outcome:
        settings = self._settings
        deadline = self._network.clock.monotonic() + settings.timeout.total_seconds()
        stream = Stream(self._network, settings.target, deadline)
        try:
            secrets = read(
                (*settings.headers.values(), *(one.send_secret for one in settings.steps if one.send_secret))
            )
            headers = _headers(settings.headers, secrets)
            await self._open(stream)
            url = settings.target.url.replace("http", "ws", 1)
            quoter = Quoter(secrets.values())
            dialogue = Dialogue(stream, url, settings.subprotocols, quoter, self._network.clock)
            await dialogue.shake_hands(headers)
            for number, step in enumerate(settings.steps, 1):
                said = step.send if step.send_secret is None else secrets[step.send_secret]
                await _carry_out(dialogue, number, step, said, quoter)
            outcome = stream.outcome()
            await dialogue.farewell()
        except Broken as broken:
            return stream.outcome(broken.failure)
        finally:
            stream.close()
        return graded(outcome, slower_than=settings.degraded_above)

    async def _open(self, stream: Stream) -> None:
        settings = self._settings
        secure = settings.target.scheme == "https"
        tls = context(verify=settings.tls.verify, ca=settings.tls.ca, alpn=("http/1.1",)) if secure else None
        await stream.open(settings.connect_timeout.total_seconds(), tls=tls)


def _headers(references: Mapping[str, Reference], secrets: Mapping[Reference, str]) -> dict[str, str]:
    headers = {name: secrets[reference] for name, reference in references.items()}
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            message = f"expected one line of printable ASCII in the header {name}, found other characters in its secret"
            raise Broken(Failure(failure_class="internal", message=message))
    return headers


async def _carry_out(dialogue: Dialogue, number: int, step: Step, said: str | None, quoter: Quoter) -> None:
    dialogue.begin_step()
    heard = None
    try:
        if said is not None:
            await dialogue.say(said)
        while step.expects and (heard is None or step.met_by(heard) is None):
            heard = await dialogue.hear(step.wanted(quoter))
    except Broken as broken:
        last = f", after {quoter.quote(heard)}" if heard is not None else ""
        message = f"{broken.failure.message}{last}"
        raise Broken(replace(broken.failure, message=message, step=str(number))) from None
