"""A command line with placeholders: read once in the author's text, filled in for each row.

`{column}` takes a row's value, `\\{` and `\\}` (or `{{` and `}}`) are literal braces, a leading `^` uploads the file.
What a row's value contains is data and is never read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubeque.model.errors import CommandError


@dataclass(frozen=True, slots=True)
class Placeholder:
    """The place of a row's value inside a word."""

    name: str


Part = str | Placeholder


@dataclass(frozen=True, slots=True)
class Word:
    """One argument of a command, or one path with placeholders."""

    parts: tuple[Part, ...]
    #: It began with `^`: the rest names a file to bring along.
    upload: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts if isinstance(part, Placeholder))

    @property
    def prefix(self) -> str:
        """The text before the first placeholder."""
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) else ""

    def render(self, row: Mapping[str, str]) -> str:
        return "".join(part if isinstance(part, str) else row[part.name] for part in self.parts)

    def to_wire(self) -> list[Any]:
        return [int(self.upload), *(part if isinstance(part, str) else [part.name] for part in self.parts)]

    @classmethod
    def from_wire(cls, wire: Sequence[Any]) -> Word:
        upload, *parts = wire
        return cls(tuple(part if isinstance(part, str) else Placeholder(part[0]) for part in parts), bool(upload))


def parse_word(text: str, *, braces_double: bool = True) -> Word:
    """Read one word of the author's text.

    `braces_double`: `{{` and `}}` stand for one brace each (not in Airflow, where `{{` belongs to Jinja).
    Raises CommandError for an unbalanced brace or an empty placeholder.
    """
    upload = text.startswith("^")
    parts: list[Part] = []
    literal = ""
    rest = text[1:] if upload else text
    at = 0
    while at < len(rest):
        pair, char = rest[at : at + 2], rest[at]
        if pair in ("\\{", "\\}") or (braces_double and pair in ("{{", "}}")):
            literal, at = literal + pair[1], at + 2
        elif char == "{":
            end = rest.find("}", at)
            name = rest[at + 1 : end] if end > 0 else ""
            if not name or "{" in name:
                raise _brace(text)
            parts += [literal] if literal else []
            parts.append(Placeholder(name))
            literal, at = "", end + 1
        elif char == "}":
            raise _brace(text)
        else:
            literal, at = literal + char, at + 1
    parts += [literal] if literal else []
    if upload and not parts:
        raise CommandError(f"the word {text!r} names no file: write ^ and a path, as in ^run.py")
    return Word(tuple(parts), upload)


def _brace(text: str) -> CommandError:
    return CommandError(
        f"the word {text!r} has an unbalanced brace: write {{column}} for a value of the row, "
        "and \\{ or \\} for a brace that the program shall see"
    )


def check_columns(words: Iterable[Word], columns: Sequence[str]) -> None:
    """Raises CommandError if a word asks for a column that the rows do not have (`index` is always there)."""
    known = {*columns, "index"}
    for word in words:
        for name in word.columns:
            if name not in known:
                there = f"the columns are {', '.join(columns)}" if columns else "the sweep has no parameters"
                raise CommandError(
                    f"unknown column {{{name}}} in the command: {there}; a literal brace is written \\{{"
                )


def shown(word: Word) -> str:
    """A word as the author wrote it."""
    text = "".join(f"{{{part.name}}}" if isinstance(part, Placeholder) else part for part in word.parts)
    return f"^{text}" if word.upload else text
