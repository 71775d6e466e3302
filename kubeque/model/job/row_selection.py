"""Selections of rows by index, by conditions on their values, and by state."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState
from kubeque.model.rows.conditions import Condition, parse_condition
from kubeque.model.rows.index_ranges import Ranges, parse_ranges, to_ranges
from kubeque.model.text import cut
from kubeque.model.wording import option

#: Names of the states by which rows can be selected.
SELECTABLE_STATES = tuple(state.value for state in TaskState if state is not TaskState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class RowSelection:
    """A selection of rows. It contains the rows that meet all of its parts."""

    #: Indexes of the rows; None: any index.
    indexes: Ranges | None = None
    #: Conditions on the values of the row. A selected row meets all of them.
    where: tuple[Condition, ...] = ()
    #: States. A selected row has one of them; empty: any state.
    states: tuple[str, ...] = ()

    @classmethod
    def parse(cls, index: str | None = None, where: Sequence[str] = (), states: Sequence[str] = ()) -> RowSelection:
        """Return a selection from texts such as `3,5-9`, `lr>0.1` and `pending`. Raises UserError."""
        for state in states:
            if state not in SELECTABLE_STATES:
                raise UserError(f"{option('state')} {cut(repr(state), 60)}: use one of {', '.join(SELECTABLE_STATES)}")
        indexes = parse_ranges(index) if index is not None else None
        return cls(indexes, tuple(map(parse_condition, where)), tuple(states))

    @classmethod
    def of(cls, indexes: Iterable[int]) -> RowSelection:
        """Return the selection of the rows with these indexes.

        Raises UserError if a value is not an index, or if no index is given.
        """
        wanted = sorted({_check_index(index) for index in indexes})
        if not wanted:
            raise UserError("no row is given: give the indexes of the rows")
        return cls(Ranges(tuple(range(first, end) for first, end in to_ranges(wanted))))

    @property
    def is_empty(self) -> bool:
        """True if the selection has no parts, so that it contains all rows."""
        return self.indexes is None and not self.where and not self.states

    def may_have(self, index: int, state: TaskState) -> bool:
        """True if `index` and `state` of a task meet the selection. Its conditions on values are not checked."""
        return (self.indexes is None or index in self.indexes) and (not self.states or state in self.states)

    def check(self, job: Job) -> None:
        """Raise UserError if the selection contains an index that the job does not have."""
        missing = self.indexes.format_from(job.n) if self.indexes is not None else ""
        if missing:
            raise UserError(f"{job.name} has no task {missing}: its tasks are 0 to {job.n - 1}")

    def __str__(self) -> str:
        """Return the options that give this selection on the command line."""
        parts = [option("index", str(self.indexes))] if self.indexes is not None else []
        parts += [option("where", str(condition)) for condition in self.where]
        return " ".join([*parts, *(option("state", state) for state in self.states)])


ALL_ROWS = RowSelection()


def _check_index(value: Any) -> int:
    """Return an index as an int. Integers of other libraries are accepted. Raises UserError for any other value."""
    try:
        index = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        index = -1
    if index < 0:
        raise UserError(f"row {cut(repr(value), 60)} is not an index: give whole numbers from 0")
    return index
