"""What a program wrote, made plain: nothing in it acts on the reader's terminal."""

from __future__ import annotations

import re

#: Escape sequences of a terminal: a title or a colour of the program's must not act on the reader's screen.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: All of a line that was overwritten, as a progress bar does.
_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\n])")


def harmless(text: str) -> str:
    """`text` without what a terminal would obey; tabs and line ends stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def as_seen(text: str) -> str:
    """`text` as a terminal would show it: of a line that was overwritten the last state, and nothing to obey."""
    return harmless(_OVERWRITTEN.sub("", text.replace("\r\n", "\n")))


#: A message in the queue is cut to this many characters, with a mark; the whole text is in result.json.
MESSAGE_CHARACTERS = 200


CUT_MARK = " [cut]"


def cut(text: str, limit: int = MESSAGE_CHARACTERS) -> str:
    """At most `limit` characters of `text`, marked where something was left out."""
    return text if len(text) <= limit else text[: limit - len(CUT_MARK)] + CUT_MARK
