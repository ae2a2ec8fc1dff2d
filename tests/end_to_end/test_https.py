"""https: the server's own certificate, a new one while it runs, and a notebook that trusts it."""

import datetime
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CONNECT = """
import appsentry_kernel as sentry
s = sentry.connect(url={url!r})
print(list(s.applications.index), s.run_tests_sync(["shop"]).state, len(s.history("1h")) > 0)
s.close()
"""


def certificate(folder, serial):
    """Writes a certificate for loopback that vouches for itself; gives the paths of it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.pem", folder / "server.key"
    paths[1].touch(mode=0o600)
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def shown(url, *, version=None):
    """The serial number of the certificate that the server shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as line,
    ):
        return x509.load_der_x509_certificate(line.getpeercert(binary_form=True)).serial_number


@pytest.fixture
def server(place, target):
    """A server on https, and the paths of its certificate and key."""
    place.configure(target.application("shop"))
    paths = certificate(place.folder, 1)
    return place.serve("--tls-certificate", str(paths[0]), "--tls-key", str(paths[1]))


def test_a_notebook_connects_with_the_authority_of_its_environment(place, server):
    assert server.url.startswith("https://127.0.0.1:")
    url = server.url.replace("127.0.0.1", "localhost")
    environment = {**place.environment, "SSL_CERT_FILE": str(place.folder / "server.pem")}
    command = [sys.executable, "-c", CONNECT.format(url=url)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "['shop'] completed True\n", done.stderr
    run = place.start("run", "--url", url, SSL_CERT_FILE=str(place.folder / "server.pem"))
    assert run.ended() == 0, run.err
    stranger = subprocess.run(command, env=place.environment, capture_output=True, text=True, timeout=120, check=False)
    assert stranger.returncode == 1
    assert "ServerUnreachable" in stranger.stderr
    assert "its certificate is not trusted (self-signed certificate)" in stranger.stderr
    assert "SSL_CERT_FILE" in stranger.stderr
    assert server.signal(signal.SIGTERM) == 0


def test_nothing_older_than_tls_1_2_is_spoken_and_no_http(server):
    assert shown(server.url, version=ssl.TLSVersion.TLSv1_3) == shown(server.url, version=ssl.TLSVersion.TLSv1_2) == 1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"), pytest.raises((ssl.SSLError, ConnectionError)):
        shown(server.url, version=ssl.TLSVersion.TLSv1_1)
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=60) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionError):
            assert not plain.recv(100).startswith(b"HTTP")


def test_a_new_certificate_is_taken_up_and_a_bad_one_is_not(place, server, eventually):
    certificate(place.folder, 2)
    eventually(lambda: shown(server.url) == 2)
    good = (place.folder / "server.key").read_bytes()
    certificate(place.folder, 3)
    (place.folder / "server.key").write_bytes(good)
    eventually(lambda: "the new certificate is bad" in server.err)
    assert shown(server.url) == 2


def test_what_cannot_serve_https_is_refused(place, target):
    place.configure(target.application("shop"))
    good, key = certificate(place.folder, 1)
    (place.folder / "empty").touch(mode=0o600)
    for words, why in (
        (("--tls-certificate", str(good)), "go together"),
        (("--tls-certificate", str(place.folder / "none"), "--tls-key", str(key)), "cannot be used"),
        (("--tls-certificate", str(good), "--tls-key", str(place.folder / "empty")), "cannot be used"),
    ):
        process = place.start("serve", "--port", "0", *words)
        assert process.ended() == 2
        assert why in process.err
        assert process.err.count("\n") == 1
    key.chmod(0o644)
    process = place.start("serve", "--port", "0", "--tls-certificate", str(good), "--tls-key", str(key))
    assert process.ended() == 2
    assert f"chmod 600 {key}" in process.err
