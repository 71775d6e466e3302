"""How often a task may fail of each cause, and what follows a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType

from kubeque.model.errors import ResourceError
from kubeque.model.job.task import Cause

#: Extra attempts a cause is given. What a program does again by itself (exit, signal, timeout) gets none.
DEFAULT_BUDGETS: Mapping[Cause, int] = MappingProxyType(
    {
        Cause.EXIT: 0,
        Cause.SIGNAL: 0,
        Cause.TIMEOUT: 0,
        Cause.OOM: 3,
        Cause.DISK: 1,
        Cause.LOST: 3,
        Cause.PREEMPTED: 20,
        Cause.STAGE: 3,
        Cause.STORE: 3,
    }
)
#: Causes that more memory or disk may cure.
GROWING = frozenset({Cause.OOM, Cause.DISK})


class Verdict(Enum):
    """What follows a failed attempt."""

    RETRY = auto()
    MOVE = auto()
    FAIL = auto()


@dataclass(frozen=True, slots=True)
class Budgets:
    """Extra attempts by cause. A task that spent its budget of one cause has failed."""

    extra: Mapping[Cause, int] = field(default_factory=lambda: dict(DEFAULT_BUDGETS))

    def verdict(self, cause: Cause, charges: Mapping[Cause, int]) -> Verdict:
        """What follows a failure of `cause`, given all `charges` including this one."""
        if charges.get(cause, 0) > self.extra.get(cause, 0):
            return Verdict.FAIL
        return Verdict.MOVE if cause in GROWING else Verdict.RETRY

    def with_extra(self, extra: Mapping[str, int]) -> Budgets:
        """These budgets with some replaced, as in `{"lost": 5, "exit": 1}`.

        Raises ResourceError for an unknown cause or a number below zero.
        """
        changed = dict(self.extra)
        for name, count in extra.items():
            known = [cause.value for cause in DEFAULT_BUDGETS]
            if name not in known:
                raise ResourceError(f"retries of {name!r}: unknown cause; the causes are {', '.join(known)}")
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise ResourceError(f"retries of {name!r}: {count!r} is not a whole number from 0, as in {name}=3")
            changed[Cause(name)] = count
        return Budgets(changed)

    def to_wire(self) -> dict[str, int]:
        return {cause.value: count for cause, count in self.extra.items()}

    @classmethod
    def from_wire(cls, wire: Mapping[str, int]) -> Budgets:
        return cls({Cause(cause): count for cause, count in wire.items()})
