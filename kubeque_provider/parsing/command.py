"""Warnings about the words of a command: shell syntax without a shell, and columns that a CSV file does not have."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kubeque.model.command.command import parse_word
from kubeque.model.command.shell_words import find_shell_word
from kubeque.model.errors import CommandError
from kubeque.model.rows.rows import INDEX
from kubeque.model.suggestions import suggest_column
from kubeque.model.text import cut
from kubeque_provider.parsing.files import find_file
from kubeque_provider.parsing.known import is_known

Warn = Callable[[str], None]
#: Maximum length of the first line of a CSV file that is read, in characters.
_HEADER_CHARACTERS = 65536


def warn_of_command(values: Mapping[str, Any], folder: Path, warn: Warn) -> None:
    """Warn of words that need a shell, and of columns that a CSV file below `folder` does not have.

    `values`: arguments of an operator, keyed by name. These are only warnings, because the file can change until the
    Airflow task runs.
    """
    words = values.get("command")
    if not isinstance(words, Sequence) or isinstance(words, str):
        return
    if not values.get("shell") and (word := find_shell_word(words)):
        warn(
            f"command: without a shell, the word {word!r} is an argument of the program: add shell=True to use a shell"
        )
    columns = _read_header(values.get("parameters"), folder)
    used = [column for word in words if isinstance(word, str) and is_known(word) for column in _columns(word)]
    for column in dict.fromkeys(used) if columns else ():
        if column not in columns and column != INDEX:
            warn(
                f"command: unknown column {{{column}}}: the columns of {values['parameters']!r} are"
                f" {cut(', '.join(columns), 200)}{suggest_column(column, columns, braces=True)}"
            )


def _columns(word: str) -> Sequence[str]:
    with suppress(CommandError):
        return parse_word(word, braces_double=False).columns
    return ()


def _read_header(parameters: Any, folder: Path) -> list[str]:
    """Return the columns of a CSV file below `folder`; empty if the columns are unknown.

    Only a comma is accepted as the delimiter.
    """
    if not isinstance(parameters, str) or not is_known(parameters) or not parameters.endswith(".csv"):
        return []
    path = find_file(folder, parameters)
    if path is None or not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header = next(csv.reader([file.readline(_HEADER_CHARACTERS)]), [])
    except (OSError, ValueError, csv.Error):
        return []
    # A name that is not an identifier can contain another delimiter, which only the running task detects.
    header = [name.strip() for name in header]
    return header if len(header) > 1 or all(name.isidentifier() for name in header) else []
