"""What a check asks, beside where: method, headers and body, and what is left of them behind a redirect."""

from dataclasses import dataclass, field, replace

import pycurl

from appsentry_server.checks.excerpts import PLAIN, Quoter

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ANNOUNCES_A_LENGTH = frozenset({"POST", "PUT", "PATCH"})
_OF_THE_BODY = frozenset({"content-encoding", "content-language", "content-location", "content-type"})
_GOES_ABROAD = frozenset({"accept", "accept-language", "cache-control", "pragma", "user-agent"})
"""Headers that another origin is sent as well, unless their value is a secret. A list of what is harmless, because no
list of what is not would know an application's own `X-Api-Key`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One header; `secret` when its value came from a reference."""

    name: str
    value: str = field(repr=False)
    secret: bool = False

    @property
    def line(self) -> bytes:
        """As libcurl takes it: an empty value is written with a semicolon, for a colon would remove the header."""
        return (f"{self.name}: {self.value}" if self.value.strip() else f"{self.name};").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked. `quoter` masks the secrets in it in every message about the answer."""

    method: str = "GET"
    headers: tuple[Header, ...] = ()
    body: bytes | None = field(default=None, repr=False)
    quoter: Quoter = field(default=PLAIN, repr=False, compare=False)

    @property
    def safe(self) -> bool:
        """Whether it changes nothing where it arrives, so that a redirect may take it anywhere."""
        return self.method in _SAFE

    def redirected(self, status: int) -> "Request":
        """What is asked next, by the rules of browsers: 303, and 301 and 302 of a POST, are asked by GET."""
        becomes_get = self.method not in {"GET", "HEAD"} if status == 303 else self.method == "POST" and status < 303
        if not becomes_get:
            return self
        headers = tuple(header for header in self.headers if header.name.lower() not in _OF_THE_BODY)
        return replace(self, method="GET", headers=headers, body=None)

    def abroad(self) -> "Request":
        """What another origin is asked: without whatever may be meant for the first one alone."""
        headers = tuple(header for header in self.headers if header.name.lower() in _GOES_ABROAD and not header.secret)
        return self if headers == self.headers else replace(self, headers=headers)

    def put_on(self, curl: pycurl.Curl) -> None:
        """Make `curl` ask this and nothing that it was asked before."""
        curl.setopt(pycurl.NOBODY, 0)
        # The body before may have held what is not for the next origin, and libcurl keeps it behind a GET.
        curl.setopt(pycurl.POSTFIELDS, self.body or b"")
        headers = [header.line for header in self.headers]
        if self.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif self.body is None and self.method not in _ANNOUNCES_A_LENGTH:
            curl.setopt(pycurl.HTTPGET, 1)
        elif self.body is None:
            headers.append(b"Content-Type:")  # libcurl would name one of its own
        if self.method in {"GET", "HEAD", "POST"}:
            curl.unsetopt(pycurl.CUSTOMREQUEST)
        else:
            curl.setopt(pycurl.CUSTOMREQUEST, self.method)
        curl.setopt(pycurl.HTTPHEADER, headers)


GET = Request()
"""What is asked when nothing else is configured; a new handle asks it by itself."""
