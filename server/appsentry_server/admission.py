"""Who may speak to the server: the token, the page a browser came from, and the host name it used."""

import hmac
import ipaddress
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from appsentry_contract.errors import AppSentryError


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The rules of one server. `token` is read at each question, so that a rotated one counts at once."""

    bound_to: str
    token: Callable[[], str | None]
    origins: Collection[str] = ()
    hosts: Collection[str] = ()

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

    def admits_bearer(self, header: str | None) -> bool:
        """Whether an `Authorization` header carries the token."""
        scheme, _, given = (header or "").partition(" ")
        return self.admits_token(given.strip() if scheme.lower() == "bearer" else None)

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
