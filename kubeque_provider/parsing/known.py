"""Find out which arguments of an operator are known while the DAG is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Texts that begin an expression, a statement or a comment of Jinja.
JINJA = ("{{", "{%", "{#")
#: Maximum depth of nested lists and dicts to check. A list can contain itself.
_LEVELS = 20


class Unknown:
    """Placeholder for the value of a mapped argument. The value differs from one mapped task to the next."""

    def resolve(self) -> None:
        """Do nothing.

        An object with this method counts as the output of an Airflow task, which is known only at run time.
        """


def is_known(value: Any, levels: int = _LEVELS) -> bool:
    """True if a value contains neither a template nor an output of an Airflow task.

    Nested lists and dicts are checked too.
    """
    if isinstance(value, str):
        return not any(nonce in value for nonce in JINJA)
    if isinstance(value, Mapping | list | tuple | set | frozenset) and levels:
        inside = value.values() if isinstance(value, Mapping) else value
        return all(is_known(item, levels - 1) for item in inside)
    return not is_output(value)


def is_output(value: Any) -> bool:
    """True if a value is the output of an Airflow task."""
    return callable(getattr(value, "resolve", None)) and not hasattr(value, "is_absolute")


def is_known_argument(operator: Any, name: str, value: Any) -> bool:
    """True if the value of the argument `name` is known while the DAG is parsed. `operator`: the operator or its class.

    A list of rows counts as known; its cells are checked elsewhere.
    """
    if isinstance(value, Unknown):
        return False
    if name == "parameters":  # rows can have millions of cells, and `known_rows` checks only the first rows
        return not is_output(value)
    return is_known(value) if name in operator.template_fields else True
