"""A command for /bin/sh in which a value is always data, never code.

Quoting a value in place is not enough: inside double quotes of the command, `'$(id)'` would run. So each value
becomes a variable, and the shell never reads the contents of a variable as code:

    echo "hello {name}" > {file}.txt   ->   kq1_name='$(id)' kq2_file='a b'
                                            echo "hello ${kq1_name}" > "${kq2_file}".txt
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from kubeque.model.command.command import Placeholder

_NO_NAME = re.compile(r"\W", re.ASCII)

#: Characters that change the meaning of the text after them, by context. A backslash includes the next character.
_MARKS = {
    "plain": re.compile(r"\\.|['\"`()]|\$\(\(|\$\(|(?:^|(?<=[\s;&|(]))#", re.DOTALL),
    "double": re.compile(r"\\.|[\"`]|\$\(\(|\$\(", re.DOTALL),
    "backtick": re.compile(r"\\.|['\"`()]|\$\(\(|\$\(|(?:^|(?<=[\s;&|(]))#", re.DOTALL),
    "arithmetic": re.compile(r"\\.|[()]|\$\(\(|\$\(", re.DOTALL),
    "single": re.compile(r"'"),
    "comment": re.compile(r"\n"),
}
_OPENS = {
    "'": ["single"],
    '"': ["double"],
    "`": ["backtick"],
    "$(": ["plain"],
    "$((": ["arithmetic", "arithmetic"],
    "#": ["comment"],
}
_CLOSES = {"single": "'", "double": '"', "backtick": "`", "comment": "\n", "arithmetic": ")", "plain": ")"}


def shell_script(parts: Iterable[str | tuple[Placeholder, str]]) -> str:
    """Return a script for a command. `parts`: the text of the command, and columns with their values.

    The first line sets the variables. In a here-document, quotes are plain text. There, a command must use
    `$KUBEQUE_PARAM_NAME` instead of a placeholder.
    """
    context = ["plain"]
    names: dict[Placeholder, str] = {}
    values: list[str] = []
    text = ""
    for part in parts:
        if isinstance(part, str):
            _read(part, context)
            text += part
            continue
        column, value = part
        if column not in names:
            names[column] = f"kq{len(names) + 1}_{_NO_NAME.sub('_', column.name)}"
            values.append(f"{names[column]}={shlex.quote(value)}")
        text += _reference(names[column], context[-1])
    return f"{' '.join(values)}\n{text}" if values else text


def _read(text: str, context: list[str]) -> None:
    """Update `context` with the quotes and brackets that `text` opens and closes.

    `context`: the open quotes and brackets, outermost first.
    """
    at = 0
    while mark := _MARKS[context[-1]].search(text, at):
        at = mark.end()
        found = mark[0]
        if found == _CLOSES[context[-1]]:
            if len(context) > 1:
                context.pop()
        elif found == "(":
            context.append(context[-1] if context[-1] == "arithmetic" else "plain")
        else:
            context += _OPENS.get(found, [])


def _reference(name: str, context: str) -> str:
    """Return a shell reference to the variable, quoted so that its value is not split into words in this `context`.

    With a wrong context, quotes would appear or the value would be split at blanks. The value would still not run as
    code.
    """
    if context in ("double", "arithmetic", "comment"):
        return f"${{{name}}}"
    return f"'\"${{{name}}}\"'" if context == "single" else f'"${{{name}}}"'
