"""The effect of a reset on the rows of a job, counted before anything is changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from kubeque.jobs.backends import Backends
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import TaskState, TaskView


@dataclass(frozen=True, slots=True)
class ResetEffect:
    """The effect of a reset on the rows of a job."""

    #: Name of the job.
    name: str
    #: Number of failed and killed rows that will run again.
    run: int
    #: Number of ok rows that will run again.
    again: int
    #: Number of ok rows that keep their results.
    kept: int
    #: Number of failed rows that the reset does not select.
    left: int
    #: Number of rows that have not ended. A reset does not select them.
    unfinished: int

    @property
    def is_empty(self) -> bool:
        """True if the reset selects no row."""
        return not self.run and not self.again

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        """Return the effect as one sentence."""
        parts = [
            f"{_rows(self.run + self.again)} will run again",
            f"{_rows(self.kept, 'ok ')} will be kept" if self.kept or not self.again else "",
            f"{_rows(self.left, 'failed ')} will stay failed" if self.left else "",
            f"{_rows(self.unfinished)} that {'has' if self.unfinished == 1 else 'have'} not ended will go on"
            if self.unfinished else "",
        ]  # fmt: skip
        return f"{self.name}: {', '.join(part for part in parts if part)}"


def count_reset(backends: Backends, job: Job, rule: ResetRule) -> ResetEffect:
    """Return the effect of a reset of `job`. Nothing is changed.

    Takes O(blocks), and O(tasks) if the rule names causes or ranges.
    """
    counts = job.closing.counts if job.closing is not None else backends.queue.counts(job)
    failed, ok = _select(backends, job, rule, counts)
    unfinished = counts.pending + counts.running + counts.held
    return ResetEffect(job.name, failed + counts.killed, ok, counts.ok - ok, counts.failed - failed, unfinished)


def is_pointless(job: Job, effect: ResetEffect, *, update: bool) -> bool:
    """True if a reset with this effect must not change the job.

    An update of an open job is not pointless, because the rows that have not ended run with the new files. A reset that
    is unfinished, or that revives a killed job, is not pointless either.
    """
    ended = job.closing is not None
    return effect.is_empty and job.reset is None and (ended or (job.open and not update))


def _select(backends: Backends, job: Job, rule: ResetRule, counts: Counts) -> tuple[int, int]:
    """Return the numbers of failed and ok tasks that the rule selects."""
    if not rule.causes and not rule.ranges:
        return counts.failed, counts.ok if rule.everything else 0
    chosen = Counter(view.state for view in backends.queue.tasks(job) if _is_selected(rule, view))
    return chosen[TaskState.FAILED], chosen[TaskState.OK]


def _is_selected(rule: ResetRule, view: TaskView) -> bool:
    named = any(low <= view.index < high for low, high in rule.ranges)
    ended = view.state in (TaskState.FAILED, TaskState.OK)
    return ended and rule.selects(view.record.outcome, ok=view.state is TaskState.OK, named=named)


def _rows(count: int, kind: str = "") -> str:
    return f"{count} {kind}row{'s' * (count != 1)}"
