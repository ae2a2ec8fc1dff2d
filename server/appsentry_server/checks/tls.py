"""The TLS check: one handshake, judged by its certificate, its protocol and what was agreed on."""

import ssl
from datetime import UTC, timedelta
from typing import Annotated, Final, Literal

from cryptography import x509
from pydantic import Field

from appsentry_contract.instants import from_datetime
from appsentry_server import durations
from appsentry_server.checks.contexts import context
from appsentry_server.checks.excerpts import PLAIN
from appsentry_server.checks.grades import graded
from appsentry_server.checks.handle import TlsSettings
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Probe, Settings
from appsentry_server.checks.sockets import Broken
from appsentry_server.checks.stream import Stream
from appsentry_server.checks.urls import HostName, Port, place
from appsentry_server.durations import Duration
from appsentry_server.results import Failure, Outcome

_DAY = timedelta(days=1)
_PROTOCOLS: Final = ("TLSv1.2", "TLSv1.3")
Alpn = Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]


class TlsExpectations(Settings):
    """What a handshake has to lead to, besides a certificate that is valid."""

    days_left: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    protocol: Literal["TLSv1.2", "TLSv1.3"] = "TLSv1.2"
    alpn: Alpn | None = None


class TlsCheckSettings(CheckSettings):
    """A handshake with a port, and what is expected of it."""

    type: Literal["tls"]
    address: HostName = Field(alias="host")
    port_number: Port = Field(443, alias="port")
    server_name: HostName | None = None
    tls: TlsSettings = TlsSettings()
    expect: TlsExpectations = TlsExpectations()
    certificate_degraded_below: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    degraded_above: Annotated[Duration, Field(gt=timedelta(0))] | None = None
    connect_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=5)

    @property
    def host(self) -> str:
        return self.address

    @property
    def port(self) -> int:
        return self.port_number


class TlsProbe(Probe):
    """Shakes hands, looks at the certificate and hangs up."""

    def __init__(self, settings: TlsCheckSettings, client: HttpClient) -> None:
        self._settings = settings
        self._network = client.network
        self._target = place(settings.host, settings.port)

    async def run(self) -> Outcome:
        settings = self._settings
        deadline = self._network.clock.monotonic() + settings.timeout.total_seconds()
        stream = Stream(self._network, self._target, deadline)
        alpn = (settings.expect.alpn,) if settings.expect.alpn is not None else ()
        try:
            demands = context(verify=settings.tls.verify, ca=settings.tls.ca, alpn=alpn)
            await stream.open(settings.connect_timeout.total_seconds(), tls=demands, name=settings.server_name)
            outcome = stream.outcome()
            left = self._left(stream.tls)
            self._judge(stream.tls, left)
        except Broken as broken:
            return stream.outcome(broken.failure)
        finally:
            stream.close()
        return graded(outcome, slower_than=settings.degraded_above, note=self._note(left))

    def _left(self, tls: ssl.SSLObject) -> timedelta:
        """How long the certificate is still valid; less than nothing when it has expired, verified or not."""
        encoded = tls.getpeercert(binary_form=True)
        try:
            until = x509.load_der_x509_certificate(encoded or b"").not_valid_after_utc
        except ValueError as error:
            message = f"expected a certificate from {self._target.place}, found one that cannot be read: {error}"
            raise Broken(Failure(failure_class="tls_other", message=message)) from None
        return timedelta(milliseconds=from_datetime(until.astimezone(UTC)) - self._network.clock.now_ms())

    def _judge(self, tls: ssl.SSLObject, left: timedelta) -> None:
        expect = self._settings.expect
        version = tls.version() or "none"
        if version not in _PROTOCOLS[_PROTOCOLS.index(expect.protocol) :]:
            raise _unmet(f"expected {expect.protocol} or newer, found {version}")
        agreed = tls.selected_alpn_protocol()
        if expect.alpn is not None and agreed != expect.alpn:
            raise _unmet(
                f"expected the protocol {expect.alpn} by ALPN, found {PLAIN.quote(agreed) if agreed else 'none'}"
            )
        if expect.days_left is not None and left < expect.days_left:
            raise _unmet(_too_short(expect.days_left, left))

    def _note(self, left: timedelta) -> str | None:
        limit = self._settings.certificate_degraded_below
        return _too_short(limit, left) if limit is not None and left < limit else None


def _too_short(limit: timedelta, left: timedelta) -> str:
    found = f"{left / _DAY:.1f} d left" if left > timedelta(0) else f"one that expired {-left / _DAY:.1f} d ago"
    return f"expected a certificate valid for {durations.write(limit)}, found {found}"


def _unmet(message: str) -> Broken:
    return Broken(Failure(failure_class="expectation", message=message))
