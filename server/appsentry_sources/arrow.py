"""The Arrow types of the contract's columns, the same on both sides of the wire and in every file.

They are the types that pandas keeps text and numbers in, so that a reader takes the buffers over as they are.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from appsentry_contract.columns import RESULT_COLUMNS, ROLLUP_COLUMNS, Column, Kind

ARROW_TYPES: Mapping[Kind, Any] = {
    "instant": pa.timestamp("us", tz="UTC"),
    "text": pa.large_string(),
    "word": pa.large_string(),
    "number": pa.float64(),
    "count": pa.int64(),
    "flag": pa.bool_(),
}


def schema_of(columns: Mapping[str, Column]) -> pa.Schema:
    """The Arrow schema of these columns."""
    always = ("instant", "count", "flag")
    return pa.schema(
        [pa.field(name, ARROW_TYPES[col.kind], nullable=col.kind not in always) for name, col in columns.items()]
    )


RESULT_SCHEMA = schema_of(RESULT_COLUMNS)
ROLLUP_SCHEMA = schema_of(ROLLUP_COLUMNS)
