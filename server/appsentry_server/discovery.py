"""The note a running server leaves for notebooks and commands of the same user on the same machine."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson

from appsentry_contract.errors import AppSentryError
from appsentry_contract.instants import to_wire


class NoteRefused(AppSentryError, OSError):
    """The folder for notes is not this user's own."""


def folder(environment: Mapping[str, str]) -> Path:
    """Where the notes of this user's servers lie."""
    runtime = Path(environment.get("XDG_RUNTIME_DIR", ""))
    # The standard asks for an absolute path, and to ignore any other.
    if runtime.is_absolute():
        return runtime / "appsentry"
    return Path(tempfile.gettempdir()) / f"appsentry-{os.getuid()}"


@contextmanager
def announced(url: str, *, token_file: str | None, started_ms: int, environment: Mapping[str, str]) -> Iterator[None]:
    """Leave a note with the server's address while the block runs. Raises `NoteRefused`."""
    place = folder(environment)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = place.lstat()
    except OSError as error:
        raise NoteRefused(f"no note can be left in {place}: {error.strerror}") from error
    # In a shared temporary directory somebody else may have made this folder first.
    if place.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise NoteRefused(f"{place} is not a folder of this user alone: remove it, or set XDG_RUNTIME_DIR")
    note = place / f"{os.getpid()}.json"
    content = {"url": url, "pid": os.getpid(), "token_file": token_file, "started_at": to_wire(started_ms)}
    with open(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(content))
    try:
        yield
    finally:
        note.unlink(missing_ok=True)
