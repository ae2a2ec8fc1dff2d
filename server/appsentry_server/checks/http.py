"""HTTP for checks on libcurl: fresh connections, own name resolution, phases, and every limit kept.

`HttpClient` belongs to the server. A probe takes an `Agent` from it: an easy handle whose constant options are set
once. A target that misbehaves is an `Exchange` with a failure, never an exception.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from ssl import get_default_verify_paths

import pycurl
from pydantic import FilePath

from appsentry_contract import __version__
from appsentry_server.checks import failures
from appsentry_server.checks.certificates import expiry_ms
from appsentry_server.checks.excerpts import PLAIN, Quoter
from appsentry_server.checks.kind import Settings
from appsentry_server.checks.resolver import ResolveError, Resolver
from appsentry_server.checks.transfers import Pin, Transfers
from appsentry_server.checks.urls import Target, relative
from appsentry_server.clock import Clock, SystemClock
from appsentry_server.results import Failure, Phases

BODY_CAP = 1 << 20
"""Bytes of a body, decompressed, after which a check stops reading."""

_EXCERPT_BYTES = 2048
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REPEATS_THE_METHOD = frozenset({307, 308})


class TlsSettings(Settings):
    """Whether the server's certificate is verified, and by which authorities."""

    verify: bool = True
    ca: FilePath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what came of it; after redirects, the last answer with the times of all."""

    target: Target = field(repr=False)
    """Where it was sent; after redirects, where they led."""
    elapsed_ms: float
    phases: Phases
    failure: Failure | None = None
    """Why there is no whole answer. The status is not judged here."""
    status: int = 0
    body: bytes = field(default=b"", repr=False)
    """Decompressed; only its beginning for an agent that does not read bodies."""
    capped: bool = False
    """The body went on beyond the cap."""
    content_type: str | None = None
    location: str | None = field(default=None, repr=False)
    """Where a redirect points, absolute."""
    certificate_until_ms: int | None = None


class Agent:
    """Makes requests one after the other with the options of one check. Made by `HttpClient.agent`."""

    def __init__(
        self, client: "HttpClient", tls: TlsSettings, connect_s: float, body: bool, certificates: bool
    ) -> None:
        self._client = client
        self._transfers = client.transfers
        self._quoter = PLAIN
        self._body = bytearray()
        self._size = 0
        self._keep = BODY_CAP if body else _EXCERPT_BYTES
        self._certificates = certificates
        self._url = ""
        self._timeout_ms = 0
        self._curl = _easy_handle(tls, connect_s)
        self._curl.setopt(pycurl.WRITEFUNCTION, self._write)
        if certificates:
            self._curl.setopt(pycurl.OPT_CERTINFO, 1)

    async def exchange(self, target: Target, deadline: float, *, form: bytes | None = None) -> Exchange:
        """GET `target`, or POST `form` to it, until `deadline` on the client's monotonic clock. Follows no redirect."""
        clock, resolver = self._client.clock, self._client.resolver
        now = clock.monotonic()
        dns_ms = None
        addresses = resolver.known(target.host)
        if addresses is None:
            began = now
            try:
                addresses = await resolver.resolve(target.host, deadline - began)
            except ResolveError as error:
                elapsed_ms = _ms(clock.monotonic() - began)
                phases = Phases(dns_ms=elapsed_ms)
                return Exchange(target=target, elapsed_ms=elapsed_ms, phases=phases, failure=failures.of_name(error))
            now = clock.monotonic()
            dns_ms = _ms(now - began)
        left_ms = round((deadline - now) * 1000)
        if left_ms <= 0:
            failure = failures.out_of_time(target.place)
            return Exchange(target=target, elapsed_ms=dns_ms or 0.0, phases=Phases(dns_ms=dns_ms), failure=failure)
        return await self._transfer(target, addresses, left_ms, dns_ms, form)

    async def follow(
        self, exchange: Exchange, deadline: float, *, redirects: int, form: bytes | None = None
    ) -> Exchange:
        """Go where redirects lead, at most `redirects` times; 307 and 308 repeat `form`, to its own origin only."""
        for _ in range(redirects):
            if exchange.location is None or exchange.failure is not None:
                return exchange
            if exchange.status not in _REPEATS_THE_METHOD:
                form = None
            exchange = await self._hop(exchange, exchange.location, deadline, form)
        if exchange.location is None or exchange.failure is not None:
            return exchange
        where = self._quoter.quote(exchange.location)
        message = f"expected an end after at most {redirects} redirects, found status {exchange.status} to {where}"
        return replace(exchange, failure=Failure(failure_class="status", message=message))

    @contextmanager
    def session(self, quoter: Quoter) -> Iterator[None]:
        """Keep cookies and connections from request to request, and let go of all of them at the end.

        Messages quote the target by `quoter`.
        """
        curl, self._quoter = self._curl, quoter
        self._transfers = Transfers()
        for option in (pycurl.FRESH_CONNECT, pycurl.FORBID_REUSE):
            curl.setopt(option, 0)
        curl.setopt(pycurl.COOKIEFILE, "")
        try:
            yield
        finally:
            curl.setopt(pycurl.COOKIELIST, "ALL")
            self._transfers.close()
            self._transfers, self._quoter = self._client.transfers, PLAIN

    @property
    def cookies(self) -> frozenset[str]:
        """The names of the cookies the session now holds."""
        # Netscape's format: domain, subdomains, path, secure, expiry, name, value.
        return frozenset(line.split("\t")[5] for line in self._curl.getinfo(pycurl.INFO_COOKIELIST))

    def close(self) -> None:
        """Let go of the handle."""
        self._curl.close()

    async def _hop(self, exchange: Exchange, location: str, deadline: float, form: bytes | None) -> Exchange:
        where = self._quoter.quote(location)
        try:
            target = relative(exchange.target, location)
        except ValueError as error:
            message = f"{error}, in the redirect to {where}"
            return replace(exchange, failure=Failure(failure_class="status", message=message))
        if form is not None and target.origin != exchange.target.origin:
            message = f"expected no redirect of the form to another origin, found status {exchange.status} to {where}"
            return replace(exchange, failure=Failure(failure_class="status", message=message))
        after = await self.exchange(target, deadline, form=form)
        elapsed_ms = exchange.elapsed_ms + after.elapsed_ms
        return replace(after, elapsed_ms=elapsed_ms, phases=exchange.phases + after.phases)

    async def _transfer(
        self, target: Target, addresses: tuple[str, ...], left_ms: int, dns_ms: float | None, form: bytes | None
    ) -> Exchange:
        curl = self._curl
        self._body.clear()
        self._size = 0
        if target.url != self._url:
            curl.setopt(pycurl.URL, target.url)
            self._url = target.url
        if left_ms != self._timeout_ms:
            curl.setopt(pycurl.TIMEOUT_MS, left_ms)
            self._timeout_ms = left_ms
        pin = self._pin(target, addresses)
        if form is None:
            code = await self._transfers.perform(curl)
        else:
            code = await self._post(form)
        # The transfer got as far as its end, so libcurl has read the addresses.
        pin.applied = True
        return self._outcome(target, code, dns_ms)

    async def _post(self, form: bytes) -> int:
        self._curl.setopt(pycurl.POSTFIELDS, form)
        try:
            return await self._transfers.perform(self._curl)
        finally:
            # The form may hold a password: it stays no longer than it is needed.
            self._curl.setopt(pycurl.POSTFIELDS, b"")
            self._curl.setopt(pycurl.HTTPGET, 1)

    def _pin(self, target: Target, addresses: tuple[str, ...]) -> Pin:
        pin = self._transfers.pins.get(target.place)
        if pin is None or not pin.applied or pin.addresses != addresses:
            pin, entries = self._transfers.pin(target, addresses)
            self._curl.setopt(pycurl.RESOLVE, entries)
        return pin

    def _write(self, chunk: bytes) -> int:
        room = self._keep - len(self._body)
        if room > 0:
            self._body += chunk[:room]
        self._size += len(chunk)
        return len(chunk) if self._size <= BODY_CAP else 0

    def _outcome(self, target: Target, code: int, dns_ms: float | None) -> Exchange:
        curl = self._curl
        phases = _phases(curl, dns_ms)
        elapsed_ms = curl.getinfo(pycurl.TOTAL_TIME_T) / 1000 + (dns_ms or 0.0)
        capped = self._size > BODY_CAP
        if code and not (capped and code == pycurl.E_WRITE_ERROR):
            failure = failures.of_transfer(curl, code, target.place)
            return Exchange(target=target, elapsed_ms=elapsed_ms, phases=phases, failure=failure)
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        return Exchange(
            target=target,
            elapsed_ms=elapsed_ms,
            phases=phases,
            status=status,
            body=bytes(self._body),
            capped=capped,
            content_type=curl.getinfo(pycurl.CONTENT_TYPE),
            location=_location(curl) if status in _REDIRECTS else None,
            certificate_until_ms=expiry_ms(curl.getinfo(pycurl.INFO_CERTINFO)) if self._certificates else None,
        )


