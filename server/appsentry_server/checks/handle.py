"""libcurl's easy handles: the options that never change, and what a finished transfer tells."""

import math
from pathlib import Path
from ssl import get_default_verify_paths

import pycurl
from pydantic import FilePath, ValidationInfo, field_validator

from appsentry_contract import __version__
from appsentry_server.checks.exchange import BODY_CAP
from appsentry_server.checks.kind import Settings
from appsentry_server.results import Phases

_MOST_RECEIVED = 8 * BODY_CAP
"""Bytes of a body as it is sent: what is decompressed to nothing has an end too."""

_LONGEST_CONTENT_TYPE = 200


class TlsSettings(Settings):
    """Whether the server's certificate is verified, and by which authorities."""

    verify: bool = True
    ca: FilePath | None = None

    @field_validator("ca", mode="before")
    @classmethod
    def _beside_the_configuration(cls, path: object, info: ValidationInfo) -> object:
        """A relative path starts at the configuration's own folder, as those of references do."""
        directory = (info.context or {}).get("directory")
        return Path(directory) / path if directory and isinstance(path, str) else path


def easy_handle(tls: TlsSettings, connect_s: float) -> pycurl.Curl:
    """A handle for fresh connections that never resolves a name itself and heeds no environment."""
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
        pycurl.MAXFILESIZE_LARGE: _MOST_RECEIVED,
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


def phases_of(curl: pycurl.Curl, dns_ms: float | None) -> Phases:
    """The phases of the transfer that has just ended, with the time that the name took."""
    # Microseconds from the start of the transfer to the end of each phase; 0 when it was not reached. On a connection
    # that is reused in a session there are no connect and TLS phases.
    fresh = curl.getinfo(pycurl.NUM_CONNECTS) > 0
    connect = curl.getinfo(pycurl.CONNECT_TIME_T) if fresh else 0
    tls = curl.getinfo(pycurl.APPCONNECT_TIME_T) if fresh else 0
    # libcurl sets the time of the first byte even when none came.
    first = curl.getinfo(pycurl.STARTTRANSFER_TIME_T) if curl.getinfo(pycurl.RESPONSE_CODE) else 0
    return Phases(
        dns_ms=dns_ms,
        connect_ms=connect / 1000 if connect else None,
        tls_ms=(tls - connect) / 1000 if tls else None,
        first_byte_ms=(first - (tls or connect)) / 1000 if first else None,
        transfer_ms=(curl.getinfo(pycurl.TOTAL_TIME_T) - first) / 1000 if first else None,
    )


def content_type_of(curl: pycurl.Curl) -> str | None:
    """The Content-Type, if there was one."""
    sent = _text(curl.getinfo_raw(pycurl.CONTENT_TYPE))
    return sent[:_LONGEST_CONTENT_TYPE] if sent else None


def location_of(curl: pycurl.Curl) -> str | None:
    """Where a redirect points, absolute."""
    return _text(curl.getinfo_raw(pycurl.REDIRECT_URL))


def _text(sent: bytes | None) -> str | None:
    # Raw, because a target may send any bytes.
    return sent.decode(errors="replace") if sent else None
