"""Check and convert the fields of a sweep that come from Python code, by the rules in the table of options."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import Field, fields
from typing import Any

from kubeque.model.errors import UserError
from kubeque.model.job.spec import FunctionCall, Input
from kubeque.model.rows.parameters import to_rows
from kubeque.model.suggestions import suggest
from kubeque.model.sweep.option import Option
from kubeque.model.sweep.option_types import FLAG, PAIRS, TAINTS, TEXTS
from kubeque.model.sweep.option_values import refuse
from kubeque.model.sweep.options import BY_NAME, OPTIONS, RENAMED
from kubeque.model.sweep.pod_options import PodOptions
from kubeque.model.text import describe

#: Fields without a default, for which None is not accepted.
_REQUIRED = ("command", "rows")


def convert_option(option: Option, value: Any) -> Any:
    """Return the value of an option in the form in which a `Sweep` stores the value. Raises UserError."""
    if option.pod and option.kind in (TEXTS, TAINTS) and isinstance(value, str):
        return option.kind.convert([value], option.name)[0]  # `PodOptions` also accepts a single item for a list
    return option.kind.convert(value, option.name)


def convert_fields(sweep: Any) -> dict[str, Any]:
    """Return the fields of a sweep as a dict, with values converted to the types of the fields.

    A value of None is replaced by the default of the field, except for `command` and `rows`. Raises UserError for the
    first value that cannot be converted.
    """
    converted = {}
    for field in fields(sweep):
        value = getattr(sweep, field.name)
        if value is None and field.name not in _REQUIRED:
            value = _default(field)
        absent = value is None and field.name not in _REQUIRED
        converted[field.name] = None if absent else _READERS[field.name](value, field.name)
    return converted


def check_names(names: Iterable[str], known: Collection[str], where: str) -> None:
    """Raise UserError for the name of an argument that is not in `known`. The message has the most similar known name.

    `where`: name of the function or class with these arguments, for the message.
    """
    for name in names:
        if name not in known:
            raise UserError(f"{where} has no argument {describe(name)}: {_suggest(name, known)}")


def split_pod(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments as fields of a sweep: the options of pods become one field, `pod`.

    Raises UserError if `options` has both `pod` and options of pods.
    """
    pod = {name: value for name, value in options.items() if name in BY_NAME and BY_NAME[name].pod}
    others = {name: value for name, value in options.items() if name not in pod}
    if pod and others.get("pod") is not None:
        raise UserError(f"pod and {', '.join(pod)} are given: write all options of pods as keys of pod")
    return {**others, "pod": pod} if pod else others


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default


def _suggest(name: str, known: Collection[str]) -> str:
    option = BY_NAME.get(name)
    if option and option.pod:
        return f"it is an option of pods: write pod={{{name!r}: ...}}"
    if option and option.sweep_field in known:
        return f"did you mean {option.sweep_field!r}?"
    return suggest(name, known, "arguments", RENAMED)


def _convert_pod(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise refuse(value, what, "write options of pods by name, for example {'gpu': 1}")
    PodOptions.check_names(value)
    pod = {name: None if item is None else convert_option(BY_NAME[name], item) for name, item in value.items()}
    PodOptions.read(pod)
    return pod


def _convert_inputs(value: Any, what: str) -> tuple[Input, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(item, Input) for item in value):
        raise refuse(value, what, "take them from Client.like, and give other files with push=[...]")
    return tuple(value)


def _convert_function(value: Any, what: str) -> FunctionCall:
    if not isinstance(value, FunctionCall):
        raise refuse(value, what, "call the function with kubeque.map")
    return value


def _convert_rows(value: Any, what: str) -> Any:
    return to_rows(value)


#: Functions that convert the values of the fields of a sweep, keyed by the name of the field.
_READERS: Mapping[str, Callable[[Any, str], Any]] = {
    **{option.sweep_field: option.kind.convert for option in OPTIONS if option.sweep_field},
    "rows": _convert_rows,
    "inputs": _convert_inputs,
    "inputs_of_command": FLAG.convert,
    "function": _convert_function,
    "origin": PAIRS.convert,
    "pod": _convert_pod,
}
