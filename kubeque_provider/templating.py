"""Templates in a DAG. Placeholders in the author's text are parsed before Jinja runs. Values from Jinja are data."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kubeque.model.command.command import Part, Placeholder, Word, parse_word
from kubeque.model.errors import CommandError, ParametersError, UserError
from kubeque.model.text import cut
from kubeque_provider.airflow_versions import KNOWN_CONTEXT_KEYS

_JINJA = ("{{", "{%", "{#")
_CELL = ("{{", "{%")
#: Private Unicode characters. The first two enclose references to the parts of a word that Jinja must not see. The last
#: one protects a newline at the end of a word.
_OPEN, _SHUT, _END = "\U000f1a0e", "\U000f1a0f", "\U000f1a10"
#: Maximum length of a cell in a message, in characters.
_CELL_CHARACTERS = 80
Render = Callable[[str], Any]


def has_jinja(text: str) -> bool:
    """True if a text contains Jinja."""
    return any(nonce in text for nonce in _JINJA)


def read_word(text: str, env: Any, render: Render) -> Word:
    """Return a word of a command, parsed from the text in the DAG file.

    `{column}`, a leading `^` and `\\{` are parsed first. Then `render` renders the Jinja, so values from Jinja are
    never parsed. `env`: the Jinja environment. Raises CommandError for an unbalanced brace, a wrong template, or an
    empty path after `^`.
    """
    if not has_jinja(text):
        return parse_word(text, braces_double=False)
    from jinja2 import TemplateSyntaxError, UndefinedError

    upload = text.startswith("^")
    nonce = secrets.token_hex(8)
    kept: list[Part] = []
    try:
        pieces = [piece if jinja else _hide(piece, text, nonce, kept) for jinja, piece in _split(text[upload:], env)]
        # Jinja drops a newline at the end of a template. The additional text at the end prevents that.
        rendered = str(render("".join(pieces) + _OPEN + nonce + _SHUT))
    except TemplateSyntaxError as error:
        raise _bad_template(text, error) from error
    except UndefinedError as error:
        raise _undefined(text, error) from error
    parts = _unhide(rendered, nonce, kept)
    if upload and not any(parts):
        raise CommandError(f"the word {text!r} is empty after rendering: write ^ and a path, for example ^run.py")
    return Word(tuple(part for part in parts if part != ""), upload)


def _split(body: str, env: Any) -> Iterable[tuple[bool, str]]:
    """Split a word with Jinja's lexer. Yield (True, piece) for Jinja, and (False, piece) for the text between Jinja."""
    # A literal brace does not begin a template.
    hidden = body.replace("\\{", _OPEN).replace("\\}", _SHUT)
    for _, kind, value in env.lex(hidden + _END):  # _END, because Jinja drops a newline at the end
        yield kind != "data", value.replace(_END, "").replace(_OPEN, "\\{").replace(_SHUT, "\\}")


def _hide(piece: str, text: str, nonce: str, kept: list[Part]) -> str:
    """Return a piece of a word with numbered references in place of its columns and literal braces.

    Append the replaced parts to `kept`. `text`: the whole word, for messages. `nonce`: random text in each reference.
    """
    try:
        parts = parse_word("." + piece, braces_double=False).parts  # without the dot, a leading ^ would be an upload
    except CommandError as error:
        raise CommandError(str(error).replace(repr("." + piece), repr(text))) from error
    texts = []
    for number, part in enumerate(parts):
        own = part[1:] if not number and isinstance(part, str) else part
        if isinstance(own, Placeholder) or "{" in own or "}" in own:
            texts.append(f"{_OPEN}{nonce}{len(kept)}{_SHUT}")
            kept.append(own)
        else:
            texts.append(own)
    return "".join(texts)


def _unhide(rendered: str, nonce: str, kept: list[Part]) -> list[Part]:
    parts: list[Part] = []
    for number, piece in enumerate(re.split(f"{_OPEN}{nonce}(\\d*){_SHUT}", rendered)):
        found: Part = piece if number % 2 == 0 else (kept[int(piece)] if piece else "")
        if parts and isinstance(found, str) and isinstance(parts[-1], str):
            parts[-1] += found
        else:
            parts.append(found)
    return parts


def format_word(word: Word) -> str:
    """Return a word as text for Airflow's page of rendered fields."""
    text = "".join(part if isinstance(part, str) else f"{{{part.name}}}" for part in word.parts)
    return "^" + text if word.upload else text


def render_push(text: str, render: Render) -> str:
    """Return the rendered path of a file to push. A leading `@` or `^` that Jinja inserted is part of the path."""
    rendered = str(render(text))
    return f"./{rendered}" if rendered[:1] in ("@", "^") and rendered[:1] != text[:1] else rendered


def holds_template(rows: Sequence[Any]) -> bool:
    """True if a cell of the DAG file's rows can contain Jinja.

    The check is fast, because it scans all texts at once.
    """
    cells = itertools.chain.from_iterable(
        row.values() if isinstance(row, Mapping) else row if isinstance(row, list | tuple) else () for row in rows
    )
    text = "\0".join([value for value in cells if isinstance(value, str)])
    return any(nonce in text for nonce in _CELL)


