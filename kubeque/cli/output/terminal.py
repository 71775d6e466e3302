"""Colours, and tables that fit the screen and are printed row by row."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TextIO

import click

from kubeque.model.resources import format_seconds

#: Widths are taken from so many rows; a table of a million begins at once.
_MEASURED = 200
_GAP = 2
#: A column is made no narrower than this to make room for others; then columns are left out instead.
_NARROWEST = 6
_COLOURS = {
    "ok": "green", "success": "green", "failed": "red", "killed": "red", "stopped": "red", "running": "cyan",
    "active": "cyan", "lost": "yellow", "preempted": "yellow",
}  # fmt: skip


def coloured(stream: TextIO | None = None) -> bool:
    """Are colours wanted there? Only on a terminal, and never where NO_COLOR is set (no-color.org)."""
    return (stream or sys.stdout).isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(word: str, *, on: bool) -> str:
    """A word for a state in its colour."""
    return click.style(word, fg=_COLOURS[word.strip()]) if on and word.strip() in _COLOURS else word


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows are printed as they come."""

    headers: Sequence[str]
    #: Headers of columns that hold numbers.
    right: frozenset[str] = frozenset()
    #: Headers of columns that are left out last, where the screen is too narrow for all.
    kept: frozenset[str] = frozenset()

    def print(self, rows: Iterable[Sequence[str]]) -> None:
        """Print all rows below the headers. On a terminal no line is longer than the screen is wide."""
        terminal = sys.stdout.isatty()
        rest = iter(rows)
        first = list(islice(rest, _MEASURED))
        widths = [max(map(cells, column)) for column in zip(self.headers, *first, strict=True)]
        columns = list(range(len(widths)))
        if terminal:
            columns, widths = self._fitted(widths, shutil.get_terminal_size().columns)
        paint = coloured()
        for number, row in enumerate(chain([self.headers], first, rest)):
            text = self._line(row, columns, widths, cut=terminal, paint=paint and number > 0)
            click.echo(click.style(text, bold=True) if paint and number == 0 else text)
        if hidden := len(widths) - len(columns):
            click.echo(f"{hidden} columns do not fit here: --json shows all", err=True)

    def _fitted(self, widths: list[int], room: int) -> tuple[list[int], list[int]]:
        """Which columns are shown, and the widths of all, so that a line takes no more than `room` cells."""
        columns = list(range(len(widths)))
        for at in reversed(columns):
            least = sum(min(widths[i], _NARROWEST) + _GAP for i in columns) - _GAP
            if least > room and self.headers[at] not in self.kept:
                columns = [i for i in columns if i != at]
        fitted = list(widths)
        while sum(fitted[i] + _GAP for i in columns) - _GAP > room:
            widest = max(columns, key=lambda i: fitted[i])
            if fitted[widest] <= _NARROWEST:
                break
            fitted[widest] -= 1
        return columns, fitted

    def _line(self, row: Sequence[str], columns: list[int], widths: list[int], *, cut: bool, paint: bool) -> str:
        parts = []
        for at in columns:
            text = fitted(row[at], widths[at]) if cut else row[at]
            blank = " " * (widths[at] - cells(text))
            text = painted(text, on=paint)
            parts.append(blank + text if self.headers[at] in self.right else text + blank)
        return (" " * _GAP).join(parts).rstrip()


def cells(text: str) -> int:
    """How many cells of a terminal `text` takes: a Chinese letter takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def fitted(text: str, width: int) -> str:
    """`text` in at most `width` cells, marked where something was left out."""
    if cells(text) <= width:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + "…"


def pairs(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Lines of a name and what it is, the latter aligned."""
    kept = [(name, text) for name, text in rows if text]
    width = max((len(name) for name, _ in kept), default=0)
    return (f"{name:<{width}}  {text}" for name, text in kept)


def age(since: float, now: float) -> str:
    """How long ago that was (Unix times, seconds), in one or two units."""
    return duration(max(0.0, now - since)) + " ago"


#: Seconds as the screen shows them.
duration = format_seconds
