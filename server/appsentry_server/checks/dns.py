"""The DNS check: one question to a server, judged by its code and its answers."""

import asyncio
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Final, Literal

import aiodns
import pycares
from pydantic import AfterValidator, Field

from appsentry_contract.vocabulary import FailureClass
from appsentry_server import durations
from appsentry_server.checks import failures
from appsentry_server.checks.answers import Record, records_of
from appsentry_server.checks.excerpts import PLAIN
from appsentry_server.checks.grades import graded
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import CheckSettings, Probe, Settings
from appsentry_server.checks.urls import Target, place
from appsentry_server.durations import Duration
from appsentry_server.results import Failure, Outcome, Phases

_RCODES: Final = {
    pycares.errno.ARES_ENODATA: "NOERROR",
    pycares.errno.ARES_EFORMERR: "FORMERR",
    pycares.errno.ARES_ESERVFAIL: "SERVFAIL",
    pycares.errno.ARES_ENOTFOUND: "NXDOMAIN",
    pycares.errno.ARES_ENOTIMP: "NOTIMP",
    pycares.errno.ARES_EREFUSED: "REFUSED",
}
"""c-ares' words for what a server said. The others say that none could be understood."""

_SHOWN = 10


def _server(written: str) -> str:
    _place_of(written)
    return written


def _place_of(written: str) -> Target:
    bare = written.removeprefix("[").removesuffix("]")
    try:
        return place(str(ip_address(bare)), 53, "dns")
    except ValueError:
        host, _, port = written.rpartition(":")
    try:
        address = str(ip_address(host.removeprefix("[").removesuffix("]")))
        if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65_535):
            raise ValueError(port)
    except ValueError:
        raise ValueError(
            f"expected the address of a DNS server, such as 9.9.9.9 or [2620:fe::fe]:53, found {written[:80]!r}"
        ) from None
    return place(address, int(port), "dns")


def _name(written: str) -> str:
    labels = written.removesuffix(".").split(".")
    fits = all(label and label.isascii() and label.isprintable() and len(label) <= 63 for label in labels)
    if not fits or len(written) > 253 or any(sign in written for sign in "\\ "):
        raise ValueError(f"expected a domain name in ASCII, such as example.org, found {written[:80]!r}")
    return written


class DnsExpectations(Settings):
    """What a server has to say, and what has to be among its answers."""

    rcode: Literal["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"] = "NOERROR"
    answers: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    match: Literal["all", "any", "exactly"] = "all"
    ttl: Annotated[Duration, Field(gt=timedelta(0))] | None = None


class DnsSettings(CheckSettings):
    """A question about `name`, and what the answer has to be."""

    type: Literal["dns"]
    name: Annotated[str, AfterValidator(_name)]
    record: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    server: Annotated[str, AfterValidator(_server)] | None = None
    expect: DnsExpectations = DnsExpectations()
    degraded_above: Annotated[Duration, Field(gt=timedelta(0))] | None = None

    @property
    def asked(self) -> Target | None:
        """The server that is asked, when it is not the system's."""
        return None if self.server is None else _place_of(self.server)

    @property
    def host(self) -> str:
        """The server; of the system's, which are not named, the name that they are asked for."""
        return self.name if self.asked is None else self.asked.host

    @property
    def port(self) -> int | None:
        return None if self.asked is None else self.asked.port


