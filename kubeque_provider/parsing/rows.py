"""Checks of the rows that a DAG file contains, while the DAG is parsed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from kubeque.model.errors import ParametersError
from kubeque.model.rows.parameters import is_frame, sequence, to_rows
from kubeque.model.rows.rows import Rows
from kubeque.model.text import describe
from kubeque_provider.parsing.known import Unknown, is_known, is_output
from kubeque_provider.parsing.shared_rows import find_once
from kubeque_provider.templating import holds_template

#: Maximum number of rows to check while the DAG is parsed. The running task checks all rows.
CHECKED_ROWS = 1000
#: Maximum number of rows in which Airflow always searches for templates and outputs of Airflow tasks. Airflow shows
#: about this number of rows in its rendered templates.
_LONG = 100
#: Types of cells that contain neither an output of an Airflow task nor another value.
_PLAIN = frozenset({str, int, float, bool, type(None)})


def known_rows(values: Mapping[str, Any], *, function: bool) -> Rows | None:
    """Return the first rows of the argument `parameters`; None if they are known only when the task runs.

    Raises ParametersError.

    `values`: arguments of the operator, keyed by name. `function`: True if a Python function gets the rows.
    """
    given, missing, columns = values.get("parameters"), values.get("missing"), values.get("columns")
    if given is None:
        return sequence(1)
    if isinstance(given, Unknown | str) or is_output(given) or hasattr(given, "is_absolute") or not is_known(missing):
        return None
    if callable(given):
        name = getattr(getattr(given, "function", given), "__name__", "function")
        raise ParametersError(f"parameters is the function {name!r} itself: call it: parameters={name}()")
    if type(given) is list and len(given) > _LONG:
        what = repr((missing, columns, function, values.get("render_rows")))
        return find_once(given, what, lambda: _first_rows(values, function=function))
    return _first_rows(values, function=function)


def _first_rows(values: Mapping[str, Any], *, function: bool) -> Rows | None:
    given: Any = values.get("parameters")
    missing, columns = values.get("missing"), values.get("columns")
    if is_frame(given):
        rows = given.head(CHECKED_ROWS)
    elif isinstance(given, list | tuple):
        rows = _without_outputs(check_cells(given[:CHECKED_ROWS], values.get("render_rows")))
    elif hasattr(given, "__next__"):  # a generator returns its rows only once
        return None
    else:
        rows = given
    if rows is None or (hasattr(rows, "__len__") and not len(rows)):
        return None
    return to_rows(rows, missing=missing, columns=columns, function=function)


def check_cells(rows: Sequence[Any], render_rows: bool | None) -> Sequence[Any]:
    """Return rows of the DAG file unchanged.

    Raises ParametersError if `render_rows` is None and a cell contains a template.
    """
    if render_rows is not None or not holds_template(rows):
        return rows
    for index, row in enumerate(rows):
        for column, value in _cells(row):
            if isinstance(value, str) and holds_template([{column: value}]):
                raise ParametersError(
                    f"row {index}, column {column!r} holds {describe(value)}: set render_rows=True to render templates"
                    " in rows, or render_rows=False to pass such values as they are"
                )
    return rows


def are_long_and_plain(rows: Any) -> bool:
    """True for a long list of dicts whose values are texts, numbers, truth values or None.

    In such a list, Airflow would search for outputs of Airflow tasks, and it would write all rows as text to show the
    first rows. Each of these steps takes seconds for 100,000 rows.
    """
    if type(rows) is not list or len(rows) <= _LONG or not _are_plain(rows[:CHECKED_ROWS]):
        return False
    return find_once(rows, _are_plain, lambda: _are_plain(rows))


def _are_plain(rows: list[Any]) -> bool:
    if set(map(type, rows)) != {dict}:
        return False
    return _PLAIN.issuperset(map(type, itertools.chain.from_iterable(map(dict.values, rows))))


def _cells(row: Any) -> Any:
    return row.items() if isinstance(row, Mapping) else enumerate(row) if isinstance(row, list | tuple) else ()


def _without_outputs(rows: Sequence[Any]) -> Sequence[Any] | None:
    """Return rows with an empty text in place of each output of an Airflow task; None if a whole row is an output."""
    kinds = set(map(type, itertools.chain.from_iterable(row.values() for row in rows if isinstance(row, dict))))
    if any(is_output(row) for row in rows):
        return None
    if not any(callable(getattr(kind, "resolve", None)) for kind in kinds):
        return rows
    return [
        {column: "" if is_output(value) else value for column, value in row.items()}
        if isinstance(row, Mapping)
        else row
        for row in rows
    ]
