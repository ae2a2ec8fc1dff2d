"""Results to a file, in the form that its name asks for."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from appsentry_sources.files import whole


def write(table: pa.Table, path: Path) -> None:
    """Write results as CSV where the file's name ends so, else as Parquet. Raises `NotWritten`."""
    with whole(path) as file:
        if path.suffix.lower() == ".csv":
            pyarrow.csv.write_csv(table, file)
        else:
            pyarrow.parquet.write_table(table, file, compression="zstd")
