"""Tables that fit the screen and print row by row."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import chain, islice

import click

from kubeque.cli.output.streams import write_own
from kubeque.cli.output.terminal import colour_state, count_cells, fit, wants_colour, wrap_words
from kubeque.lazy_dataclass import dataclass
from kubeque.model.text import safe_text

#: Number of rows at the start that determine the column widths. Later rows are read while the table is printed, so a
#: long table appears at once.
_MEASURED = 200
_GAP = 2
#: Minimum width in terminal cells of a column that is cut, because the columns that must be shown do not fit otherwise.
_NARROWEST = 6
#: Width in terminal cells to which a text may be cut before any column is left out.
_READABLE = 20
#: Values that count as empty. A column with only such values is left out first.
_EMPTY = frozenset({"", "0"})


@dataclass(frozen=True, slots=True)
class Table:
    """A table that prints its rows one by one."""

    headers: Sequence[str]
    #: Headers of columns that hold numbers, aligned to the right.
    right: frozenset[str] = frozenset()
    #: Headers of columns that are shown on every screen.
    kept: frozenset[str] = frozenset()
    #: Headers of columns that a narrow screen leaves out first, in this order.
    minor: Sequence[str] = ()
    #: Headers of columns that are never cut, because users type their values in later commands.
    whole: frozenset[str] = frozenset()

    def print(self, rows: Iterable[Sequence[str]]) -> None:
        """Print the headers and all rows.

        On a terminal, columns are left out or cut until a line fits the screen. The columns in `whole` are never cut.
        """
        terminal = sys.stdout.isatty()
        rest = iter(rows)
        first = list(islice(rest, _MEASURED))
        widths = [max(map(count_cells, column)) for column in zip(self.headers, *first, strict=True)]
        columns = list(range(len(widths)))
        if terminal:
            columns, widths = self._fit(first, widths, shutil.get_terminal_size().columns)
        paint = wants_colour()
        for number, row in enumerate(chain([self.headers], first, rest)):
            text = self._line(list(map(safe_text, row)), columns, widths, cut=terminal, paint=paint and number > 0)
            write_own(f"{click.style(text, bold=True) if paint and number == 0 else text}\n", sys.stdout)
        if hidden := [self.headers[at] for at in range(len(widths)) if at not in columns]:
            note = f"left out on this narrow screen: {', '.join(hidden)}; --json prints all"
            click.echo(wrap_words(note, "  "), err=True)

    def _fit(self, rows: Sequence[Sequence[str]], widths: list[int], room: int) -> tuple[list[int], list[int]]:
        """Return the columns to show, and the widths of all columns, so that a line has at most `room` cells.

        Columns without a value in `rows` are left out first, then the columns in `minor`, then columns from the right.
        Then long texts are cut. Numbers and the columns in `kept` are cut only if the line is still too long. The
        columns in `whole` are never cut, even if the line becomes longer than `room`.
        """
        columns = list(range(len(widths)))
        empty = {at for at in columns if all(row[at] in _EMPTY for row in rows)}
        order = sorted(columns, key=lambda at: (at not in empty, self._importance(at), -at))
        for at in order:
            least = sum(self._least(widths, i) + _GAP for i in columns) - _GAP
            if least > room and self.headers[at] not in self.kept | self.whole:
                columns = [i for i in columns if i != at]
        fitted = list(widths)
        texts = [at for at in columns if self._least(widths, at) < widths[at]]
        _narrow(fitted, texts, columns, room, _READABLE)
        _narrow(fitted, [at for at in columns if self.headers[at] not in self.whole], columns, room, _NARROWEST)
        return columns, fitted

    def _importance(self, at: int) -> int:
        """Return a sort key for leaving out columns: a column with a smaller key is left out earlier."""
        name = self.headers[at]
        return self.minor.index(name) if name in self.minor else len(self.minor)

    def _least(self, widths: list[int], at: int) -> int:
        """Return the smallest width in terminal cells with which a column is useful."""
        never_cut = self.headers[at] in self.whole | self.kept | self.right
        return widths[at] if never_cut else min(widths[at], _READABLE)

    def _line(self, row: Sequence[str], columns: list[int], widths: list[int], *, cut: bool, paint: bool) -> str:
        parts = []
        for at in columns:
            text = fit(row[at], widths[at]) if cut else row[at]
            blank = " " * (widths[at] - count_cells(text))
            text = colour_state(text, on=paint)
            parts.append(blank + text if self.headers[at] in self.right else text + blank)
        return (" " * _GAP).join(parts).rstrip()


def _narrow(widths: list[int], cut: Sequence[int], columns: Sequence[int], room: int, least: int) -> None:
    """Reduce widths of the columns `cut`, the widest first, until all `columns` fit into `room` cells.

    No width becomes less than `least`. If this does not suffice, the columns stay wider than `room`.
    """
    while cut and sum(widths[at] + _GAP for at in columns) - _GAP > room:
        widest = max(cut, key=lambda at: widths[at])
        if widths[widest] <= least:
            return
        widths[widest] -= 1
