"""Read and write rows as a Parquet file, with pyarrow. No other module imports pyarrow."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

from kubeque.model.errors import MissingExtra, ParametersError
from kubeque.model.rows.column_types import Column, ValueType
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import MAX_TASKS, Rows
from kubeque.model.rows.values import refuse_missing
from kubeque.model.text import cut

#: First bytes of a Parquet file.
MAGIC = b"PAR1"
#: Start of the names of the columns in which pandas stores its index.
_PANDAS_INDEX = "__index_level_"

#: Types of pandas that hold missing values.
_NULLABLE = {ValueType.INTEGER: "Int64", ValueType.BOOLEAN: "boolean"}

#: Description of a missing value, with the remedies.
_MISSING = "missing: write a value in its place, for example with fillna in pandas, or remove the row"

#: Maximum number of rows in one group of a Parquet file. A group is kept in memory.
_GROUP = 20_000


def write(file: BinaryIO, columns: Sequence[Column], rows: Iterator[list[Any]]) -> None:
    """Write rows to a Parquet file. Raises MissingExtra if pyarrow is not installed.

    `rows`: values of each row, which must have the types of `columns`.
    """
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
    schema = pa.schema([pa.field(column.shown, kinds[column.kind]) for column in columns], _pandas_types(columns))
    with ParquetWriter(file, schema) as writer:
        while group := list(islice(rows, _GROUP)):
            arrays = [
                pa.array(values, type=field.type)
                for values, field in zip(zip(*group, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _pandas_types(columns: Sequence[Column]) -> dict[str, str]:
    """Return the metadata that pandas reads. Without them, pandas converts integers beside a missing value to floats.

    The metadata describe only these columns; pandas chooses the types of the other columns.
    """
    described = [
        {
            "name": column.shown, "field_name": column.shown, "pandas_type": str(column.kind),
            "numpy_type": _NULLABLE[column.kind], "metadata": None,
        }
        for column in columns
        if column.gaps and column.kind in _NULLABLE
    ]  # fmt: skip
    found = {"index_columns": [], "column_indexes": [], "columns": described, "pandas_version": "1.0.0"}
    return {"pandas": json.dumps(found)} if described else {}


def read(data: bytes, name: str) -> Rows:
    """Return the rows of a Parquet file with the types of its values, but without the index of pandas.

    `data`: contents of the file. `name`: name of the file, for messages. Raises ParametersError. Raises MissingExtra if
    pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtra(
            f"{name} is a Parquet file, which needs pyarrow ({error}): pip install 'kubeque[table]', or write it as CSV"
        ) from error
    try:
        file = ParquetFile(io.BytesIO(data))
        if file.metadata.num_rows > MAX_TASKS:
            raise ParametersError(f"{name} has more than {MAX_TASKS} rows: split them into several sweeps")
        columns = [column for column in file.schema_arrow.names if not column.startswith(_PANDAS_INDEX)]
        records = file.read(columns=columns).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ParametersError(f"{name} is a damaged Parquet file ({cut(str(error), 100)}): write it again") from error
    refuse_missing(records, name, _MISSING)
    try:
        return from_records(records)
    except ParametersError as error:
        raise ParametersError(f"{name}: {error}") from error
