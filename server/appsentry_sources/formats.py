"""The formats of history that can be read, in the order in which a file is tried on them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appsentry_sources import gatus, healthchecks, kuma, plain, prometheus, upptime
from appsentry_sources.prometheus import Span
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
    Format(name="gatus", recognised=gatus.recognised, read=gatus.read),
    Format(name="parquet", recognised=plain.parquet_recognised, read=plain.read_parquet),
    Format(name="healthchecks", recognised=healthchecks.recognised, read=healthchecks.read),
    Format(name="upptime", recognised=upptime.recognised, read=upptime.read),
    Format(name="csv", recognised=plain.csv_recognised, read=plain.read_csv),
)
NAMES = (*(one.name for one in FORMATS), "prometheus")


def read(source: str | Path, format_name: str | None, span: Span) -> Reading:
    """Read a history from a file, or from the address of a Prometheus, which is asked for `span`.

    Without a format's name the source itself says what it is. Raises `SourceUnreadable` when it is of no known format,
    or not of the one that was named.
    """
    if format_name not in (None, *NAMES):
        raise SourceUnreadable(f"unknown format {format_name!r}: expected one of {', '.join(NAMES)}")
    if format_name == "prometheus" or (format_name is None and prometheus.recognised(str(source))):
        if not prometheus.recognised(str(source)):
            raise SourceUnreadable(f"{source}: expected the address of a Prometheus, such as http://127.0.0.1:9090")
        return prometheus.read(str(source), span)
    path = Path(source)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        for one in FORMATS:
            if one.name == format_name or (format_name is None and one.recognised(path, head)):
                return one.read(path)
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror or error}") from error
    raise SourceUnreadable(f"{path}: of no format that can be read ({', '.join(NAMES)}); name one to insist")
