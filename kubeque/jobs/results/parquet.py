"""Write rows as a Parquet file. Only this module imports pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

from kubeque.model.errors import MissingExtra
from kubeque.model.rows.column_types import Column, ValueType

#: Maximum number of rows in one group. One group is in memory at a time.
_GROUP = 20_000


def write(file: BinaryIO, columns: Sequence[Column], rows: Iterator[list[Any]]) -> None:
    """Write `rows`. The values must have the types of `columns`. Raises MissingExtra."""
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter
    except ImportError as error:
        raise MissingExtra(
            f"a table as .parquet needs pyarrow ({error}): pip install 'kubeque[table]', or write .csv"
        ) from error
    kinds = {
        ValueType.BOOLEAN: pa.bool_(),
        ValueType.INTEGER: pa.int64(),
        ValueType.NUMBER: pa.float64(),
        ValueType.TEXT: pa.string(),
        ValueType.EMPTY: pa.string(),
    }
    schema = pa.schema([pa.field(column.shown, kinds[column.kind]) for column in columns])
    with ParquetWriter(file, schema) as writer:
        while group := list(islice(rows, _GROUP)):
            arrays = [
                pa.array(values, type=field.type)
                for values, field in zip(zip(*group, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
