"""The table of a job as a list, with a short text for a terminal and a table for a notebook."""

from __future__ import annotations

from typing import Any

from kubeque.model.html_table import html_table
from kubeque.model.rows.column_names import FACTS
from kubeque.model.text import printable

#: Maximum number of rows on a terminal, and in a notebook.
_TEXT_ROWS, _HTML_ROWS = 10, 20
#: Maximum length of a value on a terminal, characters.
_CHARACTERS = 24
#: Facts that a terminal and a notebook show if one of the shown rows has them. Other facts are only in the dicts.
_SHOWN = ("state", "seconds", "message")


class Table(list[dict[str, Any]]):
    """The table of a job: a list with one dict for each row."""

    def __repr__(self) -> str:
        columns = self._shown_columns(_TEXT_ROWS)
        if not columns:
            return self._describe(_TEXT_ROWS)
        lines = [[_text(name) for name in columns]]
        lines += [[_text(row.get(name)) for name in columns] for row in self[:_TEXT_ROWS]]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        shown = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n".join([*shown, self._describe(_TEXT_ROWS)])

    def _repr_html_(self) -> str:
        columns = self._shown_columns(_HTML_ROWS)
        rows = [[row.get(name) for name in columns] for row in self[:_HTML_ROWS]]
        return html_table(columns, rows, self._describe(_HTML_ROWS))

    def _shown_columns(self, rows: int) -> list[str]:
        names = dict.fromkeys(name for row in self[:rows] for name in row)
        hidden = {fact for fact in FACTS if fact not in _SHOWN or not any(row.get(fact) for row in self[:rows])}
        return [name for name in names if name not in hidden]

    def _describe(self, shown: int) -> str:
        more = f", {len(self) - shown:,} more than shown" if len(self) > shown else ""
        return f"{len(self):,} row{'s' * (len(self) != 1)}{more}"


def _text(value: object) -> str:
    return "" if value is None else printable(value, _CHARACTERS)
