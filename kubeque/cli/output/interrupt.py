"""Ctrl-C: what has been done by then, and how to go on, in one line."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from kubeque.model.errors import UserError


class Interrupted(click.exceptions.Abort):
    """The user pressed Ctrl-C; its text says what that means."""


@dataclass
class Meaning:
    """What Ctrl-C means now."""

    text: str


@contextmanager
def saying(text: str) -> Iterator[Meaning]:
    """Let Ctrl-C in this block mean `text`, until what is yielded is given another: also while the block is left."""
    meaning = Meaning(text)
    try:
        yield meaning
    except KeyboardInterrupt:
        raise Interrupted(meaning.text) from None


def sure(question: str, *, err: bool) -> None:
    """Ask before something goes for good. A no is Interrupted; UserError where nobody is there to answer."""
    try:
        yes = click.confirm(question, err=err)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)  # the question has no line of its own yet
        raise UserError("nobody is here to answer: say --yes") from None
    if not yes:
        raise Interrupted("nothing is changed")


def deaf() -> None:
    """Hear no Ctrl-C from here on: the process is about to leave anyway."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
