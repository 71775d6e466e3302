"""Ctrl-C and confirmations. After Ctrl-C, one line says what was done and how to continue."""

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
    """The message of Interrupted. The code in the `with` block of `on_interrupt` updates it."""

    message: str


@contextmanager
def on_interrupt(message: str) -> Iterator[InterruptMessage]:
    """Raise Interrupted on Ctrl-C in this block.

    The message of Interrupted is `message`, unless the block has set a different message.
    """
    current = InterruptMessage(message)
    try:
        yield current
    except KeyboardInterrupt:
        raise Interrupted(current.message) from None


def confirm(question: str, *, err: bool) -> None:
    """Ask before deleting something. Raises Declined if the answer is no. Raises UserError without a terminal."""
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
    """Return the message of the Interrupted that caused `stop` or that was being handled when `stop` was raised.

    A second Ctrl-C can arrive while the first one leaves the `with` blocks. Then `stop` is not an Interrupted itself.
    """
    error: BaseException | None = stop
    while error is not None and not isinstance(error, Interrupted):
        error = error.__cause__ or error.__context__
    return str(error or "interrupted")


class SigintHandler:
    """Handler of SIGINT that raises KeyboardInterrupt until `ignores` is True.

    An assignment cannot be interrupted. A call of `signal.signal` can: it raises the KeyboardInterrupt of a second
    Ctrl-C.
    """

    def __init__(self) -> None:
        self.ignores = False

    def __call__(self, number: int, frame: object) -> None:
        if not self.ignores:
            raise KeyboardInterrupt
