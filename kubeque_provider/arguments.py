"""Check the names and the types of the arguments of operators."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, get_args

from kubeque.model.errors import UserError
from kubeque.model.suggestions import suggest
from kubeque.model.sweep.option import Option
from kubeque.model.sweep.option_types import COUNT, COUNTS, FLAG, PAIRS, TEMPLATE, TEXT, TEXTS, WORDS
from kubeque.model.sweep.options import OPTIONS, RENAMED
from kubeque.model.sweep.sweep_fields import convert_option
from kubeque.model.text import describe
from kubeque_provider.empty_sweep import OnEmpty
from kubeque_provider.exceptions import BadSweep
from kubeque_provider.hooks.on_clear import OnClear
from kubeque_provider.templating import check_none

_MODULES, _GENERATED = "kubeque_provider.", ".sweep_arguments"
_WHOLE = re.compile(r"[+-]?[0-9]{1,10}")
#: Other names of kubeque's arguments: in other Airflow operators, on the command line, or in earlier versions. Error
#: messages suggest kubeque's name.
_OTHER_NAMES: Mapping[str, str] = {
    **RENAMED, "timeout": "task_timeout", "conn_id": "kubeque_conn_id", "connection_id": "kubeque_conn_id",
    "params": "parameters", "rows": "parameters", "cmd": "command", "cmds": "command", "bash_command": "command",
    "arguments": "command", "name": "job_id", "job": "job_id", "job_name": "job_id", "destination": "dest",
    "path": "dest", "folder": "dest", "output": "dest", "env_vars": "env", "files": "push", "globs": "glob",
    "parallelism": "consumers", "workers": "consumers", "wait_for_completion": "wait", "namespace": "cluster",
    "service_account_name": "service_account", "docker_image": "image",
}  # fmt: skip


def check_keywords(operator: Any, names: Iterable[str]) -> None:
    """Raise BadSweep for a keyword argument that is unknown to the operator and Airflow. Suggest a similar argument."""
    kind: type = type(operator)
    own, all_names = _names(kind)
    for name in names:
        if name not in all_names and not name.startswith("_"):
            others = {other: now for other, now in _OTHER_NAMES.items() if now in own}
            hint = suggest(name, sorted(own), "arguments", others)
            raise BadSweep(f"{type(operator).__name__} has no argument {name!r}: {hint}")


def check_arguments(operator: Any) -> None:
    """Convert the rendered sweep options of an operator to their types, and check all its arguments.

    Raises UserError for the first argument of a wrong type, or if a template inserted None into a text. Call this after
    Airflow has rendered the templates.
    """
    check_none(operator)
    for option in OPTIONS:
        if option.templated and isinstance(value := getattr(operator, option.name, None), str):
            setattr(operator, option.name, _read_rendered(option, value))
    check_values(type(operator), argument_values(operator))


def argument_values(operator: Any) -> dict[str, Any]:
    """Return the arguments of an operator, keyed by name."""
    kind: type = type(operator)
    options = (option.name for option in OPTIONS if option.operator and hasattr(operator, option.name))
    return {name: getattr(operator, name) for name in (*options, *own_arguments(kind)) if hasattr(operator, name)}


def check_values(
    kind: type, values: Mapping[str, Any], *, known: Callable[[str, Any], bool] = lambda name, value: True
) -> None:
    """Raise UserError for the first argument that has a wrong type. `kind`: class of the operator.

    `values`: arguments, keyed by name. `known`: function that gets the name and the value of an argument. An argument
    for which it returns False is not checked, because its value is known only when the task runs.
    """
    for option in OPTIONS:
        value = values.get(option.name) if option.operator else None
        if value is not None and known(option.name, value):
            _check_option(option, value)
    for name, annotation in own_arguments(kind).items():
        if name in values and known(name, values[name]):
            check_type(values[name], annotation, name)


def _check_option(option: Option, value: Any) -> None:
    try:
        convert_option(option, value)
    except UserError as error:
        if not option.templated and isinstance(value, str) and "{{" in value:
            raise UserError(f"{error}; Airflow renders no templates in {option.name}") from None
        raise


def _read_rendered(option: Option, text: str) -> Any:
    """Return the rendered text of an option as an int, or as the object that its JSON describes.

    Return the text unchanged if the option takes text, or if the text cannot be converted.
    """
    if option.kind is COUNT and _WHOLE.fullmatch(text.strip()):
        return int(text)
    if option.kind in (PAIRS, TEMPLATE):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def check_type(value: Any, annotation: str, name: str) -> None:
    """Raise UserError if the type of a value is not in an annotation such as `str | None`.

    `name`: name of the argument.
    """
    kinds = annotation.split(" | ")
    if value is None and "None" in kinds:
        return
    readers = [READERS[kind] for kind in kinds if kind != "None"]
    errors = []
    for read in readers:
        try:
            read(value, name)
        except UserError as error:
            errors.append(error)
    if len(errors) == len(readers):
        raise errors[-1]


@cache
def own_arguments(operator: type) -> dict[str, str]:
    """Return the arguments of an operator that kubeque's classes declare, without the sweep options.

    Keys are the names, values are the annotations as text.
    """
    found: dict[str, str] = {}
    for cls in operator.__mro__:
        ours = cls.__module__.startswith(_MODULES) and not cls.__module__.endswith(_GENERATED)
        if ours and "__init__" in vars(cls):
            for parameter in list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]:
                if parameter.kind is not parameter.VAR_KEYWORD:
                    found.setdefault(parameter.name, str(parameter.annotation))
    return found


@cache
def _names(operator: type) -> tuple[frozenset[str], frozenset[str]]:
    """Return two sets of argument names of an operator: those that kubeque declares, and all names."""
    names = {
        cls: set(inspect.signature(vars(cls)["__init__"]).parameters)
        for cls in operator.__mro__
        if cls is not object and "__init__" in vars(cls)
    }
    own = set().union(*(given for cls, given in names.items() if cls.__module__.startswith(_MODULES)))
    return frozenset(own - {"self", "kwargs"}), frozenset(set().union(*names.values()))


def _refuse(value: Any, name: str, remedy: str) -> UserError:
    return UserError(f"{name} {describe(value)}: {remedy}")


def _read_seconds(value: Any, name: str) -> None:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 <= value < math.inf):
        raise _refuse(value, name, "write a number of seconds, for example 5.0")


def _read_timedelta(value: Any, name: str) -> None:
    if not isinstance(value, timedelta):
        raise _refuse(value, name, "give a timedelta")


def _read_numbers(value: Any, name: str) -> None:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise _refuse(value, name, "write a list of whole numbers, for example [3, 5]")
    for item in value:
        COUNT.convert(item, name)


def _read_pointer(value: Any, name: str) -> None:
    if hasattr(value, "task_id") and hasattr(value, "dag_id"):
        raise UserError(
            f"{name} is the Airflow task {value.task_id!r} itself: pass its output, for example"
            f" {name}={value.task_id}.output"
        )
    if not isinstance(value, Mapping):
        raise UserError(
            f"{name} {describe(value)} is not a job: give its name or the output of a KubequeSubmitOperator"
        )


def _read_choice(choices: Any) -> Callable[[Any, str], None]:
    """Return a reader for a Literal type. The reader raises UserError for any other value."""

    def read(value: Any, name: str) -> None:
        if value not in get_args(choices):
            raise _refuse(value, name, f"use one of {', '.join(get_args(choices))}")

    return read


def _read_path(value: Any, name: str) -> None:
    if not hasattr(value, "is_absolute"):
        raise _refuse(value, name, "give a path or a URL")


def _read_any(value: Any, name: str) -> None:
    """Accept a value of any type, because another function checks the value."""


#: Functions that raise UserError for a value of a wrong type, keyed by the name of the type in an operator's
#: annotation.
READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "str": TEXT.convert,
    "bool": FLAG.convert,
    "int": COUNT.convert,
    "float": _read_seconds,
    "timedelta": _read_timedelta,
    "OnClear": _read_choice(OnClear),
    "OnEmpty": _read_choice(OnEmpty),
    "Sequence[str]": TEXTS.convert,
    "Sequence[int]": _read_numbers,
    "Sequence[Any]": WORDS.convert,
    "Mapping[str, int]": COUNTS.convert,
    "Mapping[str, Any]": _read_pointer,
    "Path": _read_path,
    "ObjectStoragePath": _read_path,
    "Any": _read_any,
    "Callable[..., Any]": _read_any,
    "Collection[Any]": _read_any,
}
