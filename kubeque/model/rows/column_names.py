"""Names of the columns of a job's table: index, parameters, facts and the values that tasks wrote.

All names are distinct. If a parameter has a name that a different column can have, its column is `param.{name}`.
"""

from __future__ import annotations

#: Columns of every table after the parameters.
FACTS = ("state", "cause", "exit_code", "attempts", "seconds", "peak_memory", "files", "bytes", "message")
_PARAMETER, _OUT = "param.", "out."


def parameter_column(name: str) -> str:
    """Return the column of a parameter: its name, or `param.{name}` if a different column can have that name."""
    return f"{_PARAMETER}{name}" if _is_reserved(name) else name


def parameter_of(column: str) -> str | None:
    """Return the parameter of a column; None if the column does not hold a parameter."""
    name = column.removeprefix(_PARAMETER)
    if name != column and _is_reserved(name):
        return name
    return None if _is_reserved(column) else column


def out_column(name: str) -> str:
    """Return the column of a value that tasks wrote to $KUBEQUE_OUT."""
    return f"{_OUT}{name}"


def out_of(column: str) -> str | None:
    """Return the name of the $KUBEQUE_OUT value in a column; None if the column does not hold such a value."""
    return column.removeprefix(_OUT) if column.startswith(_OUT) else None


def _is_reserved(name: str) -> bool:
    # `param.state` is reserved like `state`, because otherwise both parameters would have the same column.
    while name.startswith(_PARAMETER):
        name = name.removeprefix(_PARAMETER)
    return name in ("index", *FACTS) or name.startswith(_OUT)
