"""Web addresses: which are accepted, where they point, and what counts as the same origin."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from socket import inet_aton, inet_ntoa
from typing import Annotated
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from pydantic import AfterValidator, Field

Origin = tuple[str, str, int]
"""Scheme, host and port."""

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_LONGEST_HOST = 253
_LONGEST = 8192
# What may stand in an address as it is: the reserved and unreserved of RFC 3986, and % of what is already quoted.
_SAFE = ":/?#[]@!$&'()*+,;=-._~%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An http or https address taken apart; `host` is in lower case, in ASCII, and without the brackets of IPv6."""

    url: str
    scheme: str
    host: str
    port: int
    place: str
    """`host:port`, with brackets around IPv6."""
    fragment: str = field(default="", compare=False)
    """What stood behind the `#`. It is never sent."""

    @property
    def written(self) -> str:
        """The address with its fragment, for messages: a secret that holds a `#` must be whole to be masked."""
        return f"{self.url}#{self.fragment}" if self.fragment else self.url

    @property
    def origin(self) -> Origin:
        """What browsers call an origin."""
        return self.scheme, self.host, self.port


def target(url: str) -> Target:
    """Take an absolute address apart; the fragment is kept apart. Raises `ValueError` that says what was expected."""
    if len(url) > _LONGEST:
        raise ValueError(f"expected an address of at most {_LONGEST} characters, found {len(url)}")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _ascii(parts.hostname or "")
    except ValueError:
        raise ValueError(
            "expected an address such as https://example.org/health, found one that cannot be read"
        ) from None
    if parts.scheme not in _PORTS:
        found = repr(parts.scheme) if parts.scheme else "none"
        raise ValueError(f"expected an address that starts with http:// or https://, found the scheme {found}")
    if not host:
        raise ValueError("expected an address with a host, such as https://example.org/health, found none")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without a user name or password before the host, found one")
    port = _PORTS[parts.scheme] if port is None else port
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == _PORTS[parts.scheme] else f"{shown}:{port}"
    path, query, fragment = (quote(part, safe=_SAFE) for part in (parts.path or "/", parts.query, parts.fragment))
    whole = urlunsplit((parts.scheme, authority, path, query, ""))
    return Target(url=whole, scheme=parts.scheme, host=host, port=port, place=f"{shown}:{port}", fragment=fragment)


def hostname(written: str) -> str:
    """A host name or a literal address in lower case, ASCII and without brackets. Raises `ValueError`."""
    bare = written[1:-1] if written.startswith("[") and written.endswith("]") else written
    try:
        host = _ascii(bare.lower())
        if ":" not in host:
            # Labels that are empty or too long are no name to look up, nor one to ask for by TLS.
            host.removesuffix(".").encode("idna")
    except ValueError:
        host = ""
    if not host:
        raise ValueError(f"expected a host name or an address, such as db.example.org, found {written[:80]!r}")
    return host


def place(host: str, port: int, scheme: str = "tcp") -> Target:
    """A host, as `hostname` gives it, and a port as a target that is no web address."""
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Target(url=f"{scheme}://{shown}", scheme=scheme, host=host, port=port, place=shown)


def relative(base: Target, reference: str) -> Target:
    """Where `reference` leads from `base`, as a browser reads it. Raises `ValueError` as `target` does."""
    return target(urljoin(base.url, reference.strip()))


def kin(start: Target) -> frozenset[Origin]:
    """The origins that may be given what is meant for `start`: its own, and its host's https at the usual ports."""
    upgraded = {("https", start.host, 443)} if start.origin == ("http", start.host, 80) else set()
    return frozenset({start.origin, *upgraded})


def _ascii(host: str) -> str:
    # A zone behind % names an interface of this machine, which is no business of an address.
    if len(host) > _LONGEST_HOST or "%" in host:
        raise ValueError(host)
    if ":" in host:
        return str(ip_address(host))
    host = host if host.isascii() else host.encode("idna").decode("ascii")
    if host and (not _HOST.fullmatch(host) or len(host) > _LONGEST_HOST):
        raise ValueError(host)
    return _dotted(host)


def _dotted(host: str) -> str:
    """`2130706433`, `0x7f.1` and `127.0.0.1.` as libcurl and browsers read them: 127.0.0.1. Names stay as they are."""
    try:
        return inet_ntoa(inet_aton(host.removesuffix(".")))
    except OSError:
        return host


def _valid(url: str) -> str:
    target(url)
    return url


HostName = Annotated[str, AfterValidator(hostname)]
"""A pydantic field that holds a host name or a literal address."""

Port = Annotated[int, Field(ge=1, le=65_535, strict=True)]

WebUrl = Annotated[str, AfterValidator(_valid)]
"""A pydantic field that holds an absolute http or https address with a host and without credentials."""
