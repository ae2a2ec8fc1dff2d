"""Other tools' SQLite files, opened for reading only."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from appsentry_sources.reading import SourceUnreadable

MAGIC = b"SQLite format 3\x00"


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose rows are told by name; the file and its neighbours are left as they are.

    Raises `SourceUnreadable` when the file is damaged, locked or lacks what is asked of it.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection
    except sqlite3.Error as error:
        raise SourceUnreadable(
            f"{path}: {error}; copy the whole database, its -wal file included, and read the copy"
        ) from error


def tables(connection: sqlite3.Connection) -> set[str]:
    """The names of the tables."""
    return {row["name"] for row in connection.execute("select name from sqlite_master where type = 'table'")}


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """The names of a table's columns."""
    return {row["name"] for row in connection.execute("select name from pragma_table_info(?)", [table])}


def holds(path: Path, head: bytes, wanted: set[str]) -> bool:
    """Whether the file is an SQLite database with these tables."""
    if not head.startswith(MAGIC):
        return False
    try:
        with opened(path) as connection:
            return wanted <= tables(connection)
    except SourceUnreadable:
        return False
