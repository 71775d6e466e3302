"""A table of values as HTML, for example for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubeque.model.text import printable


def html_table(columns: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """Return a table as HTML. Each value is shortened and escaped, because values can come from strangers.

    `note`: text below the table; empty for no note.
    """
    from html import escape  # only notebooks need it

    def cell(value: object) -> str:
        return "" if value is None else escape(printable(value))

    head = "".join(f"<th>{cell(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell(value)}</td>' for value in row)}</tr>" for row in rows)
    below = f"<p>{escape(note)}</p>" if note else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"
