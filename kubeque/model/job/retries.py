"""The number of extra attempts for each cause, and the decision about a failed attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum, auto
from types import MappingProxyType

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.stored_types import accepting
from kubeque.model.errors import ResourceError
from kubeque.model.job.causes import Cause
from kubeque.model.text import cut

#: Default number of extra attempts for each cause. `exit`, `signal` and `timeout` get none, because the program would
#: fail again.
DEFAULT_BUDGETS: Mapping[str, int] = MappingProxyType(
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
        Cause.INTERNAL: 2,
    }
)
#: Causes whose budget every job stores. If such a budget is missing, it is 0. The budget of any other cause is stored
#: only if it differs from the default. If such a budget is missing, it is the default.
ALWAYS_STORED = frozenset(
    {
        Cause.EXIT, Cause.SIGNAL, Cause.TIMEOUT, Cause.OOM, Cause.DISK, Cause.LOST, Cause.PREEMPTED, Cause.STAGE,
        Cause.STORE,
    }
)  # fmt: skip
#: Causes after which a task runs again with more memory or disk.
GROWING = frozenset({Cause.OOM, Cause.DISK})


class Verdict(Enum):
    """Consequence of a failed attempt: RETRY (run the task again), MOVE (with a larger shape), or FAIL (for good)."""

    RETRY = auto()
    MOVE = auto()
    FAIL = auto()


@dataclass(frozen=True, slots=True)
class Budgets:
    """The number of extra attempts for each cause. The keys of `extra` are the stored names of the causes.

    A task fails if it has more failures with a cause than the number for this cause.
    """

    extra: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_BUDGETS))

    def verdict(self, cause: Cause, charges: Mapping[str, int]) -> Verdict:
        """Return the consequence of a failure with this cause.

        `charges`: number of failures of the task since the last reset, by cause, including this failure.
        """
        if charges.get(cause, 0) > self.extra.get(cause, 0):
            return Verdict.FAIL
        return Verdict.MOVE if cause in GROWING else Verdict.RETRY

    def with_extra(self, extra: Mapping[str, int]) -> Budgets:
        """Return the budgets with the numbers in `extra` in place of their own, for example `{"lost": 5, "exit": 1}`.

        Raises ResourceError for an unknown cause, or for a value that is not a whole number of at least 0.
        """
        changed = dict(self.extra)
        for name, count in extra.items():
            known = [str(cause) for cause in DEFAULT_BUDGETS]
            if name not in known:
                raise ResourceError(f"retries of {name!r}: unknown cause; the causes are {', '.join(known)}")
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise ResourceError(
                    f"retries of {name!r}: {count!r} is not a whole number of at least 0: write for example {name}=3"
                )
            changed[Cause(name)] = count
        return Budgets(changed)

    def to_wire(self) -> dict[str, int]:
        return {
            str(cause): count
            for cause, count in self.extra.items()
            if cause in ALWAYS_STORED or count != DEFAULT_BUDGETS.get(cause)
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, int]) -> Budgets:
        if not accepting(Mapping[str, int])(wire):
            raise TypeError(f"the budgets are {cut(repr(wire), 60)}")
        defaults = {cause: count for cause, count in DEFAULT_BUDGETS.items() if cause not in ALWAYS_STORED}
        return cls({**defaults, **wire})
