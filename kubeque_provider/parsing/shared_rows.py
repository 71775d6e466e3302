"""Cache of what the checks have found out about a list of rows.

If several operators of a DAG file use the same list, it is searched only once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import field
from typing import Any, TypeVar

from kubeque.lazy_dataclass import dataclass

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Findings:
    rows: list[Any]
    #: Number of rows when the first finding was made.
    count: int
    found: dict[Hashable, Any] = field(default_factory=dict)


#: Findings about the last list that was checked, keyed by the list's id. The entry keeps the list alive, so no other
#: list can have this id.
_last: dict[int, _Findings] = {}


def find_once(rows: list[Any], what: Hashable, find: Callable[[], R]) -> R:
    """Return the result of `find()`, which reads the list `rows`. A repeated call returns the cached result.

    `what`: key of the result. The cache is cleared when a call passes another list, or a list of another length.
    """
    known = _last.get(id(rows))
    if known is None or known.count != len(rows):
        _last.clear()
        known = _last[id(rows)] = _Findings(rows, len(rows))
    if what not in known.found:
        known.found[what] = find()
    result: R = known.found[what]
    return result
