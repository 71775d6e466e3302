"""The options of `kubeque sub` that describe the sweep, made from the table in `kubeque.model.sweep.options`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from kubeque.cli.completion import complete_files, complete_push
from kubeque.cli.connect import complete_changed, complete_jobs
from kubeque.cli.grouped_help import GroupedOption
from kubeque.model.errors import UserError
from kubeque.model.sweep.jobspec import Jobspec
from kubeque.model.sweep.option import Option
from kubeque.model.sweep.option_types import COUNT
from kubeque.model.sweep.options import GROUPS, OPTIONS

F = TypeVar("F", bound=Callable[..., Any])
#: Prefix of the parameter names of hidden options.
_OLD = "old_"
#: Functions that complete the value of an option in the shell.
_COMPLETED = {
    "parameters": complete_files, "push": complete_push, "fetch": complete_files, "pod_template": complete_files,
    "like": complete_jobs, "name": complete_changed, "each": complete_files,
}  # fmt: skip


def sweep_options(function: F) -> F:
    """Add all options of the table `OPTIONS` to a command, in the order of the table, and return the command.

    The old names of options become hidden options.
    """
    for group in reversed(GROUPS):
        for option in reversed(group.options):
            if option.old_flags:
                function = _decorate(function, option, option.old_flags, group.title, old=True)
            if option.flags:
                function = _decorate(function, option, option.flags, group.title)
    return function


def _decorate(function: F, option: Option, flags: tuple[str, ...], group: str, *, old: bool = False) -> F:
    return click.option(*flags, _OLD * old + option.name, cls=GroupedOption, **_settings(option, group, old=old))(
        function
    )


def make_option(option: Option) -> click.Option:
    """Return the click option for an option of `OPTIONS`. The parser of `#KUBEQUE` lines uses such options."""
    return GroupedOption([*option.flags, option.name], **_settings(option, ""))


def _settings(option: Option, group: str, *, old: bool = False) -> dict[str, Any]:
    return {
        "group": group, "help": option.text, "metavar": option.metavar, "multiple": option.kind.many, "default": None,
        "type": int if option.kind is COUNT else None, "hidden": old, "shell_complete": _COMPLETED.get(option.name),
    }  # fmt: skip


def to_jobspec(values: Mapping[str, Any]) -> Jobspec:
    """Return the options that the user gave, as a jobspec.

    `values`: values of the parameters of a click command, by name. Raises UserError if an option is given under both
    its present and its old name, or for a value that the option does not accept.
    """
    jobspec: Jobspec = {}
    for option in filter(lambda option: option.flags, OPTIONS):
        present, old = values.get(option.name), values.get(_OLD + option.name)
        if _is_given(present) and _is_given(old):
            raise UserError(f"{option.old_flags[-1]} is the old name of {option.flags[-1]}: give one of the two")
        value, flags = (old, option.old_flags) if _is_given(old) else (present, option.flags)
        if _is_given(value):
            jobspec[option.name] = option.kind.read(value, flags[-1])
    return jobspec


def _is_given(value: Any) -> bool:
    return value is not None and value != ()
