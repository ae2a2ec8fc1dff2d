"""The forms a history answer can take on the wire, each written batch by batch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import RawIOBase
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from appsentry_contract.columns import Column
from appsentry_server.api.selection import Form
from appsentry_sources.arrow import schema_of

_ROW_GROUP = 100_000


class Taken(RawIOBase):
    """A file that is only written to, and emptied by `take`."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def take(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


class Writer(ABC):
    """Turns batches into the bytes of one answer. Whatever `write` holds back comes with a later call."""

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> bytes:
        """The bytes that follow."""

    @abstractmethod
    def end(self) -> bytes:
        """The last bytes; the first too when there was no batch."""


class _ArrowStream(Writer):
    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._schema = schema_of(columns)
        self._file = Taken()
        self._writer = pa.ipc.new_stream(self._file, self._schema)

    def write(self, batch: pa.RecordBatch) -> bytes:
        self._writer.write_batch(batch.cast(self._schema))
        return self._file.take()

    def end(self) -> bytes:
        self._writer.close()
        return self._file.take()


class _Parquet(Writer):
    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._schema = schema_of(columns)
        self._file = Taken()
        self._writer = pa.parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        self._gathered: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> bytes:
        self._gathered.append(batch.cast(self._schema))
        self._rows += batch.num_rows
        if self._rows >= _ROW_GROUP:
            self._write_group()
        return self._file.take()

    def end(self) -> bytes:
        if self._gathered:
            self._write_group()
        self._writer.close()
        return self._file.take()

    def _write_group(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._gathered, self._schema), row_group_size=self._rows)
        self._gathered, self._rows = [], 0


class _Csv(Writer):
    def __init__(self, columns: Mapping[str, Column]) -> None:
        texts = {name: pa.large_string() for name, column in columns.items() if column.kind == "instant"}
        self._schema = pa.schema([field.with_type(texts.get(field.name, field.type)) for field in schema_of(columns)])
        self._file = Taken()
        # Text is quoted and a missing value is not, so that the two can be told apart.
        self._writer = pa.csv.CSVWriter(self._file, self._schema)

    def write(self, batch: pa.RecordBatch) -> bytes:
        self._writer.write_batch(batch.cast(self._schema))
        return self._file.take()

    def end(self) -> bytes:
        self._writer.close()
        return self._file.take()


class _Json(Writer):
    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._before = "["

    def write(self, batch: pa.RecordBatch) -> bytes:
        text = self._before + ",\n".join(batch.column(0).to_pylist())
        self._before = ",\n"
        return text.encode()

    def end(self) -> bytes:
        return b"[]" if self._before == "[" else b"]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """One row of the table: the media type, the form it wants values in, and its writers."""

    content_type: str
    form: Form
    open: Callable[[Mapping[str, Column]], Writer]
    """Makes a writer of one answer with these columns."""


ENCODINGS: tuple[Encoding, ...] = (
    Encoding(content_type="application/json", form="json", open=_Json),
    Encoding(content_type="application/vnd.apache.arrow.stream", form="arrow", open=_ArrowStream),
    Encoding(content_type="application/vnd.apache.parquet", form="arrow", open=_Parquet),
    Encoding(content_type="text/csv", form="csv", open=_Csv),
)
"""Every form, the one that is sent to those who do not mind first."""
