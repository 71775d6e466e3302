"""Find out which of many names exist in a store, by listings or by one request for each name.

The cheaper way is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from kubeque.files.parallel import QUESTIONS, in_parallel

#: Smallest number of names for which a listing can be cheaper. Fewer names are looked up one by one.
_FEW = 64
#: Number of objects that may be listed for each name. One request lists a thousand objects, but costs more than one
#: look-up.
_LISTED = 20
#: Approximate number of objects in one listing. A larger listing would be slow, because its answers come one after the
#: other.
_SHARE = 4_000
_DIGEST = re.compile(r"[0-9a-f]{64}")


def find_present(
    names: Iterable[str], *, ask: Callable[[str], bool], beginning: Callable[[str], Sequence[str]]
) -> frozenset[str]:
    """Return the names that exist. `ask`: look up one name. `beginning`: list the existing names with a prefix.

    Listings are used only if the names are digests. All prefixes of digests are equally frequent, so the number of
    digests with one prefix gives the total.
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
    """Estimate the number of existing digests from the number that begin with five zeros.

    If few digests begin with five zeros, count the digests that begin with three zeros.
    """
    for zeros in (5, 3):
        found = len(beginning("0" * zeros))
        if found > 2:  # fewer names would give a bad estimate
            break
    return found * 16**zeros
