"""Text for a terminal: colours, widths in cells, lines that fit the screen, and aligned pairs."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TextIO

import click

from kubeque.cli.output.streams import write_own
from kubeque.model.quantities import format_seconds
from kubeque.model.text import VALUE_CHARACTERS, printable, safe_text

_COLOURS = {
    "ok": "green", "success": "green", "failed": "red", "killed": "red", "stopped": "red", "running": "cyan",
    "active": "cyan", "lost": "yellow", "preempted": "yellow",
}  # fmt: skip


def wants_colour(stream: TextIO | None = None) -> bool:
    """True if `stream` is a terminal that has colours, and NO_COLOR is not set (no-color.org).

    `stream`: None for standard output.
    """
    return (stream or sys.stdout).isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def colour_state(word: str, *, on: bool) -> str:
    """Return `word`. If it is the name of a state, add the colour of the state. `on`: False for no colour."""
    return click.style(word, fg=_COLOURS[word.strip()]) if on and word.strip() in _COLOURS else word


def terminal_text(value: object, limit: int = VALUE_CHARACTERS) -> str:
    """Return `value` on one line, without control characters. On a terminal, cut it to `limit` characters."""
    return printable(value, limit if sys.stdout.isatty() else sys.maxsize)


def print_finding(word: str, ok: bool, rest: str) -> None:
    """Print one line: `word` in green (`ok` is True) or red, then `rest`. Without a terminal, print no colour."""
    word = click.style(word, fg="green" if ok else "red") if wants_colour() else word
    write_own(f"{word}  {safe_text(rest)}\n", sys.stdout)


def count_cells(text: str) -> int:
    """Return the number of terminal cells that `text` occupies. A Chinese character occupies two cells."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def wrap_words(text: str, indent: str) -> str:
    """Return `text`; on a terminal, break long lines between words. The second and later lines begin with `indent`."""
    width = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or count_cells(text) <= width:
        return text
    return textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False)


def fit(text: str, width: int) -> str:
    """Return `text`, cut to at most `width` cells. A text that was cut ends with `…`."""
    if count_cells(text) <= width:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + "…"


def format_pairs(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield one line for each pair of name and value, with aligned values. Leave out pairs with an empty value."""
    kept = [(name, text) for name, text in rows if text]
    width = max((len(name) for name, _ in kept), default=0)
    return (f"{name:<{width}}  {text}" for name, text in kept)


def format_time(at: float) -> str:
    """Return a time as text, in the time zone of this machine. `at`: Unix seconds."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def format_age(since: float, now: float) -> str:
    """Return the time between two Unix times as text, for example `3m05s ago`."""
    return duration(max(0.0, now - since)) + " ago"


#: Function that returns a number of seconds as text, for example `3m05s`.
duration = format_seconds
