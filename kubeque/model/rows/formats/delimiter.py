"""The delimiter between the values of a table: its names, and its detection from the header."""

from __future__ import annotations

import csv
import re

from kubeque.model.errors import ParametersError
from kubeque.model.text import describe

COMMA = ","
#: Names of delimiters, for options and messages.
NAMES = {"comma": COMMA, "semicolon": ";", "tab": "\t", "vertical bar": "|", "blank": " "}
_ALIASES = {**NAMES, "\\t": "\t", "pipe": "|", "space": " "}
#: Delimiters that are detected from the header, besides the comma. A blank is never detected, because names of columns
#: can contain blanks.
_FOUND = (";", "\t", "|")
_TAB_SUFFIXES = (".tsv", ".tab")
#: Line before the header, such as `sep=;`, with which Excel names the delimiter.
_HINT = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)


def read_delimiter(text: str, what: str) -> str:
    """Return the delimiter that an option gives: one character, or a name such as `tab`. Raises ParametersError.

    `what`: name of the option, for the message.
    """
    found = _ALIASES.get(text.lower(), text)
    if len(found) != 1 or found in '"\r\n\0':
        raise ParametersError(
            f"{what} {describe(text)} is not a delimiter: give one character, or a name: {', '.join(NAMES)}"
        )
    return found


def name_of(delimiter: str) -> str:
    """Return the name of a delimiter for messages; for a delimiter without a name, the character in quotes."""
    names = {character: name for name, character in NAMES.items()}
    return names.get(delimiter) or repr(delimiter)


def read_hint(line: str) -> str | None:
    """Return the delimiter that a line such as `sep=;` names; None for any other line."""
    match = _HINT.fullmatch(line)
    return match[1] if match and match[1] not in '"\0' else None


def find_delimiter(header: str, name: str) -> str:
    """Return the delimiter of a table whose first line is `header`. `name`: name of the file.

    A delimiter must split the line into at least two columns. If the name ends with .tsv or .tab, the tab is tried
    first. Then the comma is tried. If neither splits the line, return the delimiter that gives the most columns. If no
    delimiter splits the line, return the comma.
    """
    counts = {character: _count_columns(header, character) for character in (COMMA, *_FOUND)}
    if name.lower().endswith(_TAB_SUFFIXES) and counts["\t"] > 1:
        return "\t"
    if counts[COMMA] > 1:
        return COMMA
    best = max(_FOUND, key=counts.__getitem__)
    return best if counts[best] > 1 else COMMA


def _count_columns(header: str, delimiter: str) -> int:
    """Return the number of columns in a line with this delimiter; 0 if the line is not a valid row."""
    try:
        return len(next(csv.reader([header], strict=True, delimiter=delimiter), []))
    except csv.Error:
        return 0
