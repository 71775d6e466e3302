"""The options that select rows of a job by index, values and state. They are the same in all commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from kubeque.model.job.row_selection import SELECTABLE_STATES

F = TypeVar("F", bound=Callable[..., Any])


def index_option(verb: str) -> Callable[[F], F]:
    """Return the decorator for the repeatable option `--index`.

    The decorated function gets the parameter `index`: one text such as `3,5-9`, or None. `verb`: first word of the
    option's help, for example "Fetch".
    """

    def join(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> str | None:
        return ",".join(given) if given else None

    return click.option(
        "--index", multiple=True, callback=join, metavar="3,5-9",
        help=f"{verb} only the rows with these indexes. Repeatable.",
    )  # fmt: skip


def row_options(verb: str) -> Callable[[F], F]:
    """Return the decorator for the options `--index`, `--where` and `--state`.

    `verb`: first word of their help, for example "Kill".
    """

    def add(command: F) -> F:
        state = click.option(
            "--state", "states", multiple=True, type=click.Choice(SELECTABLE_STATES),
            help=f"{verb} only rows in this state. Repeatable.",
        )  # fmt: skip
        where = click.option(
            "--where", multiple=True, metavar="CONDITION",
            help=f"{verb} only rows whose values meet this condition, for example 'lr>0.1' (operators: = != < <= > >=)."
            " Repeatable: all conditions must hold.",
        )  # fmt: skip
        return index_option(verb)(where(state(command)))

    return add
