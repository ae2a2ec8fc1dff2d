"""Real servers for the checks to look at: raw HTTP, TLS with certificates made on the spot, and DNS."""

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appsentry_server.checks.addresses import AddressRules
from appsentry_server.checks.http import HttpClient
from appsentry_server.checks.kind import Probe
from appsentry_server.checks.resolver import Resolver
from appsentry_server.checks.table import KINDS

UTC = datetime.UTC


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine to its end on a fresh loop, once on each kind of loop."""

    def to_its_end(main):
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(asyncio.wait_for(main, 60))

    return to_its_end


@dataclass
class Request:
    """One request as a server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in pairs if name}


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int = 200, body: bytes | str = b"ok", *headers: str, length: int | None = None) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {size}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass
class Site:
    """A server on loopback that answers each path with fixed bytes, or as a handler does."""

    routes: dict[str, bytes | Handler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    scheme: str = "http"

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        try:
            while not writer.is_closing():
                await self._answer(await self._request(reader, connection), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The check has hung up.
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, connection: int) -> Request:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:]) if name}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(method=method, path=path, headers=headers, body=body, connection=connection)
        self.requests.append(request)
        return request

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        route = self.routes.get(request.path.partition("?")[0], answer(404, "no such page"))
        if isinstance(route, bytes):
            writer.write(route)
            await writer.drain()
        else:
            await route(request, writer)


@contextlib.asynccontextmanager
async def _site(routes=None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Site]:
    site = Site(routes=routes or {"/": answer()}, scheme="https" if tls else "http")
    serving: set[asyncio.Task] = set()

    def connected(reader, writer):
        task = asyncio.get_running_loop().create_task(site.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(connected, host, 0, ssl=tls, backlog=256)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.wait_for(server.wait_closed(), 5)


@pytest.fixture
def site():
    """`async with site({path: answer(...)}) as site` serves until the block ends."""
    return _site


@pytest.fixture(name="answer")
def answer_():
    """Makes the bytes of an HTTP answer."""
    return answer


@dataclass(frozen=True)
class Authority:
    """A certificate authority that issues server contexts."""

    path: str
    folder: object
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def context(self, *names: str, days: float = 30, issued_days_ago: float = 60) -> ssl.SSLContext:
        now = datetime.datetime.now(UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder("the server", key.public_key(), self.certificate.subject)
            .not_valid_before(now - datetime.timedelta(days=issued_days_ago))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = self.folder / f"{certificate.serial_number}.pem"
        file.write_bytes(_private(key) + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _builder(name: str, key, issuer: x509.Name | None = None) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
    return builder.public_key(key).serial_number(x509.random_serial_number())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    """An authority of its own, that nobody else trusts."""
    folder = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(UTC)
    certificate = (
        _builder("AppSentry's tests", key.public_key())
        .not_valid_before(now - datetime.timedelta(days=100))
        .not_valid_after(now + datetime.timedelta(days=100))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "authority.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(path=str(path), folder=folder, certificate=certificate, key=key)


class Dns(asyncio.DatagramProtocol):
    """A DNS server: `names` have IPv4 addresses, `silent` get no answer, `broken` get SERVFAIL, the rest NXDOMAIN."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}
        self.silent: set[str] = set()
        self.broken: set[str] = set()
        self.records: dict[tuple[str, int], list[bytes]] = {}
        """What is answered by name and type, each as it stands in a packet."""
        self.refused: set[str] = set()
        self.garbled: set[str] = set()
        self.ttl = 60
        self.asked: list[str] = []
        self.address = ""
        self._heard = asyncio.Event()

    async def heard(self, *names: str) -> None:
        """Wait until it was asked for each of these names."""
        async with asyncio.timeout(10):
            while not set(names) <= set(self.asked):
                self._heard.clear()
                await self._heard.wait()

    def connection_made(self, transport) -> None:
        self._transport = transport
        self.address = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, query: bytes, sender) -> None:
        name, end = _name(query)
        kind = struct.unpack(">H", query[end : end + 2])[0]
        self.asked.append(name)
        self._heard.set()
        if name in self.silent or name.split(".")[-2:] == ["silent", "test"]:
            return
        if name in self.garbled:
            self._transport.sendto(query[:2] + b"\x81\x80" + b"\xff" * 40, sender)
            return
        addresses = self.names.get(name, []) if kind == 1 else []
        found = [ipaddress.ip_address(address).packed for address in addresses] + self.records.get((name, kind), [])
        known = name in self.names or any(name == one for one, _ in self.records)
        code = 2 if name in self.broken else 5 if name in self.refused else 0 if known else 3
        answers = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, self.ttl, len(one)) + one for one in found)
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(found), 0, 0)
        self._transport.sendto(head + query[12 : end + 4] + answers, sender)


def _name(query: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), at + 1


@contextlib.asynccontextmanager
async def _dns() -> AsyncIterator[Dns]:
    loop = asyncio.get_running_loop()
    transport, dns = await loop.create_datagram_endpoint(Dns, local_addr=("127.0.0.1", 0))
    try:
        yield dns
    finally:
        transport.close()


@pytest.fixture
def dns():
    """`async with dns() as server`; its `address` is what a resolver takes."""
    return _dns


class HeldClock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.at = 0.0

    def now_ms(self):
        return 0

    def monotonic(self):
        return self.at

    async def sleep(self, seconds):
        raise AssertionError("nobody sleeps here")


@pytest.fixture
def held_clock():
    """Makes clocks that stand still."""
    return HeldClock


@contextlib.asynccontextmanager
async def _client(dns: Dns | None = None, **resolver) -> AsyncIterator[HttpClient]:
    client = HttpClient(Resolver(servers=[dns.address] if dns else [], **resolver))
    try:
        yield client
    finally:
        await asyncio.wait_for(client.close(), 2)


@pytest.fixture
def client():
    """`async with client(dns) as client`, closed without waiting at the end."""
    return _client


def _prepare(client: HttpClient, **settings) -> Probe:
    kind = KINDS[settings.setdefault("type", "health")]
    return kind.prepare(kind.settings.model_validate(settings), client)


@pytest.fixture
def prepare():
    """Makes a probe from settings as they stand in the configuration."""
    return _prepare


@pytest.fixture
def outcome_of(client, prepare):
    """Looks once with a check of any kind, and gives the outcome: `await outcome_of("tcp", host=…, port=…)`."""

    async def once(kind: str, *, dns: Dns | None = None, rules: AddressRules | None = None, **settings):
        async with client(dns) as http:
            http.rules = rules or http.rules
            probe = prepare(http, type=kind, **settings)
            try:
                return await probe.run()
            finally:
                probe.close()

    return once


@contextlib.asynccontextmanager
async def _listener(handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    serving: set[asyncio.Task] = set()

    async def serve(reader, writer):
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The check has hung up.
        finally:
            writer.transport.abort()

    def connected(reader, writer):
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.wait_for(server.wait_closed(), 5)


@pytest.fixture
def listener():
    """`async with listener(handler) as port`: a TCP server that does as the handler does, then hangs up."""
    return _listener


@pytest.fixture
def look(run, client, prepare):
    """Serves, looks once with a check, and gives the outcome: `look(url, **settings)` inside `async with`."""

    async def once(url: str, *, dns: Dns | None = None, **settings):
        async with client(dns) as http:
            probe = prepare(http, url=url, **settings)
            try:
                return await probe.run()
            finally:
                probe.close()

    return once
