"""The formats of history that can be read, in the order in which a file is tried on them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appsentry_sources import kuma, upptime
from appsentry_sources.reading import Reading, SourceUnreadable

_HEAD = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A row of the table: the format's name, how a file of it is told from its first bytes, and how it is read."""

    name: str
    recognised: Callable[[Path, bytes], bool]
    read: Callable[[Path], Reading]


FORMATS = (
    Format(name="kuma", recognised=kuma.recognised, read=kuma.read),
    Format(name="upptime", recognised=upptime.recognised, read=upptime.read),
)


def read(source: str | Path, format_name: str | None = None) -> Reading:
    """Read a history. Without a format's name the file itself says what it is.

    Raises `SourceUnreadable` when it is of no known format, or not of the one that was named.
    """
    path = Path(source)
    names = ", ".join(one.name for one in FORMATS)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        for one in FORMATS:
            if one.name == format_name or (format_name is None and one.recognised(path, head)):
                return one.read(path)
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror or error}") from error
    if format_name is None:
        raise SourceUnreadable(f"{path}: of no format that can be read ({names}); name one to insist")
    raise SourceUnreadable(f"unknown format {format_name!r}: expected one of {names}")
