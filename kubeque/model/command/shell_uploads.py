"""Find the `^path` words in the text of a shell command, so that their files are uploaded.

The text `python3 ^s.py {i} | tee o.txt` becomes the words `python3`, `^s.py` and `{i} | tee o.txt`. Later, the words
are joined with blanks. So the text of the command stays the same, except that the name of the file is quoted like a
value.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from kubeque.model.command.command import Part, Placeholder, Word, format_word
from kubeque.model.command.shell import read_context
from kubeque.model.command.shell_evaluation import PLACE
from kubeque.model.errors import CommandError

#: Matches `^path` at the start of a shell word, up to its end.
_CARET = re.compile(
    r"(?<![^\s;|&()<>`])(?<!\\[ \t;|&()<>`])\^(?:\\.|'[^']*'|\"[^\"]*\"|[^\s;|&()<>`'\"\\])+", re.DOTALL
)
#: Characters that a shell changes in a word without quotes.
_SPECIAL = re.compile(r"['\"\\$*?\[\]~!#]")
#: Starts a here-document, whose lines are not words.
_HERE_DOCUMENT = re.compile(r"(?<!<)<<(?!<)")


def split_uploads(words: Sequence[Word]) -> tuple[Word, ...]:
    """Return the words of a shell command, split so that each unquoted `^path` is a word that uploads its file.

    Text in quotes, comments and here-documents stays text. Raises CommandError for an unquoted `^` word that is not a
    plain path.
    """
    if len(words) == 1 and words[0].upload:  # the first word of a whole command line
        words = [Word(_join(["^", *_units(words[0])]))]
    return tuple(piece for word in words for piece in ([word] if word.upload else _split(word)))


def _split(word: Word) -> Iterator[Word]:
    units = _units(word)
    text = _flatten(units)
    context, at, read = ["plain"], 0, 0
    here = match.start() if (match := _HERE_DOCUMENT.search(text)) else len(text)
    for found in _CARET.finditer(text, 0, here):
        read_context(text[read : found.start()], context)
        read = found.start()
        if context[-1] not in ("plain", "backtick"):
            continue
        path = _join(units[found.start() + 1 : found.end()])
        _check_plain(Word(path, upload=True))
        if before := _join(units[at : found.start()]):
            yield Word(before)
        yield Word(path, upload=True)
        at = found.end()
    if at == 0 or at < len(units):
        yield Word(_join(units[at:]))


def _check_plain(word: Word) -> None:
    if any(_SPECIAL.search(part) for part in word.parts if isinstance(part, str)):
        shown = format_word(word)
        raise CommandError(
            f"the word {shown} in the shell command is not a plain path: to upload a file, give the words of the"
            f" command one by one, or use -u FILE and the file's name; if {shown} is text, put it in single quotes"
        )


def shell_words(word: Word) -> list[Word]:
    """Return the words into which a shell splits a text, without quotes; empty if a quote is not closed."""
    placeholders = [part for part in word.parts if not isinstance(part, str)]
    lexer = shlex.shlex(_flatten(_units(word)), posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        texts = list(lexer)
    except ValueError:
        return []
    rest = iter(placeholders)
    return [Word(_join([next(rest) if char == PLACE else char for char in text])) for text in texts]


def quoted_uploads(words: Iterable[Word]) -> Iterator[Word]:
    """Yield an upload word for each `^path` that stays plain text in a shell command, for example in quotes."""
    for word in words:
        for found in shell_words(word) if not word.upload else ():
            first, *others = found.parts or ("",)
            if isinstance(first, str) and first.startswith("^") and (first != "^" or others):
                yield Word(_join([*first[1:], *others]), upload=True)


def is_plain(word: Word) -> bool:
    """True if a shell leaves the literal text of `word` unchanged. Only then can `^` before `word` upload the file."""
    return not any(re.search(r"[\s;|&()<>`'\"\\$*?\[\]~!#]", part) for part in word.parts if isinstance(part, str))


def _units(word: Word) -> list[Part]:
    """Return the characters and the placeholders of a word."""
    return [unit for part in word.parts for unit in (part if isinstance(part, str) else [part])]


def _flatten(units: Iterable[Part]) -> str:
    """Return a text with one character for each unit. Each placeholder is PLACE."""
    return "".join(PLACE if isinstance(unit, Placeholder) else unit.replace(PLACE, "_") for unit in units)


def _join(units: Iterable[Part]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for unit in units:
        if isinstance(unit, str) and parts and isinstance(parts[-1], str):
            parts[-1] += unit
        else:
            parts.append(unit)
    return tuple(parts)