class DnsProbe(Probe):
    """Asks one question, anew each time: no answer is kept."""

    def __init__(self, settings: DnsSettings, client: HttpClient) -> None:
        self._settings = settings
        self._network = client.network

    async def run(self) -> Outcome:
        settings, clock = self._settings, self._network.clock
        asked = settings.asked
        if asked is not None and self._network.rules.refusal(asked.host) is not None:
            return Outcome(verdict="unknown", failure=failures.of_addresses(asked, [asked.host], self._network.rules))
        began = clock.monotonic()
        found = await self._ask(settings.timeout.total_seconds(), asked)
        elapsed_ms = (clock.monotonic() - began) * 1000
        failure = found if isinstance(found, Failure) else self._unmet(found)
        verdict = failures.verdict_of(failure.failure_class) if failure is not None else "up"
        outcome = Outcome(verdict=verdict, response_ms=elapsed_ms, phases=Phases(dns_ms=elapsed_ms), failure=failure)
        return outcome if failure is not None else graded(outcome, slower_than=settings.degraded_above)

    async def _ask(self, timeout_s: float, asked: Target | None) -> tuple[Record, ...] | Failure:
        """The records; none at all when the server said what is expected, and it was no answer."""
        expected = self._settings.expect.rcode
        try:
            records = await self._records(timeout_s, asked)
        except TimeoutError:
            return _failure("dns_timeout", f"{self._question(asked)} within {timeout_s:.3g} s, found none")
        except aiodns.error.DNSError as error:
            code, text = error.args
            found = _RCODES.get(code)
            if found is None:
                return _failure("dns_timeout", f"{self._question(asked)}, found no usable one: {text}")
            return () if found == expected else self._other(found, asked)
        return records if expected == "NOERROR" else self._other("NOERROR", asked)

    async def _records(self, timeout_s: float, asked: Target | None) -> tuple[Record, ...]:
        # A channel of its own: c-ares would keep answers for later.
        resolver = aiodns.DNSResolver([asked.place] if asked is not None else None, timeout=1.0, tries=3)
        try:
            async with asyncio.timeout(timeout_s):
                result = await resolver.query_dns(self._settings.name, self._settings.record)
        finally:
            await resolver.close()
        return records_of(result, self._settings.record)

    def _other(self, found: str, asked: Target | None) -> Failure:
        classes: dict[str, FailureClass] = {"NXDOMAIN": "dns_not_found", "NOERROR": "expectation"}
        expected = self._settings.expect.rcode
        return _failure(classes.get(found, "dns_timeout"), f"{self._question(asked)} with {expected}, found {found}")

    def _question(self, asked: Target | None) -> str:
        server = "the system's DNS" if asked is None else asked.place
        return f"expected an answer from {server} about {self._settings.name} {self._settings.record}"

    def _unmet(self, records: tuple[Record, ...]) -> Failure | None:
        expect = self._settings.expect
        if expect.rcode != "NOERROR":
            return None
        if not records:
            message = f"expected {self._settings.record} records of {self._settings.name}, found that it has none"
            return _failure("dns_not_found", message)
        there = {record.text.lower() for record in records}
        wanted = {_plain(answer, self._settings.record) for answer in expect.answers}
        fits = {"all": wanted <= there, "any": bool(wanted & there), "exactly": wanted == there}
        if wanted and not fits[expect.match]:
            stated = ", ".join(map(PLAIN.quote, expect.answers))
            return _failure("expectation", f"expected {expect.match} of {stated}, found {_shown(records)}")
        shortest = timedelta(seconds=min(record.ttl_s for record in records))
        if expect.ttl is not None and shortest < expect.ttl:
            message = f"expected a TTL of at least {durations.write(expect.ttl)}, found {durations.write(shortest)}"
            return _failure("expectation", message)
        return None


def _plain(answer: str, record: str) -> str:
    """An expected answer as `Record.text` would have it, in lower case."""
    if record in {"A", "AAAA"}:
        try:
            return str(ip_address(answer))
        except ValueError:
            return answer.lower()
    return (answer if record in {"TXT", "CAA"} else answer.removesuffix(".")).lower()


def _shown(records: tuple[Record, ...]) -> str:
    more = f" and {len(records) - _SHOWN} more" if len(records) > _SHOWN else ""
    return ", ".join(PLAIN.quote(record.text) for record in records[:_SHOWN]) + more


def _failure(failure_class: FailureClass, message: str) -> Failure:
    return Failure(failure_class=failure_class, message=message)
