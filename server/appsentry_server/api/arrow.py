"""The Arrow schemas of the history's answers, made from the contract's columns.

Every kind has one type, the same in every batch and in an empty answer. They are the types that pandas keeps
text and numbers in, so that a reader on the other side takes the buffers over as they are.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from appsentry_contract.columns import RESULT_COLUMNS, ROLLUP_COLUMNS, Column, Kind

_TYPES: Mapping[Kind, Any] = {
    "instant": pa.timestamp("us", tz="UTC"),
    "text": pa.large_string(),
    "word": pa.large_string(),
    "number": pa.float64(),
    "count": pa.int64(),
    "flag": pa.bool_(),
}


def columns_of(resolution: str) -> Mapping[str, Column]:
    """The contract's columns of an answer in this resolution."""
    return RESULT_COLUMNS if resolution == "raw" else ROLLUP_COLUMNS


def schema_of(columns: Mapping[str, Column]) -> pa.Schema:
    """The Arrow schema of these columns."""
    always = ("instant", "count", "flag")
    return pa.schema(
        [pa.field(name, _TYPES[column.kind], nullable=column.kind not in always) for name, column in columns.items()]
    )
