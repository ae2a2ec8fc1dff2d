"""OpenSSL's contexts for streams: what a check demands of TLS, as it is demanded for HTTP."""

import ssl
from functools import lru_cache
from pathlib import Path

from appsentry_server.checks.sockets import Broken
from appsentry_server.results import Failure


def context(*, verify: bool, ca: Path | None, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """A context that trusts `ca`, or the system's authorities. `Broken`, of the monitor's own, when they are no PEM."""
    try:
        # Authorities that were renewed in place are read anew.
        return _context(verify, ca, ca.stat().st_mtime_ns if ca is not None else 0, alpn)
    except OSError as error:
        message = f"expected a PEM file of authorities in {ca}, found: {error.strerror or error}"
        raise Broken(Failure(failure_class="internal", message=message)) from None


@lru_cache(maxsize=256)
def _context(verify: bool, ca: Path | None, _changed: int, alpn: tuple[str, ...]) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As libcurl does it: what stands in `ca` is trusted, also when others vouch for it.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # A resumed session would make tls_ms incomparable; there is never one to resume.
    made.options |= ssl.OP_NO_TICKET
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif ca is not None:
        made.load_verify_locations(ca)
    else:
        made.load_default_certs()
    return made
