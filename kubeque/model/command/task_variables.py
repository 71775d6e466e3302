"""The environment variables that kubeque sets for each task. A sweep cannot set these variables."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kubeque.model.errors import UserError

JOB_ID = "KUBEQUE_JOB_ID"
TASK_INDEX = "KUBEQUE_TASK_INDEX"
ATTEMPT = "KUBEQUE_ATTEMPT"
OUT = "KUBEQUE_OUT"
#: Variable with the types of the row's values, for a Python function.
ROW_TYPES = "KUBEQUE_ROW_TYPES"
_EACH_TASK = (JOB_ID, TASK_INDEX, ATTEMPT, OUT)


def column_variable(column: str) -> str:
    """Return the name of the variable for the value of a column, for example KUBEQUE_PARAM_X_SCALE for `x-scale`.

    If two columns have the same variable, the variable contains the value of the last column.
    """
    return f"KUBEQUE_PARAM_{re.sub(r'[^A-Z0-9_]', '_', column.upper())}"


def check_variables(names: Iterable[str], columns: Iterable[str], more: Iterable[str] = ()) -> None:
    """Raise UserError if a sweep sets a variable that kubeque sets for each task: its value would be replaced.

    `names`: variables that the sweep sets. `columns`: columns of its rows. `more`: other variables that kubeque sets
    for this sweep.
    """
    of_columns = {column_variable(column): column for column in columns}
    for name in names:
        if name in _EACH_TASK or name in more:
            raise UserError(f"env {name!r}: kubeque sets this variable for each task: choose another name")
        if name in of_columns:
            raise UserError(
                f"env {name!r}: kubeque sets this variable to the value of the column {of_columns[name]!r}:"
                " choose another name"
            )
