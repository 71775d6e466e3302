"""Handle Ctrl-C, and ask for confirmation. After Ctrl-C, one line says what was done and how to continue."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import KubequeError, UserError


class Interrupted(click.exceptions.Abort):
    """The user pressed Ctrl-C. The message says what has been done and how to continue."""


class Declined(KubequeError):
    """The user answered no. The exit code is 1."""


@dataclass()
class InterruptMessage:
    """The message for Ctrl-C. The code in the `with` block of `on_interrupt` can replace it."""

    message: str


@contextmanager
def on_interrupt(message: str) -> Iterator[InterruptMessage]:
    """Raise Interrupted if the user presses Ctrl-C in the `with` block.

    Yield an object with the message of Interrupted: at first `message`. The block can set a different message.
    """
    current = InterruptMessage(message)
    try:
        yield current
    except KeyboardInterrupt:
        raise Interrupted(current.message) from None


def confirm(question: str, *, err: bool) -> None:
    """Ask the user a yes-or-no question. `err`: True to print the question on standard error.

    Raises Declined if the answer is no. Raises UserError without a terminal.
    """
    try:
        yes = click.confirm(question, err=err)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)  # end the line of the question
        raise UserError("there is no terminal to answer the question: add --yes") from None
    if not yes:
        raise Declined("nothing is changed")


def describe_interrupt(stop: BaseException) -> str:
    """Return the message to print after Ctrl-C: that of the first Interrupted in the chain of causes and contexts.

    The chain begins with `stop`. After a second Ctrl-C during the clean-up, `stop` itself is not an Interrupted. If the
    chain has no Interrupted, return "interrupted".
    """
    error: BaseException | None = stop
    while error is not None and not isinstance(error, Interrupted):
        error = error.__cause__ or error.__context__
    return str(error or "interrupted")


class SigintHandler:
    """Handler of SIGINT that raises KeyboardInterrupt until `ignores` is True.

    A second Ctrl-C cannot interrupt the assignment `ignores = True`. So the program uses this assignment at its end. A
    call of `signal.signal` could raise KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.ignores = False

    def __call__(self, number: int, frame: object) -> None:
        if not self.ignores:
            raise KeyboardInterrupt