def read_columns(text: str, env: Any) -> tuple[Word, frozenset[str]]:
    """Return two values: a word with the columns that a text uses, and the names of the variables in the text's Jinja.

    Raises CommandError for an unbalanced brace or a wrong template.
    """
    if not any(nonce in text for nonce in _JINJA):
        return parse_word(text, braces_double=False), frozenset()
    from jinja2 import TemplateSyntaxError, meta

    kept: list[Part] = []
    try:
        pieces = [piece if jinja else _hide(piece, text, "", kept) for jinja, piece in _split(text, env)]
        names = meta.find_undeclared_variables(env.parse("".join(pieces)))
    except TemplateSyntaxError as error:
        raise _bad_template(text, error) from error
    return Word(tuple(part for part in kept if isinstance(part, Placeholder))), frozenset(names)


def _undefined(text: str, error: Any) -> CommandError:
    """Return the error for a word with an undefined Jinja variable. `error`: Jinja's UndefinedError."""
    name = re.fullmatch(r"'(\w+)' is undefined", str(error))
    if name and name[1] in KNOWN_CONTEXT_KEYS:
        return CommandError(
            f"the word {text!r} uses {name[1]!r}, and this DAG run has no {name[1]!r}, for example because it was"
            " triggered without a logical date: use a variable that each run has, such as {{ run_id }} or"
            " {{ dag_run.run_after }}"
        )
    return CommandError(
        f"the word {text!r} uses an unknown Jinja variable ({error}): write {{column}} for a column of the rows,"
        " and \\{ for a literal brace"
    )


def _bad_template(text: str, error: Any) -> CommandError:
    inner = "000f1a" in str(error.message)  # the message contains a private character, which means nothing to users
    reason = "a {{ or {% has no end" if inner else error.message
    return CommandError(f"the word {text!r} is not a valid template ({reason}): write \\{{ for a literal brace")


def render_rows(
    rows: Iterable[Any], render: Render, resolve: Callable[[Any], Any], *, templates: bool
) -> list[Any]:  # fmt: skip
    """Return rows of the DAG file with the outputs of Airflow tasks in place of their references.

    `templates`: True to render the cells that contain Jinja, too. Cells without Jinja are not rendered, because
    rendering all cells of 100,000 rows takes 88 s. `resolve`: function that returns the output for a reference.
    """

    def cell(value: Any, index: int, column: Any) -> Any:
        if isinstance(value, str):
            if not templates:
                return value
            return _cell(value, render, index, column) if any(nonce in value for nonce in _CELL) else value
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
            f"row {index}, column {column!r}: Jinja cannot read {cut(text, _CELL_CHARACTERS)!r} ({error}): if rows"
            " contain literal braces, read them from a file or from an upstream Airflow task"
        ) from error


class RendersNone:
    """Mixin of operators. It records each template in which Jinja inserts None, so that `check_none` can refuse it.

    Jinja inserts None as the text "None", which would become a part of a command, a row or a path. If an expression is
    the text "None", or if None is the whole value of a native template, the template is not recorded.
    """

    #: Name of the field that is being rendered.
    _field: str = ""
    #: Name of the field, and text, of each recorded template.
    _none_templates: tuple[tuple[str, str], ...] = ()

    def render_template(self, content: Any, context: Any, jinja_env: Any = None, seen_oids: Any = None) -> Any:
        """Return the rendered content, as Airflow does. Record a template in which an expression is None."""
        render: Any = super().render_template  # type: ignore[misc]
        if not (isinstance(content, str) and has_jinja(content)):
            return render(content, context, jinja_env, seen_oids)
        values: set[bool] = set()

        def observe(value: Any) -> Any:
            values.add(value is None)
            return value

        env = jinja_env or self.get_template_env()  # type: ignore[attr-defined]
        rendered = render(content, context, env.overlay(finalize=observe), seen_oids)
        if True in values and isinstance(rendered, str):
            self._none_templates += ((self._field, re.sub(f"{_OPEN}[0-9a-f]*{_SHUT}", "", content)),)
        return rendered

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], context: Any, jinja_env: Any, seen_oids: set[int],
        **more: Any,
    ) -> None:  # fmt: skip
        """Render the fields one by one, so that each recorded template has the name of its field."""
        render_fields: Any = super()._do_render_template_fields  # type: ignore[misc]
        for field in template_fields:
            self._field = field
            render_fields(parent, [field], context, jinja_env, seen_oids, **more)


def check_none(operator: Any) -> None:
    """Raise UserError if a template of the operator inserted None into a text."""
    for field, text in getattr(operator, "_none_templates", ()):
        name = "an argument of the call" if field in ("op_args", "op_kwargs") else field
        raise UserError(
            f"{name}: an expression in {cut(text, _CELL_CHARACTERS)!r} is None, which would become the text 'None':"
            " provide the value, or write {{ ... or '' }} for an empty text, or {{ ... | string }} for the text 'None'"
        )
