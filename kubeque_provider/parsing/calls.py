"""Find calls of a `@task.kubeque` function that can never work, while their DAG is parsed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from kubeque.model.errors import CommandError
from kubeque.model.function.arguments import argument_kinds, cast_arguments, check_values
from kubeque.model.rows.rows import Rows
from kubeque_provider.airflow_versions import KNOWN_CONTEXT_KEYS
from kubeque_provider.parsing.known import is_known


def find_given(
    function: Callable[..., Any], op_args: Collection[Any], op_kwargs: Mapping[str, Any]
) -> dict[str, Any]:  # fmt: skip
    """Return the arguments of a call, keyed by name. Raises CommandError if the function does not take one of them."""
    try:
        return dict(inspect.signature(function).bind_partial(*op_args, **op_kwargs).arguments)
    except TypeError as error:
        raise CommandError(f"{function.__name__}: {error}") from error


def check_call(
    function: Callable[..., Any], op_args: Collection[Any], op_kwargs: Mapping[str, Any], rows: Rows | None
) -> None:
    """Raise CommandError if the call can never work.

    `rows`: the first rows; None if they are known only when the task runs.
    """
    given = find_given(function, op_args, op_kwargs)
    values = {name: value for name, value in given.items() if is_known(value)}
    try:
        json.dumps(cast_arguments(function, values))
    except (TypeError, ValueError) as error:
        raise CommandError(f"{function.__name__} is called with a value that JSON cannot hold: {error}") from error
    if rows is None:
        return
    # For an argument with the name of a value in its context, Airflow gives this value. So a column cannot have such a
    # name.
    filled = {name: None for name in inspect.signature(function).parameters if name in KNOWN_CONTEXT_KEYS}
    clash = next((name for name in filled if name in rows.columns and name not in given), None)
    if clash is not None:
        raise CommandError(
            f"{function.__name__}: {clash!r} is a column of the rows and also a name of Airflow's context: rename"
            " the column"
        )
    check_values(function.__name__, argument_kinds(function, rows, {**filled, **given}), rows)
