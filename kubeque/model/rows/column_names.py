"""Names of the columns in a job's table: index, parameters, facts about the tasks, and values that the tasks wrote.

No two columns have the same name. If a parameter has a name that another column can have, its column is `param.{name}`.
"""

from __future__ import annotations

#: Columns with facts about the tasks, which every table has after the parameters.
FACTS = ("state", "cause", "exit_code", "attempts", "seconds", "peak_memory", "files", "bytes", "message")
_PARAMETER, _OUT = "param.", "out."


def parameter_column(name: str) -> str:
    """Return the column of a parameter: its name, or `param.{name}` if another column can have that name."""
    return f"{_PARAMETER}{name}" if _is_reserved(name) else name


def parameter_of(column: str) -> str | None:
    """Return the name of the parameter in a column; None if the column does not contain a parameter."""
    name = column.removeprefix(_PARAMETER)
    if name != column and _is_reserved(name):
        return name
    return None if _is_reserved(column) else column


def out_column(name: str) -> str:
    """Return the column of a value that a task wrote to $KUBEQUE_OUT under the name `name`."""
    return f"{_OUT}{name}"


def out_of(column: str) -> str | None:
    """Return the name of the $KUBEQUE_OUT value in a column; None if the column does not contain such a value."""
    return column.removeprefix(_OUT) if column.startswith(_OUT) else None


def _is_reserved(name: str) -> bool:
    # `param.state` is reserved like `state`, because otherwise both parameters would have the same column.
    while name.startswith(_PARAMETER):
        name = name.removeprefix(_PARAMETER)
    return name in ("index", *FACTS) or name.startswith(_OUT)
