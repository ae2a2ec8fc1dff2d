"""An agent makes the requests of one check on a libcurl handle of its own: one at a time, every limit kept."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pycurl

from appsentry_server.checks import failures
from appsentry_server.checks.certificates import expiry_ms
from appsentry_server.checks.excerpts import PLAIN, Quoter
from appsentry_server.checks.exchange import BODY_CAP, Exchange
from appsentry_server.checks.handle import TlsSettings, content_type_of, easy_handle, location_of, phases_of
from appsentry_server.checks.request import GET, Request
from appsentry_server.checks.resolver import ResolveError
from appsentry_server.checks.transfers import Pin, Transfers
from appsentry_server.checks.urls import Origin, Target, kin, relative
from appsentry_server.results import Failure, Phases

if TYPE_CHECKING:
    from appsentry_server.checks.http import HttpClient

_EXCERPT_BYTES = 2048
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ENDS_AT_THE_CAP = frozenset({pycurl.E_WRITE_ERROR, pycurl.E_FILESIZE_EXCEEDED})
_REPEATS_THE_METHOD = frozenset({307, 308})


class Agent:
    """Makes requests one after the other with the options of one check. Made by `HttpClient.agent`."""

    def __init__(
        self, client: "HttpClient", tls: TlsSettings, connect_s: float, body: bool, certificates: bool
    ) -> None:
        self._client = client
        self._transfers = client.transfers
        self._quoter = PLAIN
        self._request = GET
        self._body = bytearray()
        self._size = 0
        self._keep = BODY_CAP if body else _EXCERPT_BYTES
        self._certificates = certificates
        self._url = ""
        self._timeout_ms = 0
        self._trusted: Collection[Origin] | None = None
        self._judged: tuple[str, ...] = ()
        self._allowed: tuple[str, ...] = ()
        self._curl = easy_handle(tls, connect_s)
        self._curl.setopt(pycurl.WRITEFUNCTION, self._write)
        self._curl.setopt(pycurl.PREREQFUNCTION, self._may_ask)
        if certificates:
            self._curl.setopt(pycurl.OPT_CERTINFO, 1)

    def ask(self, request: Request) -> None:
        """Ask this from now on, in words that mask its secrets. It costs nothing when it is asked already."""
        if request is not self._request:
            request.put_on(self._curl)
            self._request, self._quoter = request, request.quoter

    async def exchange(self, target: Target, deadline: float, *, form: bytes | None = None) -> Exchange:
        """Ask `target`, or POST `form` to it, until `deadline` on the client's monotonic clock. Follows no redirect."""
        clock, resolver = self._client.clock, self._client.resolver
        now = clock.monotonic()
        dns_ms = None
        addresses = resolver.known(target.host)
        if addresses is None:
            began = now
            try:
                addresses = await resolver.resolve(target.host, deadline - began)
            except ResolveError as error:
                return _unasked(target, failures.of_name(error), _ms(clock.monotonic() - began))
            now = clock.monotonic()
            dns_ms = _ms(now - began)
        # The resolver gives the same answer again for as long as it holds, so there is nothing to judge anew.
        if addresses is not self._judged:
            self._judged, self._allowed = addresses, self._client.rules.allowed(addresses)
        if not self._allowed:
            return _unasked(target, failures.of_addresses(target, addresses, self._client.rules), dns_ms)
        left_ms = round((deadline - now) * 1000)
        if left_ms <= 0:
            return _unasked(target, failures.out_of_time(target), dns_ms)
        return await self._transfer(target, self._allowed, left_ms, dns_ms, form)

    async def follow(
        self, exchange: Exchange, deadline: float, *, redirects: int, form: bytes | None = None
    ) -> Exchange:
        """Go where redirects lead, at most `redirects` times, but never from https to http.

        307 and 308 repeat `form`, to the session's trusted origins only. What is asked changes as browsers change it;
        another origin is sent no header that may be meant for the first, and no request that changes something. What is
        left is asked until `ask` is told otherwise.
        """
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
    def session(self, quoter: Quoter, trusted: Collection[Origin]) -> Iterator[None]:
        """Keep cookies and connections from request to request, and let go of all of them at the end.

        Cookies are kept of `trusted` origins and sent to them, by the rules of cookies; others neither get nor set any.
        Messages quote the target by `quoter`.
        """
        curl, self._quoter, self._trusted = self._curl, quoter, trusted
        self._transfers = Transfers()
        for option in (pycurl.FRESH_CONNECT, pycurl.FORBID_REUSE):
            curl.setopt(option, 0)
        curl.setopt(pycurl.COOKIEFILE, "")
        try:
            yield
        finally:
            curl.setopt(pycurl.COOKIELIST, "ALL")
            # A form of method GET put the password into the address, and the target may have repeated it.
            curl.setopt(pycurl.URL, "about:blank")
            self._url = ""
            self._body = bytearray()
            self._transfers.close()
            self._transfers, self._quoter, self._trusted = self._client.transfers, self._request.quoter, None

    @property
    def cookies(self) -> frozenset[str]:
        """The names of the cookies the session now holds."""
        # Netscape's format: domain, subdomains, path, secure, expiry, name, value. Raw: a target may send any bytes.
        lines: list[bytes] = self._curl.getinfo_raw(pycurl.INFO_COOKIELIST)
        return frozenset(line.split(b"\t")[5].decode(errors="replace") for line in lines)

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
        request = self._request.redirected(exchange.status)
        trusted = kin(exchange.target) if self._trusted is None else self._trusted
        unwanted = _unwanted(exchange.target, target, None if target.origin in trusted else request, form)
        if unwanted is not None:
            message = f"expected no redirect {unwanted}, found status {exchange.status} to {where}"
            return replace(exchange, failure=Failure(failure_class="status", message=message))
        self.ask(request if target.origin in trusted else request.abroad())
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
        if self._trusted is None or target.origin in self._trusted:
            code = await self._perform(form)
        else:
            with self._without_cookies():
                code = await self._perform(form)
        # The transfer got as far as its end, so libcurl has read the addresses.
        pin.applied = True
        return self._outcome(target, code, dns_ms)

    @contextmanager
    def _without_cookies(self) -> Iterator[None]:
        curl = self._curl
        kept: list[bytes] = curl.getinfo_raw(pycurl.INFO_COOKIELIST)
        curl.setopt(pycurl.COOKIELIST, "ALL")
        try:
            yield
        finally:
            curl.setopt(pycurl.COOKIELIST, "ALL")
            for cookie in kept:
                curl.setopt(pycurl.COOKIELIST, cookie)

    async def _perform(self, form: bytes | None) -> int:
        if form is None:
            return await self._transfers.perform(self._curl)
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

    def _may_ask(self, connected_to: str, *_: object) -> int:
        """The last wall: called by libcurl when it is connected, before it sends a request; anything but 0 forbids it.

        It never stops anything as long as libcurl connects where it was told to.
        """
        return int(connected_to not in self._allowed and self._client.rules.refusal(connected_to) is not None)

    def _write(self, chunk: bytes) -> int:
        room = self._keep - len(self._body)
        if room > 0:
            self._body += chunk[:room]
        self._size += len(chunk)
        return len(chunk) if self._size <= BODY_CAP else 0

    def _outcome(self, target: Target, code: int, dns_ms: float | None) -> Exchange:
        curl = self._curl
        phases = phases_of(curl, dns_ms)
        elapsed_ms = curl.getinfo(pycurl.TOTAL_TIME_T) / 1000 + (dns_ms or 0.0)
        capped = self._size > BODY_CAP or code == pycurl.E_FILESIZE_EXCEEDED
        if code and not (capped and code in _ENDS_AT_THE_CAP):
            if code == pycurl.E_ABORTED_BY_CALLBACK:
                failure = failures.of_addresses(target, (curl.getinfo(pycurl.PRIMARY_IP),), self._client.rules)
            else:
                failure = failures.of_transfer(curl, code, target)
            return Exchange(target=target, elapsed_ms=elapsed_ms, phases=phases, failure=failure)
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        return Exchange(
            target=target,
            elapsed_ms=elapsed_ms,
            phases=phases,
            status=status,
            body=bytes(self._body),
            capped=capped,
            content_type=content_type_of(curl),
            location=location_of(curl) if status in _REDIRECTS else None,
            certificate_until_ms=expiry_ms(curl.getinfo_raw(pycurl.INFO_CERTINFO)) if self._certificates else None,
        )


def _unwanted(before: Target, target: Target, abroad: Request | None, form: bytes | None) -> str | None:
    """Why a redirect is not followed; `abroad` is what it would make another origin be asked."""
    if before.scheme == "https" and target.scheme != "https":
        return "from https to http"
    if abroad is not None and form is not None:
        return "of the form to another origin"
    if abroad is not None and not abroad.safe:
        return f"of a {abroad.method} to another origin"
    return None


def _unasked(target: Target, failure: Failure, dns_ms: float | None) -> Exchange:
    return Exchange(target=target, elapsed_ms=dns_ms or 0.0, phases=Phases(dns_ms=dns_ms), failure=failure)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
