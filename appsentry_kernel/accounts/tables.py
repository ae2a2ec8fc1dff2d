"""Tables with the dtypes they are promised to have, also when they are empty."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd


def table(rows: Iterable[Mapping[str, Any]], applications: Sequence[str], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Rows as a frame of these columns, indexed by application; None is a missing value."""
    result = rows_of(rows, dtypes)
    if len(result) == len(applications):
        result.index = pd.Index(list(applications), dtype="str", name="application")
    return result


def rows_of(rows: Iterable[Mapping[str, Any]], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """The same without an index of its own."""
    made = list(rows)
    return pd.DataFrame({name: pd.Series([row[name] for row in made], dtype=dtype) for name, dtype in dtypes.items()})
