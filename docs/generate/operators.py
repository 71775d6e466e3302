"""Generate docs/operators.md: the arguments of each operator, from signatures, docstrings and sweep options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from docs.generate.operator_code import own_parameters
from kubeque.model.sweep.options import GROUPS

#: Module and class of each operator and sensor, in the order of the page.
OPERATORS = (
    ("kubeque_provider.task_groups.sweep", "KubequeSweep"),
    ("kubeque_provider.operators.submit", "KubequeSubmitOperator"),
    ("kubeque_provider.decorators.function", "KubequeFunctionOperator"),
    ("kubeque_provider.sensors.job", "KubequeJobSensor"),
    ("kubeque_provider.operators.fetch", "KubequeFetchOperator"),
    ("kubeque_provider.operators.collect", "KubequeCollectOperator"),
    ("kubeque_provider.operators.go", "KubequeGoOperator"),
    ("kubeque_provider.operators.reset", "KubequeResetOperator"),
    ("kubeque_provider.operators.kill", "KubequeKillOperator"),
    ("kubeque_provider.operators.remove", "KubequeRemoveOperator"),
    ("kubeque_provider.operators.cluster", "KubequeStartClusterOperator"),
    ("kubeque_provider.operators.cluster", "KubequeStopClusterOperator"),
)
#: Arguments that `@task.kubeque` sets itself.
_SET_BY_DECORATOR = frozenset({"command", "python_callable", "task_id", "op_args", "op_kwargs"})
#: Text for defaults that the Airflow configuration sets, or whose `repr` is hard to read.
_DEFAULTS = {"deferrable": "`[operators] default_deferrable`", "orphan_after": "12 hours"}
_HEAD = [
    "# The operators", "",
    "<!-- Made by `make docs` from the classes and kubeque/model/sweep/options.py: change those. -->", "",
    "Every operator and sensor, with every argument besides those of Airflow's own `BaseOperator`. How they work",
    "together: [from Airflow](howto/airflow.md). Airflow renders templates in the arguments marked yes.", "",
]  # fmt: skip


def operators_page() -> str:
    """Return docs/operators.md."""
    lines = list(_HEAD)
    for module, name in OPERATORS:
        lines += _operator(getattr(import_module(module), name))
    return "\n".join(lines).rstrip() + "\n"


def _operator(operator: type[Any]) -> Iterator[str]:
    decorator = operator.__name__ == "KubequeFunctionOperator"
    yield from [f"## {'@task.kubeque' if decorator else operator.__name__}", ""]
    yield from [f"`from {operator.__module__} import {operator.__name__}`", ""] if not decorator else []
    for paragraph in inspect.cleandoc(operator.__doc__ or "").split("\n\n"):
        yield from [_escape(" ".join(paragraph.split())), ""]
    texts = descriptions(operator)
    own = {name: (argument, texts.get(name, "")) for name, argument in own_arguments(operator).items()}
    yield from _table(operator, own)
    if decorator:
        yield from ["It also takes the arguments of KubequeSubmitOperator, those of the sweep too.", ""]
    elif operator.__name__ == "KubequeSubmitOperator":
        yield from _sweep_tables(operator)


def _sweep_tables(operator: type[Any]) -> Iterator[str]:
    from kubeque_provider.operators.sweep_arguments import SweepArgumentsOperator

    arguments = {argument.name: argument for argument in own_parameters(SweepArgumentsOperator)}
    for group in GROUPS:
        taken = {option.name: (arguments[option.name], option.text) for option in group.options if option.operator}
        if taken:
            yield from [f"### {group.title}", "", *_table(operator, taken)]


def own_arguments(operator: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the arguments that kubeque's classes declare, by name. Sweep options are left out.

    For `@task.kubeque`, return only the arguments of its own class, without the arguments that the decorator sets.
    """
    found: dict[str, inspect.Parameter] = {}
    decorator = operator.__name__ == "KubequeFunctionOperator"
    for cls in [operator] if decorator else operator.__mro__:
        if cls.__module__.startswith("kubeque_provider.") and not cls.__module__.endswith(".sweep_arguments"):
            for parameter in own_parameters(cls):
                found.setdefault(parameter.name, parameter)
    return {name: parameter for name, parameter in found.items() if not (decorator and name in _SET_BY_DECORATOR)}


def descriptions(operator: type[Any]) -> dict[str, str]:
    """Return the descriptions of arguments in docstrings, by name.

    A description begins after `name`: and ends before the next such name, or at the end of the paragraph.
    """
    texts: dict[str, str] = {}
    for cls in operator.__mro__:
        if cls.__module__.startswith("kubeque_provider."):
            init = vars(cls).get("__init__")
            for doc in (init.__doc__ if init else "", cls.__doc__):
                for name, text in _described(inspect.cleandoc(doc or "")):
                    texts.setdefault(name, text)
    return texts


def _described(doc: str) -> Iterator[tuple[str, str]]:
    for paragraph in doc.split("\n\n"):
        pieces = re.split(r"(?:^|(?<=[.:;] ))`(\w+)`: ", " ".join(paragraph.split()))
        for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
            yield name, text.strip()[:1].upper() + text.strip()[1:]


def _table(operator: type[Any], arguments: Mapping[str, tuple[inspect.Parameter, str]]) -> Iterator[str]:
    if not arguments:
        return
    yield from ["| argument | type | default | templated | |", "|---|---|---|---|---|"]
    for name, (argument, text) in arguments.items():
        kind = str(argument.annotation).replace("|", "\\|")
        templated = "yes" if name in getattr(operator, "template_fields", ()) else ""
        yield f"| `{name}` | `{kind}` | {_default(argument)} | {templated} | {_escape(text)} |"
    yield ""


def _default(argument: inspect.Parameter) -> str:
    if argument.default is inspect.Parameter.empty:
        return "required"
    return _DEFAULTS.get(argument.name, f"`{argument.default!r}`".replace("'", '"'))


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
