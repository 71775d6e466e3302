"""A command for /bin/sh in which a value is always data, never code.

Quoting a value in place is not sufficient: inside double quotes of the command, `'$(id)'` would run. So each value
becomes a variable, because the shell never reads the contents of a variable as code:

    echo "hello {name}" > {file}.txt   ->   kq1_name='$(id)' kq2_file='a b'
                                            echo "hello ${kq1_name}" > "${kq2_file}".txt

Arithmetic is the exception: there, bash and ksh evaluate the contents of a variable, and `a[$(id)]` runs. So a value in
arithmetic must consist of numbers and operators. The same holds for other evaluated places (see `shell_evaluation`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from kubeque.model.command.command import Part, Placeholder
from kubeque.model.command.shell_evaluation import PLACE, evaluated_places
from kubeque.model.errors import CommandError
from kubeque.model.text import describe

_NO_NAME = re.compile(r"\W", re.ASCII)
#: Values that are safe in arithmetic: numbers, operators and blanks, but no name and no bracket.
_NUMBERS = re.compile(r"(?:0[xX][0-9a-fA-F]++|[0-9][0-9.]*+(?:[eE][0-9]++)?|[-+*/%<>=!&|^~?:(),. \t])*+")

#: Characters that open or close a context in commands: quotes, brackets, substitutions, arithmetic (also that of bash),
#: and comments.
_COMMANDS = r"\\.|['\"`]|\$\(\(|\$\(|\$\[|\(\(|[()]|(?:^|(?<=[\s;&|(]))#|(?:^|(?<=[\n;&|(]))[ \t]*+let(?=\s)"
#: Contexts in which a shell evaluates the contents of a variable.
_EVALUATES = frozenset({"arithmetic", "bracket", "let"})
#: Characters that change the meaning of the following text, by context. A backslash is matched with the character after
#: it.
_MARKS = {
    "plain": re.compile(_COMMANDS, re.DOTALL),
    "double": re.compile(r"\\.|[\"`]|\$\(\(|\$\(|\$\[", re.DOTALL),
    "backtick": re.compile(_COMMANDS, re.DOTALL),
    "arithmetic": re.compile(r"\\.|[()]|\$\(\(|\$\(", re.DOTALL),
    "bracket": re.compile(r"\\.|\]|\$\(\(|\$\(", re.DOTALL),
    "let": re.compile(r"[\n;&|]|\$\(\(|\$\(", re.DOTALL),
    "single": re.compile(r"'"),
    "comment": re.compile(r"\n"),
}
_OPENS = {
    "'": ["single"],
    '"': ["double"],
    "`": ["backtick"],
    "$(": ["plain"],
    "$((": ["arithmetic", "arithmetic"],
    "((": ["arithmetic", "arithmetic"],
    "$[": ["bracket"],
    "let": ["let"],
    "#": ["comment"],
}
_CLOSES = {
    "single": "'", "double": '"', "backtick": "`", "comment": "\n", "arithmetic": ")", "plain": ")", "bracket": "]",
    "let": "\n",
}  # fmt: skip


def shell_script(parts: Iterable[str | tuple[Placeholder, str]]) -> str:
    """Return a script for a command. Its first line sets the variables, and then the command follows.

    `parts`: the text of the command, and columns with their values. Raises CommandError for a value in arithmetic that
    contains more than numbers and operators. In a here-document, the quotes of this function would be plain text, so a
    command must use `$KUBEQUE_PARAM_NAME` there instead of a placeholder.
    """
    context = ["plain"]
    names: dict[Placeholder, str] = {}
    values: list[str] = []
    text = ""
    parts = list(parts)
    evaluated = _evaluated_places([part if isinstance(part, str) else part[0] for part in parts])
    number = -1
    for part in parts:
        if isinstance(part, str):
            read_context(part, context)
            text += part
            continue
        column, value = part
        number += 1
        if number in evaluated:
            check_arithmetic(column.name, value)
        if column not in names:
            names[column] = f"kq{len(names) + 1}_{_NO_NAME.sub('_', column.name)}"
            values.append(f"{names[column]}={shlex.quote(value)}")
        text += _reference(names[column], context[-1])
    return f"{' '.join(values)}\n{text}" if values else text


def arithmetic_columns(parts: Iterable[Part]) -> tuple[str, ...]:
    """Return the columns that a command uses in arithmetic, in order.

    `parts`: the text of the command, and its placeholders.
    """
    parts = list(parts)
    evaluated = _evaluated_places(parts)
    placeholders = [part for part in parts if not isinstance(part, str)]
    return tuple(dict.fromkeys(part.name for number, part in enumerate(placeholders) if number in evaluated))


def _evaluated_places(parts: Iterable[Part]) -> set[int]:
    """Return the positions (0, 1, ...) of the placeholders whose values a shell evaluates."""
    context, text, number, found = ["plain"], "", 0, set[int]()
    for part in parts:
        if isinstance(part, str):
            text += read_context(part, context)
            continue
        if context[-1] in _EVALUATES:
            found.add(number)
        text += PLACE
        number += 1
    return found | evaluated_places(text)


def check_arithmetic(column: str, value: str) -> None:
    """Raise CommandError for a value that a shell could run as code in arithmetic. `column`: name of its column."""
    if not _NUMBERS.fullmatch(value):
        raise CommandError(
            f"the value {describe(value)} of column {describe(column)} is not a number: some shells run such a value as"
            " code in arithmetic, an index or the name of a variable; use numbers and operators"
        )


def read_context(text: str, context: list[str]) -> str:
    """Update `context` with the quotes and brackets that `text` opens and closes.

    Return `text` with blanks in place of comments and of text in single quotes. `context`: the open quotes and
    brackets, the outermost first.
    """
    at, seen = 0, ""
    while mark := _MARKS[context[-1]].search(text, at):
        seen += _hide(text[at : mark.start()], context[-1]) + mark[0]
        at = mark.end()
        found = mark[0].strip(" \t")
        if found == _CLOSES[context[-1]] or (context[-1] == "let" and found in ";&|"):
            if len(context) > 1:
                context.pop()
        elif found == "(":
            context.append(context[-1] if context[-1] == "arithmetic" else "plain")
        else:
            context += _OPENS.get(found, [])
    return (seen + _hide(text[at:], context[-1])).replace(PLACE, " ")


def _hide(text: str, context: str) -> str:
    return " " * len(text) if context in ("single", "comment") else text


def _reference(name: str, context: str) -> str:
    """Return a reference to a shell variable, quoted for this `context`, so that the shell does not split its value.

    If the context were wrong, quotes would appear, or the value would be split at blanks. Even then, the value would
    not run as code.
    """
    if context in ("double", "comment", *_EVALUATES):
        return f"${{{name}}}"
    return f"'\"${{{name}}}\"'" if context == "single" else f'"${{{name}}}"'
