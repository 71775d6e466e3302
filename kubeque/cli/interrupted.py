"""Ctrl-C: what has been done by then, and how to go on, in one line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click


class Interrupted(click.exceptions.Abort):
    """The user pressed Ctrl-C; its text says what that means."""


@contextmanager
def saying(text: str) -> Iterator[None]:
    """Let Ctrl-C in this block mean `text`."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(text) from None


def deaf() -> None:
    """Hear no Ctrl-C from here on: the process is about to leave anyway."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
