"""Make text from outside (rows, program output, error messages of servers) safe for a terminal, a log line or a page.

No other module filters or shortens such text. Choose by where the text goes:

- `printable`: a value in a table, a log line or a page, on one line.
- `one_line`: a message of several lines, on one line.
- `cut`: text whose quotes are added by the caller, or that is stored.
- `quote_name`: a file name, also one that is not valid Unicode.
- `describe`: a value of any type in the message of an error.
- `strip_controls`, `render_terminal`: program output, which keeps its lines.
"""

from __future__ import annotations

import difflib
import os
import re
import reprlib
from collections.abc import Iterable, Mapping

#: Escape sequences of terminals: colours, titles, cursor movements. The possessive quantifiers (`*+`) never try a
#: shorter match, so a scan takes linear time.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b]*+(?:\x07|\x1b\\)?|[PX^_][^\x1b]*+(?:\x1b\\)?|[ -~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: Limit of a value in a table or a log line, characters.
VALUE_CHARACTERS = 60
#: Limit of a server's message inside one of ours, characters.
LINE_CHARACTERS = 400
#: Limit of a message in the queue, characters. The whole text is in result.json.
MESSAGE_CHARACTERS = 200
#: Ends text that `cut` shortened.
CUT_MARK = " [cut]"


def printable(value: object, limit: int = VALUE_CHARACTERS) -> str:
    """Return `value` as one line of at most `limit` characters, without control characters.

    White space becomes a blank, any other control character U+FFFD; "…" ends a value that was shortened.
    """
    text = str(value)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_line(text: object, limit: int = LINE_CHARACTERS) -> str:
    """Return `text` as `printable` does, each run of white space and line ends as a single blank."""
    return printable(" ".join(str(text).split()), limit)


def cut(text: str, limit: int = MESSAGE_CHARACTERS) -> str:
    """Return at most `limit` characters of `text`; CUT_MARK ends a text that was shortened."""
    return text if len(text) <= limit else text[: limit - len(CUT_MARK)] + CUT_MARK


def quote_name(name: str) -> str:
    """Return a file name in quotes, escaped and cut; a name that is not valid Unicode as bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return cut(repr(os.fsencode(name)))
    return cut(repr(name))


def is_unicode(text: str) -> bool:
    """True if `text` can be encoded as UTF-8. An argument of the command line that contains other bytes cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def strip_controls(text: str) -> str:
    """Return `text` without escape sequences and control characters; tabs and line ends stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def render_terminal(text: str) -> str:
    """Return `text` as a terminal shows it: the last state of an overwritten line, without control characters.

    Time: linear, because it also runs while a consumer must renew its leases.
    """
    # A carriage return overwrites the line before it, as a progress bar does. One at the end of a line does not.
    return strip_controls("\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")))


def describe(value: object, limit: int = VALUE_CHARACTERS) -> str:
    """Return a value of any type as a Python literal of at most `limit` characters, without control characters."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = limit
    short.maxlevel = 2
    try:
        text = short.repr(value)
    except Exception:  # a `__repr__` of the user, or an integer of more digits than Python writes
        text = f"<{type(value).__name__}>"
    return printable(text, limit)


def suggest(name: str, known: Iterable[str], what: str, old: Mapping[str, str] | None = None) -> str:
    """Return a hint for an unknown `name`: the most similar known name, or all known names.

    `what`: plural noun for the names. `old`: present names, by the names of earlier versions.
    """
    names, renamed = list(known), old or {}
    near = difflib.get_close_matches(name, [*names, *renamed], 1, cutoff=0.5)
    return f"did you mean {renamed.get(near[0], near[0])!r}?" if near else f"the {what} are {', '.join(names)}"
