"""Find out which of many names exist in a store: by listings, or by one request for each name if that is cheaper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from kubeque.files.parallel import QUESTIONS, in_parallel

#: Smallest number of names for which listings may be used. Fewer names are looked up one by one.
_FEW = 64
#: Largest number of objects to list for each name. One request lists a thousand objects, but costs more than a request
#: for one name.
_LISTED = 20
#: Approximate number of objects in one listing. A larger listing would be slow, because it needs many requests one
#: after another.
_SHARE = 4_000
_DIGEST = re.compile(r"[0-9a-f]{64}")


def find_present(
    names: Iterable[str], *, ask: Callable[[str], bool], beginning: Callable[[str], Sequence[str]]
) -> frozenset[str]:
    """Return those of `names` that exist.

    `ask`: returns True if a name exists. `beginning`: returns the existing names that begin with a text.

    Listings are used only if the names are digests. All beginnings of digests are equally frequent. So the number of
    digests with one beginning is sufficient to estimate their total number.
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
    """Return an estimate of the number of existing digests, from the number of digests that begin with five zeros.

    If at most two digests begin with five zeros, the estimate is from the digests that begin with three zeros.
    """
    for zeros in (5, 3):
        found = len(beginning("0" * zeros))
        if found > 2:  # fewer names would give a bad estimate
            break
    return found * 16**zeros
