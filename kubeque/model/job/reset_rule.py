"""The rule that selects the tasks which run again after a reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.unknown_entries import read_fields, write_fields
from kubeque.model.errors import UserError
from kubeque.model.job.causes import FAILURE_CAUSES, Cause
from kubeque.model.job.task import Outcome
from kubeque.model.text import cut


@dataclass(frozen=True, slots=True)
class ResetRule:
    """Rule that selects the tasks which run again after a reset. Without arguments, it selects the failed tasks."""

    #: True to select also ok tasks.
    everything: bool = False
    #: Select only failed tasks whose last attempt ended with one of these causes; empty: any cause.
    causes: tuple[str, ...] = ()
    #: Select only tasks in these half-open ranges of indexes, including ok tasks unless `keep_ok`; empty:
    #: any index.
    ranges: tuple[tuple[int, int], ...] = ()
    #: True to select also running tasks, because they run an older spec.
    break_leases: bool = False
    #: True to keep ok tasks in `ranges`, for example a row that ended ok while it was killed.
    keep_ok: bool = False
    #: True to release the held tasks.
    go: bool = False
    #: Stored entries that only a newer kubeque knows.
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def check(self) -> ResetRule:
        """Return this rule. Raises UserError if `causes` contains a name that is not a cause of failure."""
        known = [cause.value for cause in FAILURE_CAUSES]
        for name in self.causes:
            if name not in known:
                raise UserError(f"{cut(repr(name))} is not a cause of failure: the causes are {', '.join(known)}")
        return self

    def selects(self, outcome: Outcome | None, *, ok: bool, named: bool) -> bool:
        """True if this rule selects an ended task.

        `outcome`: last outcome of the task. `ok`: True if the task is ok, False if it has failed. `named`: True if the
        index of the task is in `ranges`.
        """
        if ok:
            return self.everything or (named and not self.keep_ok)
        return self.selects_cause(outcome.cause if outcome is not None else None, named=named)

    def selects_cause(self, cause: Cause | None, *, named: bool) -> bool:
        """True if this rule selects a task that failed with `cause` (None: unknown cause).

        `named`: True if the index of the task is in `ranges`.
        """
        if self.ranges and not named and not self.everything:
            return False
        return not self.causes or cause in self.causes

    def restores(self, *, named: bool) -> bool:
        """True if a waiting task gets full budgets. `named`: True if the index of the task is in `ranges`."""
        return named or not self.ranges

    def to_wire(self) -> dict[str, Any]:
        return write_fields(self)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> ResetRule:
        fields = read_fields(cls, wire)
        fields |= {"causes": tuple(wire["causes"]), "ranges": tuple((low, high) for low, high in wire["ranges"])}
        return cls(**fields)


#: Rule that selects no ended task and only releases the held tasks.
GO_ON = ResetRule(ranges=((0, 0),), go=True)
