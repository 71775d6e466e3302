"""The effect of a reset on the rows of a job, counted before anything is changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, field, replace
from functools import partial
from typing import Any

from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.selected_rows import select_tasks
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.row_selection import RowSelection
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.rows.index_ranges import to_ranges
from kubeque.model.text import format_count
from kubeque.model.wording import command

_FAILED = (TaskState.FAILED, TaskState.KILLED)


@dataclass(frozen=True, slots=True)
class ResetEffect:
    """The effect of a reset on the rows of a job. If the user selected rows, only these rows are counted."""

    #: Name of the job.
    name: str
    #: Number of failed and killed rows that will run again, including rows whose kill is not finished.
    run: int
    #: Number of ok rows that will run again.
    again: int
    #: Number of ok rows that keep their results.
    kept: int
    #: Number of failed and killed rows that the reset does not select.
    left: int
    #: Number of rows that have not ended. A reset does not select rows of this kind.
    unfinished: int
    #: Number of these rows that are held. They stay held.
    held: int = 0

    @property
    def is_empty(self) -> bool:
        """True if the reset selects no row."""
        return not self.run and not self.again

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        """Return the effect as one sentence."""
        going = self.unfinished - self.held
        parts = [
            f"{_rows(self.run + self.again)} will run again",
            f"{_rows(self.kept, 'ok ')} will be kept" if self.kept or not self.again else "",
            f"{_rows(self.left)} will stay failed or killed" if self.left else "",
            f"{_rows(going)} that {'has' if going == 1 else 'have'} not ended will continue" if going else "",
            f"{_rows(self.held)} {'stays' if self.held == 1 else 'stay'} held until {command('go', self.name)}"
            if self.held else "",
        ]  # fmt: skip
        return f"{self.name}: {', '.join(part for part in parts if part)}"


@dataclass(frozen=True, slots=True)
class ResetPlan:
    """The rows that a reset selects, and its effect."""

    effect: ResetEffect
    #: Rule of the reset. If the user selected rows, the ranges of the rule contain the rows that will run again.
    rule: ResetRule
    #: One byte for each row of a killed or stopped job: 1 for a row that must not run if it has not ended, else 0.
    #: Empty if the user selected no rows, or if the job was neither killed nor stopped.
    left: bytearray = field(default_factory=bytearray)


def plan_reset(backends: Backends, job: Job, rule: ResetRule, selection: RowSelection) -> ResetPlan:
    """Return what a reset of `job` will do. Nothing is changed.

    Takes O(blocks), but O(tasks) if `rule` has causes or ranges, or if `selection` is not empty. Raises UserError if no
    row matches `selection`. Raises StorageError.
    """
    if not selection.is_empty:
        return _plan_selection(backends, job, rule, selection)
    counts = job.closing.counts if job.closing is not None else backends.queue.counts(job)
    stopping = 0 if job.closing is not None else _count_stopping(backends, job, counts)
    failed, ok = _select(backends, job, rule, counts, stopping)
    unfinished = counts.pending + counts.running + counts.held - stopping
    left = counts.failed + counts.killed + stopping - failed
    held = 0 if job.was_ended else counts.held  # a reset of a killed job releases its held rows
    return ResetPlan(ResetEffect(job.name, failed, ok, counts.ok - ok, left, unfinished, held), rule)


def _count_stopping(backends: Backends, job: Job, counts: Counts) -> int:
    """Return the number of tasks that a consumer has yet to end, because their row or their job was killed."""
    if job.was_ended:
        return counts.running
    return sum(view.is_being_killed for view in backends.queue.tasks(job)) if job.kills else 0


def _plan_selection(backends: Backends, job: Job, rule: ResetRule, selection: RowSelection) -> ResetPlan:
    """Return what a reset of the rows in `selection` will do.

    An ok row runs again only if `rule` has `everything` or if `selection` names the state ok. The rule in the returned
    plan lists the indexes of rows that have already ended or are being killed. A row that ends ok meanwhile keeps its
    result.
    """
    everything = rule.everything or TaskState.OK in selection.states
    run, again, seen = list[int](), list[int](), Counter[TaskState]()
    left = bytearray(b"\1" * job.n if job.was_ended else b"")
    for view in select_tasks(backends, job, selection, partial(_show_kill, job)):
        seen[view.state] += 1
        if view.state is TaskState.OK and everything:
            again.append(view.index)
        elif view.state in _FAILED and _has_cause(rule, view):
            run.append(view.index)
            if left:
                left[view.index] = 0
    if not seen:
        raise UserError(f"no row of {job.name} is selected by {selection}, so nothing was reset")
    ok, failed = seen[TaskState.OK], sum(seen[state] for state in _FAILED)
    held = 0 if job.was_ended else seen[TaskState.HELD]
    effect = ResetEffect(
        job.name, len(run), len(again), ok - len(again), failed - len(run), seen.total() - ok - failed, held
    )
    ranges = tuple(to_ranges(sorted([*run, *again])))
    whole = replace(rule, everything=False, causes=(), ranges=ranges or ((0, 0),), keep_ok=not everything)
    return ResetPlan(effect, whole, left)


def _show_kill(job: Job, view: TaskView) -> TaskView:
    """Return the view of a task, with the state KILLED if its consumer has yet to end the task because of a kill."""
    stopping = view.is_being_killed or (job.was_ended and view.state is TaskState.RUNNING)
    return replace(view, state=TaskState.KILLED) if stopping else view


def _has_cause(rule: ResetRule, view: TaskView) -> bool:
    outcome = view.record.outcome
    cause = Cause.KILLED if view.state is TaskState.KILLED else outcome.cause if outcome else None
    return not rule.causes or cause in rule.causes


def is_pointless(job: Job, effect: ResetEffect, *, update: bool) -> bool:
    """True if a reset with this effect has nothing to do.

    An update of an open job has an effect, because rows that have not ended run with the new files. If an earlier reset
    is unfinished, a reset finishes it. If the job was killed and is not closed yet, a reset opens the job again.
    """
    ended = job.closing is not None
    return effect.is_empty and job.reset is None and (ended or (job.open and not update))


def _select(backends: Backends, job: Job, rule: ResetRule, counts: Counts, stopping: int) -> tuple[int, int]:
    """Return two numbers of tasks that the rule selects: failed or killed tasks, and ok tasks.

    `stopping`: number of tasks that a consumer has yet to end because of a kill.
    """
    if not rule.causes and not rule.ranges:
        return counts.failed + counts.killed + stopping, counts.ok if rule.everything else 0
    chosen = Counter(view.state is TaskState.OK for view in backends.queue.tasks(job) if _is_selected(job, rule, view))
    return chosen[False], chosen[True]


def _is_selected(job: Job, rule: ResetRule, view: TaskView) -> bool:
    """True if a task runs again after a reset by `rule`. A task that was killed with its job always runs again."""
    named = any(low <= view.index < high for low, high in rule.ranges)
    if view.is_being_killed:
        return rule.selects_cause(Cause.KILLED, named=named)
    shown = _show_kill(job, view)
    if shown.state is TaskState.KILLED and not view.is_row_killed:
        return True
    return shown.state in (*_FAILED, TaskState.OK) and rule.selects(
        view.record.outcome, ok=view.state is TaskState.OK, named=named
    )


def _rows(count: int, kind: str = "") -> str:
    return format_count(count, f"{kind}row")
