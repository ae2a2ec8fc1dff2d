"""Targets as bad as they come, a DNS server among them, in a process of their own: `python hostile.py FOLDER`.

It prints one line of JSON, `{"dns": "IP:PORT", "ports": {name: port}}`, and ends with its input. The folder gets
`authority.pem`, the authority of those certificates that have one.
"""

import asyncio
import json
import ssl
import sys
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Writer = asyncio.StreamWriter
Handler = Callable[[Writer], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


def says(*sent: bytes) -> Handler:
    """Sends this and hangs up."""

    async def handler(writer: Writer) -> None:
        for part in sent:
            writer.write(part)
        await writer.drain()

    return handler


def pours(begin: bytes, again: bytes, every_s: float = 0) -> Handler:
    """Sends the beginning, then the other for ever, as fast as it is taken or so often."""

    async def handler(writer: Writer) -> None:
        writer.write(begin)
        while not writer.is_closing():
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(every_s)

    return handler


def body(content: bytes, *headers: str) -> bytes:
    lines = "".join(f"{header}\r\n" for header in (f"Content-Length: {len(content)}", *headers))
    return OK + lines.encode() + b"\r\n" + content


def leads(where: str) -> Handler:
    return says(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())


async def waits(_writer: Writer) -> None:
    await asyncio.Event().wait()


async def hangs_up(_writer: Writer) -> None:
    return


def bomb() -> bytes:
    """256 MiB of zeros, gzipped."""
    packing = zlib.compressobj(9, wbits=31)
    return b"".join(packing.compress(bytes(1 << 20)) for _ in range(256)) + packing.flush()


GZIP = OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

HANDLERS: dict[str, Handler] = {
    "healthy": says(body(b"fine")),
    "a gigabyte": pours(OK + b"Content-Length: 1000000000\r\n\r\n", bytes(65_536)),
    "five megabytes": pours(OK + b"Content-Length: 5000000\r\n\r\n", bytes(65_536)),
    "a body without end": pours(OK + b"\r\n", bytes(65_536)),
    "a gzip bomb": says(body(bomb(), "Content-Encoding: gzip")),
    "gzip of nothing without end": pours(GZIP, b"\x00\x00\x00\xff\xff" * 13_000),
    "a gzip header without end": pours(GZIP[:-7] + b"\x08" + GZIP[-6:], b"n" * 65_536),
    "no brotli": says(body(b"\xff" * 100, "Content-Encoding: br")),
    "fifty encodings": says(body(b"x", "Content-Encoding: " + "gzip, " * 50)),
    "a slow body": pours(OK + b"Content-Length: 1000\r\n\r\n", b".", every_s=1),
    "slow headers": pours(OK, b"X", every_s=1),
    "a chunk's name without end": pours(CHUNKED + b"5;", b"x" * 65_536),
    "trailers without end": pours(CHUNKED + b"0\r\n", b"X-T: y\r\n" * 8_000),
    "headers without end": pours(OK, b"X-T: y\r\n" * 8_000),
    "large headers": pours(OK, b"X-T: " + b"y" * 60_000 + b"\r\n"),
    "a header without end": pours(OK + b"X: ", b"x" * 65_536),
    "a status line without end": pours(b"HTTP/1.1 200 ", b"x" * 65_536),
    "hints without end": pours(b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 2_000),
    "continue without end": pours(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000),
    "no UTF-8": says(body(b"\xff\xfe\x80 fin")),
    "a NUL in the body": says(body(b"fi\0ne")),
    "a NUL in a header": says(body(b"fine", "X: a\0b")),
    "no HTTP": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "noise": pours(b"", bytes(range(128, 256)) * 100),
    "a length too long": says(OK + b"Content-Length: 100\r\n\r\nfine"),
    "a length too short": says(OK + b"Content-Length: 2\r\n\r\nfine"),
    "a length below zero": says(OK + b"Content-Length: -5\r\n\r\nfine"),
    "a charset that is no text": says(body(b"fin", "Content-Type: text/plain; charset=zlib")),
    "a charset that takes long": says(body(b"xn--" + b"a" * 900_000, "Content-Type: text/plain; charset=punycode")),
    "deep JSON": says(body(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}")),
    "JSON of small arrays": says(body(b"[" + b"[[]]," * 200_000 + b"0]")),
    "hanging up": hangs_up,
    "no answer": waits,
    "a redirect to itself": leads("/"),
    "a redirect to metadata": leads("http://169.254.169.254/latest/meta-data/"),
    "a redirect to metadata, mapped": leads("http://[::ffff:a9fe:a9fe]/"),
    "a redirect to metadata as a number": leads("http://2852039166/"),
    "a redirect to a file": leads("file:///etc/passwd"),
    "a login page that nests without end": says(body(b"<div>" * 200_000)),
    "a login page of one tag": says(body(b"<input " + b" ".join(b"a%d" % n for n in range(150_000)) + b">")),
}


class Authority:
    """Issues certificates for 127.0.0.1 that are wrong in one way or another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AppSentry's tests")])
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        builder = self._builder(self._name, self._key, (-100, 100)).add_extension(constraint, critical=True)
        (folder / "authority.pem").write_bytes(self._pem(builder.sign(self._key, hashes.SHA256())))

    def context(self, days: tuple[int, int] = (-60, 30), host: str = "127.0.0.1", trusted: bool = True):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a target")])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        builder = self._builder(subject, key, days, issuer=self._name if trusted else subject)
        certificate = builder.add_extension(names, critical=False).sign(self._key if trusted else key, hashes.SHA256())
        file = self._folder / f"{certificate.serial_number}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + self._pem(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    @staticmethod
    def _builder(subject, key, days, issuer=None):
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return builder.not_valid_before(now + timedelta(days[0])).not_valid_after(now + timedelta(days[1]))

    @staticmethod
    def _pem(certificate: x509.Certificate) -> bytes:
        return certificate.public_bytes(serialization.Encoding.PEM)


class Dns(asyncio.DatagramProtocol):
    """Silent about names below `silent.test`, SERVFAIL for those below `broken.test`, NXDOMAIN for all others."""

    def connection_made(self, transport) -> None:
        self._transport = transport

    def datagram_received(self, query: bytes, sender) -> None:
        if b"\x06silent" in query.lower():
            return
        code = 2 if b"\x06broken" in query.lower() else 3
        question = query[12 : query.index(b"\0", 12) + 5]
        head = query[:2] + (0x8180 | code).to_bytes(2, "big") + b"\0\1" + bytes(6)
        self._transport.sendto(head + question, sender)


async def serve(handler: Handler, context: ssl.SSLContext | None = None) -> int:
    """Serve on a free port until the process ends. It listens to a request before it misbehaves."""

    async def connected(reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await handler(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The check has hung up, as it should.
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context, backlog=512)
    return server.sockets[0].getsockname()[1]


async def main(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # Handshakes that fail are what is wanted.
    authority = Authority(folder)
    contexts = {
        "a good certificate": authority.context(),
        "an expired certificate": authority.context((-60, -1)),
        "a certificate that is not valid yet": authority.context((1, 30)),
        "a certificate for another host": authority.context(host="127.0.0.2"),
        "a self-signed certificate": authority.context(trusted=False),
    }
    ports = {name: await serve(handler) for name, handler in HANDLERS.items()}
    ports |= {name: await serve(HANDLERS["healthy"], context) for name, context in contexts.items()}
    silent = await asyncio.start_server(lambda _reader, _writer: waits(_writer), "127.0.0.1", 0)
    ports["a TLS handshake that hangs"] = silent.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(Dns, local_addr=("127.0.0.1", 0))
    address, port = transport.get_extra_info("sockname")
    print(json.dumps({"dns": f"{address}:{port}", "ports": ports}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
