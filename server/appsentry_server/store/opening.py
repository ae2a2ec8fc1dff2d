"""Opening the history's file, and saying why it cannot be opened."""

from pathlib import Path

import duckdb

from appsentry_contract.errors import AppSentryError
from appsentry_server.store import schema

_NAME = "history.duckdb"
_LOCKED = "Could not set lock"
_DAMAGED = (
    "not a valid DuckDB database", "orrupt", "checksum", "attempted to read", "replaying WAL", "erializ", "INTERNAL",
)  # fmt: skip
"""Words of what DuckDB says of a file whose contents are wrong."""


class HistoryUnavailable(AppSentryError, OSError):
    """The history cannot be opened, or not be read for the moment."""


def open_file(directory: Path) -> duckdb.DuckDBPyConnection:
    """Open or make the history in this directory. Raises `HistoryUnavailable`, which says what to do."""
    path = directory / _NAME
    try:
        # What targets answered is in it. A folder that is there already is its owner's own decision.
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = duckdb.connect(path, config={"threads": "2", "memory_limit": "2GB"})
        schema.create(connection)
    except (OSError, duckdb.Error) as error:
        raise HistoryUnavailable(
            f"the history {path} cannot be opened: {error}; {_advice(str(error), path)}"
        ) from error
    return connection


def _advice(problem: str, path: Path) -> str:
    if _LOCKED in problem:
        return "another process has it open: stop the other server, or choose another place with --data-dir"
    if any(word in problem for word in _DAMAGED):
        return (
            f"the file is damaged, or no history: put a copy back in its place, or move it and {path.name}.wal away "
            "to begin a new one"
        )
    return "mend that, or choose another place with --data-dir"
