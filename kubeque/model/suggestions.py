"""Suggestions for an unknown name: "did you mean ...?"."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from difflib import SequenceMatcher

#: Minimum similarity of two long names with more than one mistake. 0 means nothing in common, 1 means equal.
_SIMILAR = 0.75
#: Minimum number of characters of the longer name, from which two names may differ by more than one mistake.
_LONG = 7
#: Minimum number of characters of a name in which one wrong character is a mistake. Shorter names with one different
#: character are usually different words, such as `sum` and `sub`.
_REPLACED = 4
#: Minimum number of characters of a name, and of a part of another name, that are compared for mistakes.
_PART_WITH_MISTAKES = 4
#: Maximum difference between the similarity of the best name and that of another suggested name.
_WORSE = 0.25
#: Maximum number of known names in a list.
_LISTED = 40
#: Characters between the parts of a name, for example in `task-timeout` and `out.loss`.
_SEPARATORS = re.compile(r"[-_.]")
#: Minimum number of characters of a name that is compared with beginnings and parts.
_PART_CHARACTERS = 2
_VOWELS = re.compile("[aeiou]")


def suggest(name: str, known: Iterable[str], what: str, old: Mapping[str, str] | None = None) -> str:
    """Return a hint for an unknown `name`: the most similar known name, or a list of at most _LISTED known names.

    `what`: plural noun for the names. `old`: other names, from earlier versions or other programs, each with the
    present name.
    """
    names, renamed = list(known), old or {}
    near = find_similar(name, [*names, *renamed])
    if near:
        return f"did you mean {renamed.get(near[0], near[0])!r}?"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"the {what} are {', '.join(names[:_LISTED])}{more}"


def suggest_column(name: str, columns: Iterable[str], *, braces: bool = False) -> str:
    """Return a hint with the column most similar to `name`; empty if none is similar.

    The caller adds the hint to a list of all columns.

    `braces`: True if the user writes a column as `{column}`.
    """
    near = find_similar(name, columns)
    shown = "{" * braces + "".join(near) + "}" * braces
    return f" (did you mean {shown}?)" if near else ""


def find_similar(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Return the known names that are similar to `name`: at most `count` names, the most similar first.

    Names are similar if they differ by one typing mistake: a character is missing, added or wrong, or two neighbours
    are exchanged. Long names may have more mistakes, if they begin with the same character. A known name is also
    similar if it begins with `name`, if one of the two names is a part of the other, if only vowels are missing, or if
    it is the singular or plural of `name`. For example, `loss` is a part of `out.loss`. Upper and lower case, leading
    dashes, and the difference between `-` and `_` are ignored.
    """
    from difflib import SequenceMatcher  # only errors need it

    wanted = _fold(name)
    matcher = SequenceMatcher(None, "", wanted)
    scores = [(_score(matcher, wanted, _fold(one)), one) for one in known]
    best = max((score for score, _ in scores), default=0.0)
    near = (pair for pair in scores if pair[0] > max(0.0, best - _WORSE))
    return [one for _, one in heapq.nlargest(count, near, key=lambda pair: pair[0])]


def _fold(name: str) -> str:
    return name.casefold().lstrip("-").replace("_", "-")


def _score(matcher: SequenceMatcher[str], wanted: str, known: str) -> float:
    """Return the similarity of two names; 0 if they are not similar.

    It is more than 1 if `known` begins with `wanted` or has it as one of its parts, and more than 2 if they are equal.
    """
    matcher.set_seq1(known)
    if wanted and wanted == known:
        return 2 + matcher.ratio()
    if len(wanted) < _PART_CHARACTERS:
        return 0.0
    parts = _SEPARATORS.split(known)
    if known.startswith(wanted) or wanted in parts:
        return 1 + matcher.ratio() / 10
    if len(known) >= _PART_CHARACTERS and known in _SEPARATORS.split(wanted):
        return matcher.ratio()
    longer = (part for part in parts if min(len(part), len(wanted)) >= _PART_WITH_MISTAKES)
    if any(_is_mistyped(wanted, one) for one in (known, *longer)) or _is_long_similar(matcher, wanted, known):
        return matcher.ratio()
    return 0.0


def _is_long_similar(matcher: SequenceMatcher[str], wanted: str, known: str) -> bool:
    """True if two names of which one is long are similar, although they differ by more than one mistake."""
    if max(len(wanted), len(known)) < _LONG or wanted[:1] != known[:1]:
        return False
    return min(matcher.real_quick_ratio(), matcher.quick_ratio()) >= _SIMILAR and matcher.ratio() >= _SIMILAR


def _is_mistyped(wanted: str, known: str) -> bool:
    """True if `wanted` is `known` with one mistake, without vowels, or in the other number (singular or plural)."""
    same = _count_equal(wanted, known)
    left, right = wanted[same:], known[same:]
    same = _count_equal(left[::-1], right[::-1])
    left, right = left[: len(left) - same], right[: len(right) - same]
    if {len(left), len(right)} == {0, 1} or (len(left) == 2 and left == right[::-1]):
        return True
    if len(left) == len(right) == 1:
        return len(wanted) >= _REPLACED
    return known[:1] + _VOWELS.sub("", known[1:]) == wanted or _singular(wanted) == _singular(known)


def _count_equal(one: str, other: str) -> int:
    """Return the number of equal characters at the start of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return re.sub(r"(?<=[sxz])es$|(?<=[cs]h)es$|s$", "", name)
