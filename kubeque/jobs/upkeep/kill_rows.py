"""Kill some rows of a job."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import takewhile
from typing import Any

from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.selected_rows import select_tasks
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.lease_durations import REVIEW_SECONDS
from kubeque.model.job.row_selection import RowSelection
from kubeque.model.job.task import TaskState
from kubeque.model.text import format_count
from kubeque.model.wording import code

#: Message in the outcome of a row that a user killed.
KILLED_BY_USER = "killed by a user"
_WAITING = frozenset({TaskState.PENDING, TaskState.HELD})


@dataclass(frozen=True, slots=True)
class KillEffect:
    """The effect of a kill on the selected rows of a job."""

    #: Name of the job.
    name: str
    #: Number of waiting rows that were killed.
    killed: int
    #: Number of running rows. Their consumers stop them within about REVIEW_SECONDS. A row that ends before keeps its
    #: result.
    running: int
    #: Number of rows that had already ended. They do not change.
    ended: int

    @property
    def is_empty(self) -> bool:
        """True if the kill affects no row."""
        return not self.killed and not self.running

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    def describe(self, *, dry_run: bool = False) -> str:
        """Return the effect as one sentence. `dry_run`: True if nothing was killed."""
        if self.is_empty:
            stays = "would be" if dry_run else "is"
            return f"{self.name}: nothing {stays} killed, because {format_count(self.ended, 'row')} had already ended"
        verb = "would be killed" if dry_run else "is killed" if self.killed == 1 else "are killed"
        stop = "would be" if dry_run else "is" if self.running == 1 else "are"
        run = f"{format_count(self.running, 'row')} still run{'s' * (self.running == 1)}"
        ends = "it ends" if self.running == 1 else "they end"
        parts = [
            f"{format_count(self.killed, 'row')} {verb}" if self.killed else "",
            f"{run} and {stop} stopped within about {REVIEW_SECONDS:g} s, unless {ends} before" if self.running else "",
            f"{self.ended} had already ended" if self.ended else "",
        ]  # fmt: skip
        return f"{self.name}: {', '.join(part for part in parts if part)}"


def kill_rows(backends: Backends, name: str, selection: RowSelection, *, dry_run: bool = False) -> KillEffect:
    """Kill the selected rows of a job, and return the effect. `dry_run`: True to only compute the effect.

    Raises JobNotFound, StorageError. Raises UserError if no row is selected, or if the job was reset or replaced while
    the rows were killed.
    """
    job = backends.queue.job(name)
    chosen, states = bytearray(job.n), Counter[TaskState]()
    for view in select_tasks(backends, job, selection):
        states[view.state] += 1
        chosen[view.index] = view.state in _WAITING or view.state is TaskState.RUNNING
    if not states:
        which = f" by {selection}" if not selection.is_empty else ""
        rows = code("status", name, "tasks")
        raise UserError(f"no row of {name} is selected{which}, so nothing was killed; {rows} shows the rows")
    if dry_run or not any(chosen) or not job.open:
        return _effect(job, states)
    after = backends.queue.kill_rows(job, chosen, KILLED_BY_USER)
    if not after.is_same_run(job):
        raise UserError(f"{name} was reset or replaced meanwhile, and not all rows are killed: repeat the command")
    return _effect(after, _read_states(backends, after, chosen), ended=states.total() - sum(chosen))


def _read_states(backends: Backends, job: Job, chosen: bytearray) -> Counter[TaskState]:
    """Return the number of the chosen rows by state, after the kill. A killed row counts as pending, see `_effect`."""
    last = chosen.rfind(1)
    views = takewhile(lambda view: view.index <= last, backends.queue.tasks(job, first=chosen.find(1)))
    return Counter(TaskState.PENDING if view.is_row_killed else view.state for view in views if chosen[view.index])


def _effect(job: Job, states: Counter[TaskState], *, ended: int = 0) -> KillEffect:
    """Return the effect of a kill of rows.

    `states`: number of rows by state; each waiting row counts as killed. `ended`: number of ended rows that `states`
    does not contain.
    """
    waiting, running = sum(states[state] for state in _WAITING), states[TaskState.RUNNING]
    return KillEffect(job.name, waiting, running, ended + states.total() - waiting - running)
