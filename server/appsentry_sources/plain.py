"""Tables in Parquet and CSV: our own exports, and others that name their columns much the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from appsentry_contract.columns import RESULT_COLUMNS
from appsentry_sources.arrow import RESULT_SCHEMA
from appsentry_sources.identities import Monitor, identities
from appsentry_sources.reading import Reading, SourceUnreadable, sorted_table

_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "ts": ("ts", "timestamp", "time", "datetime", "date"),
    "application": ("application", "name", "monitor", "service", "endpoint"),
    "check": ("check",),
    "status": ("status", "state", "up", "success"),
    "response_ms": ("response_ms", "response_time", "latency", "ping", "value"),
    "message": ("message", "msg", "error"),
}
_STATUSES: Final[Mapping[str, str]] = {
    "up": "up", "ok": "up", "healthy": "up", "success": "up", "true": "up", "1": "up",
    "degraded": "degraded", "warning": "degraded",
    "down": "down", "failed": "down", "failure": "down", "error": "down", "false": "down", "0": "down",
    "unknown": "unknown", "pending": "unknown", "maintenance": "maintenance",
}  # fmt: skip
_UTC, _NOTHING = pa.scalar("Z", pa.large_string()), pa.scalar("", pa.large_string())
_ALWAYS: Final[Mapping[str, Any]] = {"attempt": 1, "simulated": False}


def parquet_recognised(path: Path, head: bytes) -> bool:
    """Whether the file is Parquet."""
    return head.startswith(b"PAR1")


def read_parquet(path: Path) -> Reading:
    """The results in a Parquet file, by its columns' names. Raises `SourceUnreadable`."""
    try:
        return _adopt(path, pyarrow.parquet.read_table(path), "parquet")
    except pa.ArrowException as error:
        raise SourceUnreadable(f"{path}: no whole Parquet file: {error}") from error


def csv_recognised(path: Path, head: bytes) -> bool:
    """Whether the first line names a column of instants, and another."""
    names = [name.strip(' "').lower() for name in head.partition(b"\n")[0].decode("utf-8", "replace").split(",")]
    return len(names) > 1 and any(alias in names for alias in _ALIASES["ts"])


def read_csv(path: Path) -> Reading:
    """The results in a CSV file whose first line names its columns. Instants without a zone are read as UTC.

    Raises `SourceUnreadable`.
    """
    try:
        with path.open("rb") as file:
            names = pyarrow.csv.open_csv(file).schema.names
        as_text = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=True
        )
        parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
        return _adopt(path, pyarrow.csv.read_csv(path, parse_options=parsing, convert_options=as_text), "csv")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise SourceUnreadable(f"{path}: no CSV: {error}") from error


def _adopt(path: Path, table: pa.Table, format_name: str) -> Reading:
    """The table's columns as ours: each by its own name, or by one that others give it."""
    found = {name.strip().lower(): table.column(place) for place, name in enumerate(table.column_names)}
    columns = {
        name: next((found[alias] for alias in _ALIASES.get(name, (name,)) if alias in found), None)
        for name in RESULT_COLUMNS
    }
    if columns["ts"] is None:
        raise SourceUnreadable(f"{path}: no column of instants (ts, timestamp, time): it has {', '.join(found)}")
    columns["ts"] = _instants(path, columns["ts"])
    if columns["application"] is None:
        columns["application"] = pa.repeat(pa.scalar(path.stem, pa.large_string()), len(table))
    ours = found.keys() >= RESULT_COLUMNS.keys()
    columns["application"], names = _applications(columns["application"], columns["ts"], ours=ours)
    columns["status"], strange = _statuses(columns["status"], len(table))
    return _reading(path, columns, names, strange, format_name)


def _reading(
    path: Path, columns: Mapping[str, Any], names: Mapping[str, str], strange: Any, format_name: str
) -> Reading:
    arrays = []
    for field in RESULT_SCHEMA:
        values, default = columns[field.name], "health" if field.name == "check" else _ALWAYS.get(field.name)
        try:
            column = (
                pa.repeat(pa.scalar(default, field.type), len(columns["ts"]))
                if values is None
                else values.cast(field.type)
            )
        except pa.ArrowException as error:
            raise SourceUnreadable(f"{path}: column {field.name!r}: {error}") from error
        arrays.append(column if default is None else pc.fill_null(column, default))
    table = pa.Table.from_arrays(arrays, schema=RESULT_SCHEMA)
    kept = table.filter(pc.invert(strange))
    left_out = {"rows of no known status": len(table) - len(kept)} if len(kept) < len(table) else {}
    return Reading(table=sorted_table(kept), format=format_name, names=names, left_out=left_out)


def _instants(path: Path, values: Any) -> Any:
    kind = RESULT_SCHEMA.field("ts").type
    try:
        if pa.types.is_large_string(values.type) or pa.types.is_string(values.type):
            values = values.cast(pa.large_string())
            # Both forms that people write: with a zone, and without, which is read as UTC.
            zoned = pc.match_substring_regex(values, r"(Z|[+-]\d\d:?\d\d)\s*$")
            values = pc.if_else(
                zoned, values, pc.binary_join_element_wise(pc.utf8_rtrim_whitespace(values), _UTC, _NOTHING)
            )
        elif pa.types.is_timestamp(values.type) and values.type.tz is None:
            values = pc.assume_timezone(values, "UTC")
        values = values.cast(kind)
    except pa.ArrowException as error:
        raise SourceUnreadable(f"{path}: expected instants such as 2026-11-23T08:00:00Z: {error}") from error
    if values.null_count:
        raise SourceUnreadable(f"{path}: {values.null_count} rows have no instant")
    return values


def _applications(values: Any, instants: Any, *, ours: bool) -> tuple[Any, dict[str, str]]:
    """The application of every row, and each one's name: our own ids stay as they are, other names become ids."""
    names = pc.fill_null(values.cast(pa.large_string()), "")
    spans = pa.table({"name": names, "ts": instants.cast(pa.int64())}).group_by("name")
    seen = spans.aggregate([("ts", "min"), ("ts", "max")]).to_pylist()
    monitors = [Monitor(name=row["name"], first=row["ts_min"], last=row["ts_max"]) for row in seen]
    ids = [monitor.name for monitor in monitors] if ours else identities(monitors)
    by_name = dict(zip((monitor.name for monitor in monitors), ids, strict=True))
    encoded = pa.chunked_array([names]).combine_chunks() if isinstance(names, pa.Array) else names.combine_chunks()
    encoded = encoded.dictionary_encode()
    known = pa.array([by_name[name] for name in encoded.dictionary.to_pylist()], pa.large_string())
    return known.take(encoded.indices), {application: name for name, application in by_name.items()}


def _statuses(values: Any, rows: int) -> tuple[Any, Any]:
    """Statuses in our words, and which rows have one that is none of them."""
    if values is None:
        return None, pa.repeat(pa.scalar(False), rows)
    words = pc.utf8_lower(values.cast(pa.large_string()))
    encoded = words.combine_chunks().dictionary_encode()
    known = pa.array([_STATUSES.get(word) for word in encoded.dictionary.to_pylist()], pa.large_string())
    statuses = known.take(encoded.indices)
    return statuses, pc.and_(pc.is_null(statuses), pc.is_valid(words))
