"""Who may speak to the server: the token, the page a browser came from, and the host name it used."""

import hmac
import ipaddress
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from math import ceil
from urllib.parse import urlsplit

from appsentry_contract.errors import AppSentryError
from appsentry_server.attempts import Attempts


class OpenBindRefused(AppSentryError, ValueError):
    """The server would listen beyond loopback with nothing to keep strangers out."""


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def bearer(header: str | None) -> str | None:
    """The token of an `Authorization` header, if there is one."""
    scheme, _, given = (header or "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether somebody is let in; if not, why, and after how many seconds to come again when it is too soon."""

    problem: str | None = None
    retry_after_s: int | None = None

    @property
    def admitted(self) -> bool:
        """Whether somebody is let in."""
        return self.problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The rules of one server. `token` is read at each question, so that a rotated one counts at once."""

    bound_to: str
    token: Callable[[], str | None]
    origins: Collection[str] = ()
    hosts: Collection[str] = ()
    proxies: Collection[str] = ()
    attempts: Attempts = field(default_factory=Attempts)

    def check_bind(self) -> None:
        """Refuse to listen beyond loopback without a token, or anywhere with an empty one. Raises `OpenBindRefused`."""
        token = self.token()
        if token == "":
            raise OpenBindRefused("the token is empty: write one to where it is kept, or start without --token-file")
        if token is None and not is_loopback(self.bound_to):
            raise OpenBindRefused(
                f"refusing to listen on {self.bound_to} without a token: give --token-file, or bind to 127.0.0.1"
            )

    def admits_token(self, given: object) -> bool:
        """Whether this is the token, compared in constant time; anything is when there is none."""
        token = self.token()
        if token is None:
            return True
        # A file that is just being rewritten is empty for a moment, and then lets nobody in.
        return token != "" and isinstance(given, str) and hmac.compare_digest(given.encode(), token.encode())

    @property
    def asks_for_token(self) -> bool:
        """Whether a token is needed."""
        return self.token() is not None

    def judge(self, given: object, address: str, now: float) -> Verdict:
        """Whether somebody at this address is let in with this; wrong tokens are counted against it.

        An address that has shown too many is not listened to, not even with the right token: otherwise guessing would
        go on at full speed, and only the success would tell.
        """
        if not isinstance(given, str):
            return Verdict() if self.admits_token(given) else Verdict(problem="no token was given")
        if barred_s := self.attempts.barred_s(address, now):
            return Verdict(
                problem=f"too many wrong tokens from {address}: wait {ceil(barred_s)} s", retry_after_s=ceil(barred_s)
            )
        if self.admits_token(given):
            return Verdict()
        self.attempts.wrong(address, given, now)
        return Verdict(problem="the token is wrong")

    def address(self, peer: str, forwarded: Sequence[str]) -> str:
        """Who is behind a connection: its peer, or whom the proxies of `server.proxies` say they speak for.

        `forwarded` is every `X-Forwarded-For`; what stands there left of an address that is no such proxy was
        written by that address, and may be a lie.
        """
        hops = [hop.strip() for line in forwarded for hop in line.split(",") if hop.strip()]
        while peer in self.proxies and hops:
            peer = hops.pop()
        return peer[:100]

    def admits_host(self, host: str | None) -> bool:
        """Whether a `Host` header names this server, and not a page's own domain that was pointed here."""
        try:
            name = urlsplit(f"//{host or ''}").hostname
        except ValueError:
            return False
        if name is None:
            return False
        if not is_loopback(self.bound_to) and not self.hosts:
            return True
        return name in self.hosts or is_loopback(name) or name == self.bound_to

    def admits_origin(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this origin may talk to the server; programs send none and may."""
        if origin is None or origin in self.origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            return False
        if is_loopback(self.bound_to) and is_loopback(parts.hostname):
            return True
        return parts.netloc == host
