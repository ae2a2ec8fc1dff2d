"""The one place where a transport error becomes a failure class, with a message of what was expected and found."""

import errno
import os
import ssl
from collections.abc import Mapping, Sequence

import pycurl

from appsentry_contract.vocabulary import DOWN_CLASSES, FailureClass, Verdict
from appsentry_server.checks.addresses import AddressRules
from appsentry_server.checks.resolver import NameNotFound, ResolveError
from appsentry_server.checks.urls import Target
from appsentry_server.results import Failure

_TOO_LARGE = 100
"""CURLE_TOO_LARGE of curl.h, which pycurl does not export: a single header, or what should be one, beyond 100 KiB."""

BY_CURL_CODE: Mapping[int, FailureClass] = {
    pycurl.E_SSL_CONNECT_ERROR: "tls_other",
    pycurl.E_SSL_CIPHER: "tls_other",
    pycurl.E_SSL_ISSUER_ERROR: "tls_other",
    pycurl.E_SSL_INVALIDCERTSTATUS: "tls_other",
    pycurl.E_GOT_NOTHING: "reset",
    pycurl.E_RECV_ERROR: "reset",
    pycurl.E_SEND_ERROR: "reset",
    pycurl.E_PARTIAL_FILE: "reset",
    pycurl.E_UNSUPPORTED_PROTOCOL: "status",  # an answer that is no HTTP is taken for HTTP/0.9, which is refused
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "status",  # for HTTP, too, despite the name
    pycurl.E_BAD_CONTENT_ENCODING: "expectation",
    pycurl.E_WRITE_ERROR: "expectation",  # brotli's decoder gives up so; our own end at the cap is seen to before
    _TOO_LARGE: "too_large",
}
"""Codes whose class does not depend on anything else. Those that stand nowhere are the monitor's own: `internal`."""

BY_CONNECT_ERRNO: Mapping[int, FailureClass] = {
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "connect_timeout",
    errno.ENETUNREACH: "blind",
    errno.ENETDOWN: "blind",
}
"""Why no connection came about. Errors that stand nowhere, such as no more file descriptors, are `internal`."""

BY_STREAM_ERRNO: Mapping[int, FailureClass] = {
    errno.ETIMEDOUT: "reset",  # the kernel gave up on what it had sent
}
"""Where a connection that was there breaks otherwise than one that was not."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE})
_HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)

BY_VERIFY_RESULT: Mapping[int, FailureClass] = {10: "tls_expired", 62: "tls_host", 64: "tls_host"}
"""X509_V_ERR_… of OpenSSL's x509_vfy.h. What stands nowhere is `tls_other`."""

BY_TEXT: Mapping[str, FailureClass] = {
    "subject name": "tls_host",
    "Too large response headers": "too_large",
    "Too many response headers": "too_large",
    " alert ": "tls_other",  # by TLS 1.3 a client learns only when it reads that its handshake was refused
}
"""Parts of libcurl's own words, for what its codes lump together with others."""

_SILENT: Mapping[int, str] = {
    pycurl.E_WRITE_ERROR: "a body that cannot be decompressed",
    _TOO_LARGE: "a header that is too large",
}
"""Words for codes that libcurl has none for."""

_TLS_FOUND: Mapping[FailureClass, str] = {
    "tls_expired": "one that has expired",
    "tls_host": "one for another name",
}


def verdict_of(failure_class: FailureClass) -> Verdict:
    """`down` for what is the application's own, `unknown` for what is the monitor's."""
    return "down" if failure_class in DOWN_CLASSES else "unknown"


def of_name(error: ResolveError) -> Failure:
    """A name that gave no address."""
    return Failure(
        failure_class="dns_not_found" if isinstance(error, NameNotFound) else "dns_timeout", message=str(error)
    )


def unread(target: Target) -> Failure:
    """The deadline passed while what `target` had sent was read."""
    message = f"expected an answer from {target.place} that can be read in time, found one that takes too long"
    return Failure(failure_class="deadline", message=message)


def of_transfer(curl: pycurl.Curl, code: int, target: Target) -> Failure:
    """A transfer with `target` that ended with libcurl's `code`, other than 0."""
    place = target.place
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return _out_of_time(curl, target)
    if code == pycurl.E_COULDNT_CONNECT:
        return _unconnected(curl.getinfo(pycurl.OS_ERRNO), place)
    if code == pycurl.E_PEER_FAILED_VERIFICATION:
        return _unverified(curl.getinfo(pycurl.SSL_VERIFYRESULT), _text(curl), place)
    found = _text(curl) or _SILENT.get(code) or f"libcurl's error {code}"
    failure_class = _by_text(found) or BY_CURL_CODE.get(code, "internal")
    if failure_class == "tls_other" and BY_CONNECT_ERRNO.get(curl.getinfo(pycurl.OS_ERRNO)) == "reset":
        failure_class = "reset"
    return Failure(failure_class=failure_class, message=f"expected a whole answer from {place}, found: {found}")


def of_addresses(target: Target, addresses: Sequence[str], rules: AddressRules) -> Failure:
    """A target whose addresses are all ruled out: it was not asked, so nothing is known about it."""
    found = "; ".join(rules.refusal(address) or address for address in addresses)
    message = f"expected an address of {target.host} that checks may connect to, found {found}"
    return Failure(failure_class="internal", message=message)


