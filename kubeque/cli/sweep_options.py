"""The options of `kubeque sub` that say what a sweep is: one for each key of a jobspec that has any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from kubeque.model.sweep.jobspec import Asked
from kubeque.model.sweep.options import COUNT, KEYS, Option

F = TypeVar("F", bound=Callable[..., Any])


def sweep_options(function: F) -> F:
    """Decorate a command with all of them, in the order of the table."""
    for key in reversed(KEYS):
        if key.flags:
            function = _option(key)(function)
    return function


def _option(key: Option) -> Callable[[F], F]:
    return click.option(
        *key.flags, key.name, help=key.help, metavar=key.metavar, multiple=key.kind.many, default=None,
        type=int if key.kind is COUNT else None,
    )  # fmt: skip


def as_jobspec(said: Mapping[str, Any]) -> Asked:
    """What options said, as a jobspec says it; what nobody said is not in it. Raises UserError."""
    asked: Asked = {}
    for key in KEYS:
        value = said.get(key.name)
        if value is not None and value != ():
            asked[key.name] = key.kind.read(value, key.flags[-1])
    return asked
