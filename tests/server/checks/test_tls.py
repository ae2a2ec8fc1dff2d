"""The TLS check against servers with certificates of every sort."""

import asyncio
import datetime
import gc
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appsentry_contract.vocabulary import DOWN_CLASSES

HOME = "127.0.0.1"


def failed(outcome, failure_class):
    assert outcome.failure is not None, outcome
    assert outcome.failure.failure_class == failure_class, outcome.failure
    assert outcome.verdict == ("down" if failure_class in DOWN_CLASSES else "unknown")
    return outcome.failure.message


async def listen(reader, _writer):
    await reader.read()


@pytest.fixture
def handshake(run, listener, outcome_of):
    """The outcome of a TLS check of a server with that context."""

    def looked(context, **settings):
        async def main():
            async with listener(listen, tls=context) as port:
                return await outcome_of("tls", host=HOME, port=port, **settings)

        return run(main())

    return looked


def self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alone")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    encodings = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "alone.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *encodings) + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_certificate_that_verifies_is_up_with_the_time_of_the_handshake(handshake, authority):
    outcome = handshake(authority.context(HOME), tls={"ca": authority.path})

    assert outcome.verdict == "up", outcome
    assert outcome.phases.tls_ms > 0
    assert outcome.phases.connect_ms + outcome.phases.tls_ms <= outcome.response_ms


@pytest.mark.parametrize(
    ("names", "dates", "trusted", "failure_class", "words"),
    [
        ([HOME], {"days": -1}, True, "tls_expired", "certificate has expired"),
        (["app.test"], {}, True, "tls_host", "127.0.0.1"),
        ([HOME], {}, False, "tls_other", "unable to get local issuer certificate"),
        ([HOME], {"issued_days_ago": -2}, True, "tls_other", "not yet valid"),
    ],
)
def test_a_bad_certificate_is_down_and_the_message_says_why(
    handshake, authority, names, dates, trusted, failure_class, words
):
    outcome = handshake(authority.context(*names, **dates), tls={"ca": authority.path} if trusted else {})

    assert words in failed(outcome, failure_class)


def test_a_certificate_that_signed_itself_is_told_so(handshake, tmp_path):
    assert "self-signed" in failed(handshake(self_signed(tmp_path)), "tls_other")


def test_a_certificate_that_does_not_verify_can_be_looked_at(handshake, tmp_path, authority):
    alone = handshake(self_signed(tmp_path), tls={"verify": False}, expect={"days_left": "8d"})
    short = handshake(self_signed(tmp_path), tls={"verify": False}, expect={"days_left": "10d"})
    expired = handshake(authority.context("x", days=-3), tls={"verify": False}, expect={"days_left": "1d"})

    assert alone.verdict == "up"
    assert failed(short, "expectation") == "expected a certificate valid for 10d, found 9.0 d left"
    assert "found one that expired 3.0 d ago" in failed(expired, "expectation")


def test_a_certificate_that_ends_soon_is_degraded(handshake, authority):
    outcome = handshake(authority.context(HOME, days=10), tls={"ca": authority.path}, certificate_degraded_below="14d")

    assert outcome.verdict == "degraded"
    assert outcome.note == "expected a certificate valid for 14d, found 10.0 d left"


def test_a_server_is_asked_for_the_name_it_is_expected_to_have(handshake, authority):
    context = authority.context("shop.test")
    asked = []
    context.sni_callback = lambda _connection, name, _context: asked.append(name)

    outcome = handshake(context, server_name="shop.test.", tls={"ca": authority.path})

    assert outcome.verdict == "up", outcome
    assert asked == ["shop.test"]


def test_a_protocol_that_is_too_old_is_told(handshake, authority):
    context = authority.context(HOME)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    good = handshake(context, tls={"ca": authority.path})
    old = handshake(context, tls={"ca": authority.path}, expect={"protocol": "TLSv1.3"})

    assert good.verdict == "up"
    assert failed(old, "expectation") == "expected TLSv1.3 or newer, found TLSv1.2"


def test_what_is_agreed_on_by_alpn_is_judged(handshake, authority):
    context = authority.context(HOME)
    context.set_alpn_protocols(["h2"])

    agreed = handshake(context, tls={"ca": authority.path}, expect={"alpn": "h2"})
    other = handshake(authority.context(HOME), tls={"ca": authority.path}, expect={"alpn": "h2"})

    assert agreed.verdict == "up"
    assert failed(other, "expectation") == "expected the protocol h2 by ALPN, found none"


def test_an_authority_that_is_no_pem_is_the_monitors_own(handshake, authority, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")

    assert "ca.pem" in failed(handshake(authority.context(HOME), tls={"ca": str(tmp_path / "ca.pem")}), "internal")


async def greet(_reader, writer):
    writer.write(b"220 mail.test ESMTP\r\n")
    await writer.drain()
    writer.write_eof()
    await asyncio.Event().wait()


async def hang_up(reader, _writer):
    await reader.read(1)


async def never(_reader, _writer):
    await asyncio.Event().wait()


async def flood(_reader, writer):
    while True:
        writer.write(b"\x16\x03\x03\x40\x00" + b"\0" * 0x4000)
        await writer.drain()


@pytest.mark.parametrize(
    ("handler", "failure_class", "words"),
    [
        (greet, "tls_other", "wrong version number"),
        (hang_up, "reset", "expected a TLS handshake with"),
        (never, "connect_timeout", "found it unfinished"),
        (flood, "tls_other", "an endless stream of records"),
    ],
)
def test_a_server_that_does_not_shake_hands_is_down_with_the_class_that_says_how(
    run, listener, outcome_of, handler, failure_class, words
):
    async def main():
        async with listener(handler) as port:
            return await outcome_of("tls", host=HOME, port=port, connect_timeout="400ms")

    assert words in failed(run(main()), failure_class)


def test_a_check_that_is_cancelled_in_the_handshake_leaves_no_socket_open(run, client, prepare):
    async def main():
        with socket.socket() as server:
            server.bind((HOME, 0))
            server.listen(50)
            async with client() as http:
                probe = prepare(http, type="tls", host=HOME, port=server.getsockname()[1])
                for turns in range(1, 12):
                    task = asyncio.ensure_future(probe.run())
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                gc.collect()

    run(main())
