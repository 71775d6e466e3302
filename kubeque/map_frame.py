"""The DataFrame that `kubeque.map` returns for a DataFrame: with its index and the types of its columns."""

from __future__ import annotations

from typing import Any

from kubeque.model.rows.column_names import parameter_column


def restore_columns(table: Any, given: Any, *, missing: str | None) -> Any:
    """Return the table of a job with the index and the columns of the DataFrame `given`, which has the rows of the job.

    `missing`: text that replaced missing values; the columns with such values keep this text. A frame of another
    library has no index, and the table is returned unchanged.
    """
    if not hasattr(given, "index"):
        return table
    result = table.set_axis(given.index, axis="index")
    for name in given.columns:
        if missing is None or not given[name].isna().any():
            result[parameter_column(name)] = given[name].array
    return result
