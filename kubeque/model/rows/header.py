"""Check the column names of a table."""

from __future__ import annotations

from collections.abc import Sequence

from kubeque.model.errors import ParametersError
from kubeque.model.rows.rows import INDEX, Row, check_value


def blank_name(name: str, where: str, number: int) -> ParametersError:
    """Return the error for a column whose name is blank. `number`: number of the column, from 1."""
    pandas = ", or write it with to_csv(index=False) if it is the index of pandas" if number == 1 else ""
    return ParametersError(f"{where}, column {number}: the header is blank ({name!r}): give the column a name{pandas}")


def check_header(columns: Sequence[object], where: str, *, first: int = 1) -> Row:
    """Return the column names if all of them are valid. Raises ParametersError.

    `where`: position of the header, for messages. `first`: number of the first column.
    """
    seen: dict[str, int] = {}
    for number, name in enumerate(columns, first):
        at = f"{where}, column {number}"
        if not isinstance(name, str):
            raise ParametersError(f"{at}: the name {name!r} is not a string: rename it, for example with str({name!r})")
        if not name.strip():
            raise blank_name(name, where, number)
        if name == INDEX:
            raise ParametersError(f"{at}: the name {INDEX!r} is reserved for the number of the row: rename the column")
        if name in seen:
            raise ParametersError(f"{at}: column {seen[name]} has the same name {name!r}: rename one of them")
        check_value(name, at)
        seen[name] = number
    return tuple(seen)