class HttpClient:
    """The server's door to HTTP: one libcurl multi handle and one resolver for all checks.

    Made anywhere; bound to the event loop of its first request. It closes `resolver` with itself.
    """

    def __init__(self, resolver: Resolver | None = None, *, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.resolver = resolver or Resolver(clock=self.clock)
        self.transfers = Transfers()

    def agent(self, *, tls: TlsSettings, connect_s: float, body: bool = False, certificates: bool = False) -> Agent:
        """An agent for one check. `body`: bodies are kept as far as the cap; `certificates`: their end is reported."""
        return Agent(self, tls, connect_s, body, certificates)

    async def close(self) -> None:
        """End what is under way and close everything. Agents are closed by their owners."""
        self.transfers.close()
        await self.resolver.close()


def _easy_handle(tls: TlsSettings, connect_s: float) -> pycurl.Curl:
    curl = pycurl.Curl()
    options = {
        pycurl.NOSIGNAL: 1,
        pycurl.PROXY: "",  # none, whatever the environment says
        pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
        pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
        pycurl.FRESH_CONNECT: 1,
        pycurl.FORBID_REUSE: 1,
        pycurl.SSL_SESSIONID_CACHE: 0,  # a resumed session would make tls_ms incomparable
        pycurl.CONNECTTIMEOUT_MS: math.ceil(connect_s * 1000),
        pycurl.ACCEPT_ENCODING: "gzip, deflate, br",
        pycurl.USERAGENT: f"AppSentry/{__version__}",
        # Called before libcurl would resolve a name itself, which it must never do: anything but 0 forbids it.
        pycurl.RESOLVER_START_FUNCTION: _forbid,
        pycurl.SSL_VERIFYPEER: int(tls.verify),
        pycurl.SSL_VERIFYHOST: 2 * int(tls.verify),
    }
    authorities = tls.ca or _system_authorities()
    if authorities is not None:
        options[pycurl.CAINFO] = str(authorities)
    for option, value in options.items():
        curl.setopt(option, value)
    return curl


def _forbid() -> int:
    return 1


def _system_authorities() -> Path | None:
    # A wheel's libcurl brings no authorities of its own: take those Python's ssl would.
    file = get_default_verify_paths().cafile
    return Path(file) if file is not None else None


def _phases(curl: pycurl.Curl, dns_ms: float | None) -> Phases:
    # Microseconds from the start of the transfer to the end of each phase; 0 when it was not reached. On a connection
    # that is reused in a session there are no connect and TLS phases.
    fresh = curl.getinfo(pycurl.NUM_CONNECTS) > 0
    connect = curl.getinfo(pycurl.CONNECT_TIME_T) if fresh else 0
    tls = curl.getinfo(pycurl.APPCONNECT_TIME_T) if fresh else 0
    first = curl.getinfo(pycurl.STARTTRANSFER_TIME_T)
    return Phases(
        dns_ms=dns_ms,
        connect_ms=connect / 1000 if connect else None,
        tls_ms=(tls - connect) / 1000 if tls else None,
        first_byte_ms=(first - (tls or connect)) / 1000 if first else None,
        transfer_ms=(curl.getinfo(pycurl.TOTAL_TIME_T) - first) / 1000 if first else None,
    )


def _location(curl: pycurl.Curl) -> str | None:
    location: bytes | None = curl.getinfo_raw(pycurl.REDIRECT_URL)
    return location.decode(errors="replace") if location else None


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
