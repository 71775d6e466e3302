"""A command with placeholders. It is parsed once, and rendered for each row.

`{column}` is replaced by the row's value. `\\{` and `\\}` (or `{{` and `}}`) are literal braces. A leading `^` uploads
the file with the path after it.

Values are data: placeholders in a value are not replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import CommandError
from kubeque.model.suggestions import suggest_column
from kubeque.model.text import cut

#: Matches text that is probably the name of a column, and not code in braces.
_LIKELY_COLUMN = re.compile(r"\s*[\w./-]+\s*")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A column whose value is inserted into a word."""

    name: str


Part = str | Placeholder


@dataclass(frozen=True, slots=True)
class Word:
    """One argument of a command, or one path with placeholders."""

    parts: tuple[Part, ...]
    #: True if the word began with `^`. The rest of the word is the path of a file to upload.
    upload: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in the word, in order."""
        return tuple(part.name for part in self.parts if isinstance(part, Placeholder))

    @property
    def prefix(self) -> str:
        """Text before the first placeholder; empty if the word begins with a placeholder."""
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) else ""

    def render(self, row: Mapping[str, str]) -> str:
        """Return the word with the values of `row` in place of its placeholders."""
        return "".join(part if isinstance(part, str) else row[part.name] for part in self.parts)

    def to_wire(self) -> list[Any]:
        """Return the word in the form that a job's spec stores: the flag `upload`, then the parts."""
        return [int(self.upload), *(part if isinstance(part, str) else [part.name] for part in self.parts)]

    @classmethod
    def from_wire(cls, wire: Sequence[Any]) -> Word:
        """Return the word that `to_wire` stored. Raises TypeError or ValueError for any other value."""
        if not isinstance(wire, list | tuple):
            raise TypeError(f"a word is {cut(repr(wire), 60)}")
        upload, *parts = wire
        names = [part[0] if type(part) is list and part else part for part in parts]
        if upload not in (0, 1) or any(type(name) is not str for name in names):
            raise TypeError(f"a word is {cut(repr(wire), 60)}")
        return cls(tuple(part if isinstance(part, str) else Placeholder(part[0]) for part in parts), bool(upload))


def parse_word(text: str, *, braces_double: bool = True) -> Word:
    """Return one word of a command in its parsed form.

    `braces_double`: True if `{{` and `}}` mean one brace each. False in Airflow, where `{{` belongs to Jinja. A `}`
    after a literal brace `\\{` closes it. Raises CommandError for an unbalanced brace, an empty placeholder, or `^`
    without a path.
    """
    upload = text.startswith("^")
    parts: list[Part] = []
    literal = ""
    rest = text[1:] if upload else text
    at = escaped = 0  # `escaped`: number of open literal braces
    while at < len(rest):
        pair, char = rest[at : at + 2], rest[at]
        if pair in ("\\{", "\\}") or (braces_double and (pair == "{{" or (pair == "}}" and escaped < 2))):
            escaped = max(0, escaped + (1 if pair == "\\{" else -1 if "}" in pair else 0))
            literal, at = literal + pair[1], at + 2
        elif char == "{":
            end = rest.find("}", at)
            name = rest[at + 1 : end] if end > 0 else ""
            if not name or "{" in name:
                raise _wrong_brace(text, rest[at:])
            parts += [literal] if literal else []
            parts.append(Placeholder(name))
            literal, at = "", end + 1
        elif char == "}" and not escaped:
            raise _wrong_brace(text, "")
        else:
            escaped -= char == "}"
            literal, at = literal + char, at + 1
    parts += [literal] if literal else []
    if upload and not parts:
        raise CommandError(f"the word {text!r} names no file: write ^ and a path, for example ^run.py")
    return Word(tuple(parts), upload)


def _wrong_brace(text: str, rest: str) -> CommandError:
    """Return the error for a brace that begins no placeholder. `rest`: text from a `{`; empty for a wrong `}`."""
    if group := cut(_balanced(rest), 60):
        return CommandError(
            f"the word {text!r} has {group}, and this is not a column: write {_literal(group)} for a literal brace, and"
            " {column} for a value of the row"
        )
    return CommandError(
        f"the word {text!r} has an unbalanced brace: write {{column}} for a value of the row, and \\{{ or \\}} for a"
        " literal brace"
    )


def _balanced(text: str) -> str:
    """Return the text from a `{` at its start to the `}` that closes it; empty if it is not closed."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if not depth:
            return text[: at + 1]
    return ""


def _literal(group: str) -> str:
    """Return `group`, a text in braces, with all its braces escaped except those of an inner `{column}`."""
    return "\\{" + re.sub(r"(?<!\\)\{(?![\w./-]+\})", r"\\{", group[1:])


def check_columns(words: Iterable[Word], columns: Sequence[str]) -> None:
    """Raise CommandError if a word contains a column that the rows do not have. The column `index` always exists."""
    known = {*columns, "index"}
    for word in words:
        for name in word.columns:
            if name not in known:
                there = (
                    f"the columns are {', '.join(columns)}"
                    if columns
                    else "the sweep has no parameters, so its only column is {index}, the number of the task"
                )
                if not _LIKELY_COLUMN.fullmatch(name):
                    group = cut(f"{{{name}}}", 60)
                    raise CommandError(
                        f"{group} in the command is not a column: write {_literal(group)} for a literal brace; {there}"
                    )
                near = suggest_column(name, known, braces=True)
                raise CommandError(
                    f"unknown column {{{name}}} in the command: {there}{near}; a literal brace is written \\{{"
                )


def brace_remedy(path: str) -> str:
    """Return a remedy for a missing file, if its path has a part like `{column}`; otherwise an empty text."""
    if not re.search(r"\{[^{}]+\}", path):
        return ""
    return "; this path is the same for all rows: to upload a file of each row, write '^{column}' in the command"


def format_word(word: Word) -> str:
    """Return the text of a word, as a user would write it."""
    text = "".join(f"{{{part.name}}}" if isinstance(part, Placeholder) else part for part in word.parts)
    return f"^{text}" if word.upload else text
