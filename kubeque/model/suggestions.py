"""Suggestions for an unknown name: "did you mean ...?"."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from difflib import SequenceMatcher

#: Minimum similarity of a suggested name. 0 means nothing in common, 1 means equal.
_SIMILAR = 0.5
#: Maximum difference between the similarity of the best name and that of another suggested name.
_WORSE = 0.25
#: Characters between the parts of a name, for example in `task-timeout` and `out.loss`.
_SEPARATORS = re.compile(r"[-_.]")
#: Minimum number of characters of a name that is compared with beginnings and parts.
_PART_CHARACTERS = 2


def suggest(name: str, known: Iterable[str], what: str, old: Mapping[str, str] | None = None) -> str:
    """Return a hint for an unknown `name`: the most similar known name, or a list of all known names.

    `what`: plural noun for the names. `old`: other names, from earlier versions or other programs, each with the
    present name.
    """
    names, renamed = list(known), old or {}
    near = find_similar(name, [*names, *renamed])
    return f"did you mean {renamed.get(near[0], near[0])!r}?" if near else f"the {what} are {', '.join(names)}"


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

    A known name is also similar if it begins with `name`, or if `name` is one of its parts. For example, `loss` is a
    part of `out.loss`. Upper and lower case, leading dashes, and the difference between `-` and `_` are ignored.
    """
    from difflib import SequenceMatcher  # only errors need it

    wanted = _fold(name)
    matcher = SequenceMatcher(None, "", wanted)
    scores = [(_score(matcher, wanted, _fold(one)), one) for one in known]
    least = max(_SIMILAR, max((score for score, _ in scores), default=0.0) - _WORSE)
    found = heapq.nlargest(count, (pair for pair in scores if pair[0] >= least), key=lambda pair: pair[0])
    return [one for _, one in found]


def _fold(name: str) -> str:
    return name.casefold().lstrip("-").replace("_", "-")


def _score(matcher: SequenceMatcher[str], wanted: str, known: str) -> float:
    """Return the similarity of two names; more than 1 if `known` begins with `wanted` or has it as one of its parts."""
    matcher.set_seq1(known)
    if len(wanted) >= _PART_CHARACTERS and (known.startswith(wanted) or wanted in _SEPARATORS.split(known)):
        return 1 + matcher.ratio() / 10
    if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < _SIMILAR:
        return 0.0
    return matcher.ratio()
