"""Find the places where a shell evaluates a value outside of `$(( ))`, `(( ))`, `$[ ]` and `let`.

bash, ksh and zsh read some texts as arithmetic: operands of `-eq`, indexes of arrays, offsets, integer variables, and
names of variables. In such a place, the value `a[$(id)]` runs `id`. The search uses patterns. A place that may be
evaluated counts as evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: The character that replaces a placeholder in the text of a command. No command contains it.
PLACE = "\0"
_SEPARATOR = re.compile(r"[\n;&|()`]|(?<=\s)[{}](?=\s)|^\{(?=\s)")
#: Words that can precede the name of a command: reserved words, commands that start a command, and assignments.
_BEFORE = re.compile(
    r"\s*+(?:(?:if|then|else|elif|while|until|do|time|!|\{|command|builtin|exec)\s++|\w++\+?=\S*+\s++)*+"
)
_NAME = re.compile(r"\S*+")
#: Commands that take names of variables, and commands that declare variables.
_NAMING = frozenset({"read", "mapfile", "readarray", "unset", "getopts", "let"})
_DECLARING = frozenset({"declare", "typeset", "local", "readonly", "export", "integer", "float"})
_TYPED_DECLARING = frozenset({"integer", "float"})
#: Options of a declaration for an integer, a reference or an array. Shells evaluate the value of such a variable.
_TYPED = re.compile(r"(?<!\S)[-+][A-Za-z]*[inaAEF]")
_ASSIGNED = re.compile(r"(?:(?<=[\s;&|(`])|^)(?:for\s+)?(\w+)(?:\+?=\S*?|\s+in\s[^\n;]*?)\0")
_ASSIGNMENT = re.compile(r"(?<!\S)[A-Za-z_]\w*\+?=\S*")
_OPERATOR = re.compile(r"(?<!\S)-(?:eq|ne|lt|le|gt|ge|v|R)(?!\S)")
_TEST = re.compile(r"(?<!\S)\[\[\s.*?(?:\s\]\]|\Z)", re.DOTALL)
#: Places that are recognised without looking at the name of their command.
_PLACES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\$\{[!#]?\w+\[[^\]\n]*\0[^}\n]*",  # an index
        r"\$\{[!#]?(?:\w+|[@*])(?:\[[^\]\n]*\])?:(?![-=?+])[^}\n]*\0[^}\n]*",  # an offset or a length
        r"(?:(?<=[\s;&|(`])|^)\w+\[[^\]\n]*\0[^\n]*?\]\+?=",  # an assignment to an element
        r"\w\+?=\([^)]*\[[^\]]*\0[^\]]*\]",  # an index in a list of elements
        r"(?:(?<=[\s;&|(`])|^)(?:RANDOM|SECONDS|OPTIND|HISTCMD|PS4)\+?=\S*",  # integers, and the prompt of `set -x`
    )
)
#: Text that shells evaluate as arithmetic, as far as a pattern can recognise it.
_ARITHMETIC = re.compile(r"\(\(.*?(?:\)\)|\Z)|\$\[.*?(?:\]|\Z)|(?<!\S)let\s[^\n;&|]*", re.DOTALL)
_INDEX = re.compile(
    r"\$\{[!#]?\w+\[([^\]\n]*)\]|\$\{[!#]?(?:\w+|[@*])(?:\[[^\]\n]*\])?:(?![-=?+])([^}\n]*)|(?<!\S)\w+\[([^\]\s]*)\]\+?="
)
_DECLARATION = re.compile(r"(?<!\S)(declare|typeset|local|integer|float)(\s[^\n;&|]*)")
#: Other assignments that can contain a placeholder: from a here-string, and to the positional parameters.
_READ = re.compile(r"(?<!\S)read\s([^\n;&|<]*)<<<[^\n;&|]*?\0")
_SET = re.compile(r"(?<!\S)set\s[^\n;&|]*\0")
_INDIRECT = re.compile(r"\$\{!(\w+)|\$\{(\w+)@P")


def evaluated_places(text: str) -> set[int]:
    """Return the positions (0, 1, ...) of the placeholders whose values a shell evaluates.

    `text`: a command with PLACE for each placeholder, without the text of single quotes and comments.
    """
    text = text.replace("\\\n", "  ")
    spans = [*_spans_of_places(text), *_spans_of_commands(text), *_spans_of_variables(text)]
    places = [found.start() for found in re.finditer(PLACE, text)]
    return {number for number, at in enumerate(places) if any(start <= at < end for start, end in spans)}


def _spans_of_places(text: str) -> Iterator[tuple[int, int]]:
    for pattern in _PLACES:
        yield from (found.span() for found in pattern.finditer(text))
    for test in _TEST.finditer(text):
        yield from _clauses(test[0], test.start(), r"&&|\|\|")


def _clauses(text: str, offset: int, separator: str) -> Iterator[tuple[int, int]]:
    """Split a test such as `[[ ]]` into parts. Yield start and end of each part whose operands the shell evaluates.

    The operands are evaluated as arithmetic, or as names of variables. `separator`: pattern between two parts of the
    test. `offset`: position of `text` in the command.
    """
    start = 0
    for end in [*(found.start() for found in re.finditer(separator, text)), len(text)]:
        if _OPERATOR.search(text, start, end):
            yield offset + start, offset + end
        start = end


def _spans_of_commands(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of the words of each simple command that the shell evaluates."""
    start = 0
    for end in [*(found.start() for found in _SEPARATOR.finditer(text)), len(text)]:
        begin = _BEFORE.match(text, start, end)
        start = end + 1
        name = _NAME.match(text, begin.end() if begin else start, end)
        if name and PLACE in text[name.end() : end]:
            yield from _words(name[0].strip("\\'\""), name.end(), text[name.end() : end])


def _words(name: str, offset: int, words: str) -> Iterator[tuple[int, int]]:
    if name in _NAMING:
        yield offset, offset + len(words.partition("<")[0])
    elif name in ("[", "test"):
        yield from _clauses(words, offset, r"\s-[ao](?=\s)")
    elif name in ("printf", "wait"):
        yield from ((offset + found.start(), offset + found.end()) for found in re.finditer(r"^\s+-[vp]\s*\S*", words))
    elif name in _DECLARING:
        plain = name not in _TYPED_DECLARING and not _TYPED.search(words)
        kept = [found.span() for found in _ASSIGNMENT.finditer(words)] if plain else []
        for found in re.finditer(PLACE, words):
            if not any(start <= found.start() < end for start, end in kept):
                yield offset + found.start(), offset + found.end()


def _spans_of_variables(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each assignment of a value to a variable that the command evaluates later."""
    evaluated = " ".join(_evaluated_text(text))
    names = set(re.findall(r"\w+", evaluated)) | {name for pair in _INDIRECT.findall(text) for name in pair}
    for found in _ASSIGNED.finditer(text):
        if found[1] in names:
            yield found.span()
    for found in _READ.finditer(text):
        if names & set(found[1].split()):
            yield found.span()
    if re.search(r"\$\{?[0-9@*]", evaluated):
        yield from (found.span() for found in _SET.finditer(text))


def _evaluated_text(text: str) -> Iterator[str]:
    yield from _ARITHMETIC.findall(text)
    yield from (part for parts in _INDEX.findall(text) for part in parts)
    for test in _TEST.finditer(text):
        yield from (text[start:end] for start, end in _clauses(test[0], test.start(), r"&&|\|\|"))
    for name, words in _DECLARATION.findall(text):
        if name in _TYPED_DECLARING or _TYPED.search(words):
            yield words
