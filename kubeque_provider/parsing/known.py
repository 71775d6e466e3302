"""The arguments of an operator that are known while the DAG is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_JINJA = ("{{", "{%", "{#")
#: Levels of lists and dicts that are read: a value may contain itself.
_LEVELS = 20


class Unknown:
    """The value of an argument that Airflow maps: each mapped task has another one."""

    def resolve(self) -> None:
        """Mark this as a value that is known at run time only, like the output of an Airflow task."""


def is_known(value: Any, levels: int = _LEVELS) -> bool:
    """True for a value that has no template and no output of an Airflow task, also in its lists and dicts."""
    if isinstance(value, str):
        return not any(nonce in value for nonce in _JINJA)
    if isinstance(value, Mapping | list | tuple | set | frozenset) and levels:
        inside = value.values() if isinstance(value, Mapping) else value
        return all(is_known(item, levels - 1) for item in inside)
    return not is_output(value)


def is_output(value: Any) -> bool:
    """True for the output of an Airflow task."""
    return callable(getattr(value, "resolve", None)) and not hasattr(value, "is_absolute")


def is_known_argument(operator: Any, name: str, value: Any) -> bool:
    """True if the argument `name` of an operator or its class has its value while the DAG is parsed."""
    if isinstance(value, Unknown):
        return False
    if name == "parameters":  # up to millions of cells, whose check has a limit of its own
        return not is_output(value)
    return is_known(value) if name in operator.template_fields else True
