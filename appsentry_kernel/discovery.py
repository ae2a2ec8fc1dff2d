"""Which server to speak to when nobody says: the environment's, one that runs nearby, or the default address."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from appsentry_contract.instants import from_wire

DEFAULT_URL = "http://127.0.0.1:3001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server's base address, with its token, and in words how it was found."""

    url: str
    token: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearby:
    """A server of this user that runs on this machine, as it announced itself."""

    url: str
    token_file: Path | None
    started_ms: int


def address(url: str | None, token: str | None, environment: Mapping[str, str]) -> Address:
    """The server to speak to: the one named, else `APPSENTRY_URL`, else the newest nearby, else the default.

    A token that is not given comes from `APPSENTRY_TOKEN`, or from the token file of the nearby server at that address.
    Raises `ValueError` for an address that is none.
    """
    if url is not None:
        found, source = normal(url), "the url= you gave"
    elif environment.get("APPSENTRY_URL"):
        found, source = normal(environment["APPSENTRY_URL"]), "APPSENTRY_URL"
    elif (newest := next(nearby(environment), None)) is not None:
        found, source = newest.url, "a server running nearby"
    else:
        found, source = DEFAULT_URL, "the default"
    token = token or environment.get("APPSENTRY_TOKEN") or _token_nearby(found, environment)
    return Address(url=found, token=token, source=source)


def normal(url: str) -> str:
    """The base address without a slash at its end, `http://` put before a bare host."""
    text = url if "://" in url else f"http://{url}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no server address: give one like {DEFAULT_URL}")
    if parts.username or parts.password:
        raise ValueError("a server address carries no user or password: give the token as token=")
    return text.rstrip("/")


def nearby(environment: Mapping[str, str]) -> Iterator[Nearby]:
    """The servers of this user that announce themselves and whose process is alive, newest first."""
    folder = _folder(environment)
    # Anyone may make a folder of this name in a shared temporary directory: only one's own is believed.
    if not folder.is_dir() or folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        return
    found = [server for file in folder.glob("*.json") if _alive(file.stem) and (server := _read(file)) is not None]
    yield from sorted(found, key=lambda server: server.started_ms, reverse=True)


def _folder(environment: Mapping[str, str]) -> Path:
    runtime = Path(environment.get("XDG_RUNTIME_DIR", ""))
    # The standard asks for an absolute path, and to ignore any other.
    if runtime.is_absolute():
        return runtime / "appsentry"
    return Path(tempfile.gettempdir()) / f"appsentry-{os.getuid()}"


def _alive(pid: str) -> bool:
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(file: Path) -> Nearby | None:
    """The announcement, or None for one that is half written or not of this form."""
    try:
        said = json.loads(file.read_text())
        token_file = said["token_file"]
        return Nearby(
            url=normal(said["url"]),
            token_file=Path(token_file) if token_file else None,
            started_ms=from_wire(said["started_at"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _token_nearby(url: str, environment: Mapping[str, str]) -> str | None:
    files = [server.token_file for server in nearby(environment) if server.url == url and server.token_file]
    try:
        return files[0].read_text().strip() or None if files else None
    except OSError:
        return None
