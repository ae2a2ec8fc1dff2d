"""Reading histories from files: other tools' and our own, as result frames."""

from pathlib import Path
from typing import TYPE_CHECKING

from appsentry_kernel.frames import frame
from appsentry_sources import formats

if TYPE_CHECKING:
    import pandas as pd


def read_history(source: str | Path, *, format: str | None = None) -> "pd.DataFrame":
    """Result frame of a history that is in a file, oldest first, in the columns of every result frame.

    Without `format` the file says itself what it is. What the source cannot tell is missing. `.attrs` has the `format`,
    the `names` that the source knows the applications by, `left_out`: how much was found that is no result, by what it is,
    and `placed`: how many rows the source has in sums only, so that their instants are approximate. Raises `SourceUnreadable` (a `ValueError`) with what was found instead.
    """
    reading = formats.read(source, format)
    rows = frame(reading.table)
    rows.attrs |= {
        "format": reading.format,
        "names": dict(reading.names),
        "left_out": dict(reading.left_out),
        "placed": reading.placed,
    }
    return rows
