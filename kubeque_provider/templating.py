"""Command words in a DAG: placeholders are read in the author's text, then Jinja runs; what Jinja inserts is data."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubeque.model.command.command import Part, Placeholder, Word, parse_word
from kubeque.model.errors import CommandError, ParametersError
from kubeque.model.text import cut

_JINJA = ("{{", "{%", "{#")
_CELL = ("{{", "{%")
#: Between such characters stands what Jinja must not see; they are for private use in Unicode.
_OPEN, _SHUT, _END = "\U000f1a0e", "\U000f1a0f", "\U000f1a10"
#: Characters of a cell in a message.
_SHOWN = 80
Render = Callable[[str], Any]


def read_word(text: str, env: Any, render: Render) -> Word:
    """One word of the author's text: `{column}`, a leading `^` and `\\{` are read before `render` runs the Jinja in it.

    `env` is the Jinja environment. Raises CommandError naming the word for an unbalanced brace or bad Jinja.
    """
    if not any(mark in text for mark in _JINJA):
        return parse_word(text, braces_double=False)
    from jinja2 import TemplateSyntaxError, UndefinedError

    upload = text.startswith("^")
    mark = secrets.token_hex(8)
    kept: list[Part] = []
    try:
        pieces = [piece if jinja else _hide(piece, text, mark, kept) for jinja, piece in _split(text[upload:], env)]
        # Jinja drops a newline at the end of a template: the mark behind it keeps it.
        rendered = str(render("".join(pieces) + _OPEN + mark + _SHUT))
    except TemplateSyntaxError as error:
        raise CommandError(
            f"the word {text!r} is no good Jinja ({error.message}): a brace that the program shall see is written \\{{"
        ) from error
    except UndefinedError as error:
        raise CommandError(
            f"the word {text!r}: Jinja knows no such variable ({error}): a column of the rows is written {{column}},"
            " and a brace that the program shall see \\{"
        ) from error
    parts = _unhide(rendered, mark, kept)
    if upload and not any(parts):
        raise CommandError(f"the word {text!r} names no file once it is rendered: write ^ and a path, as in ^run.py")
    return Word(tuple(part for part in parts if part != ""), upload)


def _split(body: str, env: Any) -> Iterable[tuple[bool, str]]:
    """The word cut into Jinja (True) and the author's own text, by Jinja's own reader."""
    # A literal brace is no beginning of Jinja.
    hidden = body.replace("\\{", _OPEN).replace("\\}", _SHUT)
    for _, kind, value in env.lex(hidden + _END):  # the end: Jinja drops a newline that nothing follows
        yield kind != "data", value.replace(_END, "").replace(_OPEN, "\\{").replace(_SHUT, "\\}")


def _hide(piece: str, text: str, mark: str, kept: list[Part]) -> str:
    """The author's text with marks in the place of columns and literal braces."""
    try:
        parts = parse_word("." + piece, braces_double=False).parts  # the dot: ^ is special at the word's beginning only
    except CommandError as error:
        raise CommandError(str(error).replace(repr("." + piece), repr(text))) from error
    shown = []
    for number, part in enumerate(parts):
        own = part[1:] if not number and isinstance(part, str) else part
        if isinstance(own, Placeholder) or "{" in own or "}" in own:
            shown.append(f"{_OPEN}{mark}{len(kept)}{_SHUT}")
            kept.append(own)
        else:
            shown.append(own)
    return "".join(shown)


def _unhide(rendered: str, mark: str, kept: list[Part]) -> list[Part]:
    parts: list[Part] = []
    for number, piece in enumerate(re.split(f"{_OPEN}{mark}(\\d*){_SHUT}", rendered)):
        found: Part = piece if number % 2 == 0 else (kept[int(piece)] if piece else "")
        if parts and isinstance(found, str) and isinstance(parts[-1], str):
            parts[-1] += found
        else:
            parts.append(found)
    return parts


def shown(word: Word) -> str:
    """A word as people read it, on the page of rendered fields."""
    text = "".join(part if isinstance(part, str) else f"{{{part.name}}}" for part in word.parts)
    return "^" + text if word.upload else text


def render_push(text: str, render: Render) -> str:
    """One file to push: `@` and `^` that Jinja brought to its beginning are part of the path."""
    rendered = str(render(text))
    return f"./{rendered}" if rendered[:1] in ("@", "^") and rendered[:1] != text[:1] else rendered


def render_rows(rows: Iterable[Any], render: Render, resolve: Callable[[Any], Any]) -> list[Any]:
    """Inline rows; of their cells only those with Jinja in them are rendered (all of 100,000 rows take 88 s)."""

    def cell(value: Any, index: int, column: Any) -> Any:
        if isinstance(value, str):
            return _cell(value, render, index, column) if any(mark in value for mark in _CELL) else value
        return resolve(value) if callable(getattr(value, "resolve", None)) else value

    return [
        {column: cell(value, index, column) for column, value in row.items()} if isinstance(row, Mapping) else row
        for index, row in enumerate(rows)
    ]


def _cell(text: str, render: Render, index: int, column: Any) -> Any:
    from jinja2 import TemplateError

    try:
        return render(text)
    except TemplateError as error:
        raise ParametersError(
            f"row {index}, column {column!r}: Jinja cannot read {cut(text, _SHOWN)!r} ({error}): where rows hold braces"
            " that are none of Jinja's, give them as a file or from an Airflow task"
        ) from error
