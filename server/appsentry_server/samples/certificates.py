"""A certificate authority made on the spot, and a certificate for loopback that it signed."""

import ssl
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from appsentry_contract.instants import to_datetime

_LIFETIME = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """PEM texts: the authority to trust, and the server's own certificate with its key."""

    authority: bytes
    chain: bytes
    key: bytes


def make_certificate(*, now_ms: int, left: timedelta) -> Certificate:
    """A certificate for `localhost` and 127.0.0.1 that expires `left` from now; negative when it already has."""
    expires = to_datetime(now_ms) + left
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AppSentry sample authority")])
    public = authority_key.public_key()
    authority = (
        _builder(authority_name, authority_name, public)
        .not_valid_before(expires - 2 * _LIFETIME)
        .not_valid_after(expires + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_KEY_USAGE, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    loopback = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        _builder(name, authority_name, key.public_key())
        .not_valid_before(expires - _LIFETIME)
        .not_valid_after(expires)
        .add_extension(x509.SubjectAlternativeName(loopback), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return Certificate(
        authority=authority.public_bytes(Encoding.PEM),
        chain=certificate.public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """What a TLS server needs to show the certificate. The key touches the disk only while it is read."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "server.pem"
        path.write_bytes(certificate.key + certificate.chain)
        context.load_cert_chain(path)
    return context


def _builder(subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
    )


_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
