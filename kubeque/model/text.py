"""Make text from outside (rows, program output, messages of servers) safe for a terminal, a log line or a page.

No other module filters or shortens such text. The use of the text decides which function is right:

- `printable`: a value in a table, a log line or a page, on one line.
- `one_line`: a message of several lines, on one line.
- `cut`: text that the caller puts into quotes, or text that is stored.
- `keep_last_line`: a message that quotes lines of a program, before it is cut.
- `quote_name`: a file name, even if it is not valid Unicode.
- `describe`: a value of any type in an error message.
- `strip_controls`, `render_terminal`: program output. Its lines stay separate.
- `safe_text`: all text that leaves kubeque. The standard streams and the logs apply it to everything that they write.
- `escape_json`: a JSON document whose strings can contain any character.
"""

from __future__ import annotations

import json
import os
import re
import reprlib

#: Escape sequences of terminals: colours, titles, cursor movements. The possessive quantifiers (`*+`) never try a
#: shorter match, so a scan takes linear time.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b]*+(?:\x07|\x1b\\)?|[PX^_][^\x1b]*+(?:\x1b\\)?|[ -~])")
#: Characters that control a terminal or reorder text: control characters except tab and line feed, line separators,
#: marks of direction, and invisible tags.
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
#: Maximum length of a value in a table or a log line, in characters.
VALUE_CHARACTERS = 60
#: Maximum length of a server's message inside a message of kubeque, in characters.
LINE_CHARACTERS = 400
#: Maximum length of a message in the queue, in characters. The whole message is in result.json.
MESSAGE_CHARACTERS = 200
#: Separator of the lines of a program that a message quotes.
QUOTED_LINES = " | "
#: End of a text that `cut` shortened.
CUT_MARK = " [cut]"


def printable(value: object, limit: int = VALUE_CHARACTERS) -> str:
    """Return `value` as one line of at most `limit` characters, without control characters.

    White space becomes a blank. Any other control character becomes U+FFFD. A shortened value ends with "…".
    """
    text = str(value)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_line(text: object, limit: int = LINE_CHARACTERS) -> str:
    """Return a text as `printable` does, with one blank in place of each run of white space and line ends."""
    return printable(" ".join(str(text).split()), limit)


def cut(text: str, limit: int = MESSAGE_CHARACTERS) -> str:
    """Return at most `limit` characters of `text`. A shortened text ends with CUT_MARK."""
    return text if len(text) <= limit else text[: limit - len(CUT_MARK)] + CUT_MARK


def keep_last_line(message: str, limit: int) -> str:
    """If a message that quotes lines of a program is longer than `limit`, return a shorter form of the message.

    The shorter form has the part before the first `: `, and the last quoted line, which usually names the error. For
    example, `exit code 1: raise KeyError(name) | KeyError: 'lr'` becomes `exit code 1: KeyError: 'lr'`. Any other
    message is returned unchanged.
    """
    before, also, last = message.rpartition(QUOTED_LINES)
    return f"{before.partition(': ')[0]}: {last}" if also and len(message) > limit else message


def quote_name(name: str) -> str:
    """Return a file name in quotes, escaped and shortened. A name that is not valid Unicode is written as bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return cut(repr(os.fsencode(name)))
    return cut(repr(name))


def is_unicode(text: str) -> bool:
    """True if `text` can be encoded as UTF-8. False for a command-line argument whose bytes are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def strip_controls(text: str) -> str:
    """Return `text` without escape sequences and without characters that control a terminal.

    Tabs and line ends stay.
    """
    return _UNSAFE.sub("", _ESCAPES.sub("", text))


def safe_text(text: str) -> str:
    """Return `text` with U+FFFD in place of each character that controls a terminal or reorders text.

    Tabs and line feeds stay. The function takes linear time.
    """
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def escape_json(document: str) -> str:
    """Return a JSON document with JSON escapes in place of the characters that `safe_text` would replace.

    The value of the document does not change.
    """
    return _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], document)


def render_terminal(text: str) -> str:
    """Return `text` as a terminal shows it: without control characters, and with only the last state of each line.

    The function takes linear time, because consumers call it while they have leases to renew.
    """
    # Text after a carriage return overwrites the line, as a progress bar does. A carriage return at the end of the line
    # overwrites nothing.
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


def format_count(number: int, what: str) -> str:
    """Return a number with its noun, for example "1 task" or "3 tasks". `what`: the noun in the singular."""
    return f"{number} {what}{'s' * (number != 1)}"
