"""The TCP check: one connection, with TLS if wanted, and a short conversation of text on it."""

import codecs
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from appsentry_server.checks.contexts import context
from appsentry_server.checks.excerpts import Quoter
from appsentry_server.checks.grades import graded
from appsentry_server.checks.handle import TlsSettings
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Probe
from appsentry_server.checks.sockets import Broken
from appsentry_server.checks.steps import Step, read
from appsentry_server.checks.stream import Stream
from appsentry_server.checks.urls import HostName, Port, place
from appsentry_server.durations import Duration
from appsentry_server.results import Failure, Outcome

_MOST_HEARD = 16_384
"""Characters that a step listens to: a banner is short, and each piece of an answer is looked at again."""


class TcpSettings(CheckSettings):
    """A connection to a port, and what is said on it."""

    type: Literal["tcp"]
    address: HostName = Field(alias="host")
    port_number: Port = Field(alias="port")
    secure: bool = False
    tls: TlsSettings = TlsSettings()
    steps: tuple[Step, ...] = ()
    degraded_above: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    connect_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=5)

    @property
    def host(self) -> str:
        return self.address

    @property
    def port(self) -> int:
        return self.port_number


class TcpProbe(Probe):
    """Connects, says its lines and listens for the answers."""

    def __init__(self, settings: TcpSettings, client: HttpClient) -> None:
        self._settings = settings
        self._network = client.network
        self._target = place(settings.host, settings.port)

    async def run(self) -> Outcome:
        settings = self._settings
        deadline = self._network.clock.monotonic() + settings.timeout.total_seconds()
        stream = Stream(self._network, self._target, deadline)
        try:
            secrets = read(step.send_secret for step in settings.steps if step.send_secret is not None)
            tls = context(verify=settings.tls.verify, ca=settings.tls.ca) if settings.secure else None
            await stream.open(settings.connect_timeout.total_seconds(), tls=tls)
            talk = _Talk(stream, Quoter(secrets.values()))
            for number, step in enumerate(settings.steps, 1):
                said = step.send if step.send_secret is None else secrets[step.send_secret]
                await talk.step(number, step, said)
        except Broken as broken:
            return stream.outcome(broken.failure)
        finally:
            stream.close()
        return graded(stream.outcome(), slower_than=settings.degraded_above)


class _Talk:
    """What has been heard and not yet been taken by a step. Bytes that are no UTF-8 become U+FFFD."""

    def __init__(self, stream: Stream, quoter: Quoter) -> None:
        self._stream = stream
        self._quoter = quoter
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._heard = ""

    async def step(self, number: int, step: Step, said: str | None) -> None:
        if said is not None:
            await self._stream.send(said.encode())
        if not step.expects:
            return
        while (end := step.met_by(self._heard)) is None:
            if len(self._heard) >= _MOST_HEARD:
                raise self._unmet("too_large", number, step, f"none in the first {_MOST_HEARD} characters")
            await self._listen(number, step)
        self._heard = self._heard[end:]

    async def _listen(self, number: int, step: Step) -> None:
        try:
            received = await self._stream.receive()
        except Broken as broken:
            found = self._quoter.quote(self._heard) if self._heard else "nothing"
            message = f"{broken.failure.message}; expected {step.wanted(self._quoter)}, heard {found}"
            failure_class = broken.failure.failure_class
            raise Broken(Failure(failure_class=failure_class, message=message, step=str(number))) from None
        if not received:
            failure_class = "expectation" if self._heard else "reset"
            raise self._unmet(failure_class, number, step, "the end of the connection")
        self._heard += self._decoder.decode(received)

    def _unmet(
        self, failure_class: Literal["too_large", "expectation", "reset"], number: int, step: Step, found: str
    ) -> Broken:
        heard = f" after {self._quoter.quote(self._heard)}" if self._heard else ""
        message = f"expected {step.wanted(self._quoter)}, found {found}{heard}"
        return Broken(Failure(failure_class=failure_class, message=message, step=str(number)))
