"""What reading another tool's history gives: its results in our columns, and an account of what was not one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from appsentry_contract.errors import AppSentryError
from appsentry_sources.arrow import RESULT_SCHEMA


class SourceUnreadable(AppSentryError, ValueError):
    """The file or address is not what it was taken for, or cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A history that was read.

    `table` has the columns of `RESULT_COLUMNS`, sorted by `ts`, then application and check; what the source cannot
    tell is missing. `left_out` counts what was found and is no result, by what it is. `names` gives the name that
    the source knows each application by.
    """

    table: pa.Table
    format: str
    names: Mapping[str, str]
    left_out: Mapping[str, int] = field(default_factory=dict)
    placed: int = 0
    """How many rows the source has in sums only: as many as it counts, placed within their buckets by us."""


def table_of(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Columns of equal length as a sorted table of results.

    Columns that are not given are missing, `attempt` is 1 and nothing simulated. Instants are microseconds since 1970.
    """
    rows = len(columns["ts"])
    always: dict[str, Any] = {"attempt": 1, "simulated": False}
    arrays = [
        pa.array(columns[name], schema.type)
        if name in columns
        else pa.repeat(pa.scalar(always.get(name), schema.type), rows)
        for name, schema in zip(RESULT_SCHEMA.names, RESULT_SCHEMA, strict=True)
    ]
    return sorted_table(pa.Table.from_arrays(arrays, schema=RESULT_SCHEMA))


def sorted_table(table: pa.Table) -> pa.Table:
    """The table in the order of time."""
    return table.sort_by([("ts", "ascending"), ("application", "ascending"), ("check", "ascending")])


def rows_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The same from rows, each with the columns that it has."""
    names = [name for name in RESULT_SCHEMA.names if any(name in row for row in rows)]
    absent = {"attempt": 1, "simulated": False}
    return table_of({name: [row.get(name, absent.get(name)) for row in rows] for name in ("ts", *names)})
