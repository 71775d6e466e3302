"""Give the DataFrame that `kubeque.map` returns the index and the column types of the DataFrame with the rows."""

from __future__ import annotations

from typing import Any

from kubeque.model.rows.column_names import parameter_column


def restore_columns(table: Any, given: Any, *, missing: str | None) -> Any:
    """Return the table of a job, with the index and the columns of `given`, the DataFrame with the rows of the job.

    `missing`: text that replaced missing values; the columns with such values keep this text. If `given` has no index,
    because it is not a DataFrame of pandas, the table is returned unchanged.
    """
    if not hasattr(given, "index"):
        return table
    result = table.set_axis(given.index, axis="index")
    for name in given.columns:
        if missing is None or not given[name].isna().any():
            result[parameter_column(name)] = given[name].array
    return result