def of_connection(error: OSError, target: Target, waited_s: float) -> Failure:
    """A TCP connection that did not come about; a `TimeoutError` of ours has no number."""
    if isinstance(error, TimeoutError) and error.errno is None:
        message = f"expected a connection to {target.place} within {waited_s:.3g} s, found no answer"
        return Failure(failure_class="connect_timeout", message=message)
    if error.errno in _EXHAUSTED:
        return _unconnected(0, target.place)
    return _unconnected(error.errno or 0, target.place)


def unfinished_handshake(target: Target, waited_s: float) -> Failure:
    """A TLS handshake that did not end in time."""
    message = f"expected a TLS handshake with {target.place} within {waited_s:.3g} s, found it unfinished"
    return Failure(failure_class="connect_timeout", message=message)


def of_handshake(error: OSError, target: Target) -> Failure:
    """A TLS handshake with `target` that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unverified(error.verify_code, error.verify_message, target.place)
    if isinstance(error, ssl.SSLError) and not isinstance(error, _HUNG_UP):
        message = f"expected a TLS handshake with {target.place}, found: {_words(error)}"
        return Failure(failure_class="tls_other", message=message)
    found = "that it hung up" if isinstance(error, ssl.SSLError) else _words(error)
    failure_class = "reset" if isinstance(error, ssl.SSLError) else BY_CONNECT_ERRNO.get(error.errno or 0, "internal")
    return Failure(failure_class=failure_class, message=f"expected a TLS handshake with {target.place}, found: {found}")


def endless_tls(target: Target) -> Failure:
    """TLS that goes on and on and says nothing."""
    message = f"expected TLS from {target.place} that comes to something, found an endless stream of records"
    return Failure(failure_class="tls_other", message=message)


def of_stream(error: OSError, target: Target) -> Failure:
    """A connection with `target` that broke after it was there. By TLS 1.3 a refused handshake is learnt only now."""
    if isinstance(error, ssl.SSLError):
        failure_class: FailureClass = "reset" if isinstance(error, _HUNG_UP) else "tls_other"
    else:
        failure_class = BY_STREAM_ERRNO.get(error.errno or 0) or BY_CONNECT_ERRNO.get(error.errno or 0, "internal")
    return Failure(
        failure_class=failure_class, message=f"expected a whole answer from {target.place}, found: {_words(error)}"
    )


def unanswered(target: Target, waited_s: float, *, begun: bool) -> Failure:
    """The deadline passed on a connection that was there."""
    found = "an unfinished answer" if begun else "no answer"
    message = f"expected a whole answer from {target.place} within {waited_s:.3g} s, found {found}"
    return Failure(failure_class="deadline", message=message)


def out_of_time(target: Target) -> Failure:
    """The deadline passed before there was anything to wait for."""
    return Failure(
        failure_class="deadline", message=f"expected an answer from {target.place}, found no time left to ask"
    )


def _out_of_time(curl: pycurl.Curl, target: Target) -> Failure:
    place = target.place
    waited = f"within {curl.getinfo(pycurl.TOTAL_TIME):.3g} s"
    # A connection that a session uses again has no times of its own, but it has a port.
    fresh = curl.getinfo(pycurl.CONNECT_TIME) > 0
    if not fresh and curl.getinfo(pycurl.LOCAL_PORT) <= 0:
        message = f"expected a connection to {place} {waited}, found no answer"
        return Failure(failure_class="connect_timeout", message=message)
    if fresh and target.scheme == "https" and not curl.getinfo(pycurl.APPCONNECT_TIME):
        message = f"expected a TLS handshake with {place} {waited}, found it unfinished"
        return Failure(failure_class="connect_timeout", message=message)
    found = "an unfinished answer" if curl.getinfo(pycurl.RESPONSE_CODE) else "no answer"
    return Failure(failure_class="deadline", message=f"expected a whole answer from {place} {waited}, found {found}")


def _unconnected(code: int, place: str) -> Failure:
    # libcurl leaves 0 when it got no socket to begin with.
    found = os.strerror(code) if code else "that no socket could be made: are there file descriptors left?"
    message = f"expected a connection to {place}, found: {found}"
    return Failure(failure_class=BY_CONNECT_ERRNO.get(code, "internal"), message=message)


def _words(error: OSError) -> str:
    # OpenSSL's reason without the place in its source.
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or type(error).__name__


def _unverified(result: int, text: str, place: str) -> Failure:
    failure_class = BY_VERIFY_RESULT.get(result) or _by_text(text) or "tls_other"
    found = _TLS_FOUND.get(failure_class, "one that cannot be trusted")
    message = f"expected a valid certificate from {place}, found {found}: {text}"
    return Failure(failure_class=failure_class, message=message)


def _text(curl: pycurl.Curl) -> str:
    # Raw, because a target's own bytes may be in it.
    text: bytes = curl.errstr_raw()
    return text.decode(errors="replace")


def _by_text(text: str) -> FailureClass | None:
    return next((failure_class for part, failure_class in BY_TEXT.items() if part in text), None)
