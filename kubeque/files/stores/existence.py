"""Which of many names a store has: by listings of what is there, or by a question for each, whichever is less."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from kubeque.files.parallel import QUESTIONS, in_parallel

#: So few names are just asked for.
_FEW = 64
#: Objects that may be listed for each name that is looked for: a thousand come with one answer, which costs more than
#: that of one question.
_LISTED = 20
#: Listings end at so many objects each, more or less: an answer follows the other only within one listing.
_SHARE = 4_000
_DIGEST = re.compile(r"[0-9a-f]{64}")


def present(
    names: Iterable[str], *, ask: Callable[[str], bool], beginning: Callable[[str], Sequence[str]]
) -> frozenset[str]:
    """Those of `names` that are there. `ask` knows of one name, `beginning` lists all that begin with some letters.

    Only digests are listed: they begin with any letters equally often, so a few tell how many there are in all.
    """
    wanted = frozenset(names)
    if len(wanted) >= _FEW and all(_DIGEST.fullmatch(name) for name in wanted):
        there = _about(beginning)
        if there <= _LISTED * len(wanted):
            starts = sorted({name[: 1 if there < 16 * _SHARE else 2] for name in wanted})
            found = in_parallel(beginning, starts, threads=QUESTIONS)
            return wanted.intersection(name for part in found for name in part)
    answers = in_parallel(lambda name: (name, ask(name)), wanted, threads=QUESTIONS)
    return frozenset(name for name, there in answers if there)


def _about(beginning: Callable[[str], Sequence[str]]) -> int:
    """How many digests there are, judged by those that begin with zeros: with more of them where there are many."""
    for zeros in (5, 3):
        found = len(beginning("0" * zeros))
        if found > 2:  # one or two may be an accident
            break
    return found * 16**zeros
