"""Read jobs without reconciling them, for any number of simultaneous users.

The only write is by `Reader.peek` at a running task: its request is stored in the job.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.details import find_line
from kubeque.jobs.inspection.peek import Peek, peek
from kubeque.jobs.reports.timeline import timeline_page
from kubeque.jobs.results.ranking import rank_tasks
from kubeque.jobs.results.table import TaskRow, lines, read_rows
from kubeque.model.errors import StorageError, UserError
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.stats.failure_groups import Group, Groups
from kubeque.model.wording import command
from kubeque.queues.state_letters import ELSEWHERE, MEANING, read_failed, read_letters, squeeze

#: Number of jobs whose blocks are cached, so that only changed blocks are parsed again.
_JOBS = 8
#: Maximum number of tasks to sort: this takes about a second of one core.
SORTED_AT_MOST = 250_000
#: Maximum number of attempts that a timeline draws.
_DRAWN = 20_000


@dataclass(frozen=True, slots=True)
class Failures:
    """The failed tasks of a job, in groups."""

    #: Tasks with similar failures, largest group first.
    groups: Sequence[Group]
    #: Number of failed tasks by cause.
    causes: Mapping[str, int]


class Reader:
    """Reads the jobs of one queue. Threads may share it."""

    #: Meaning of each letter of `marks`.
    MEANING: ClassVar[Mapping[str, str]] = MEANING

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._lock = threading.Lock()
        #: Version that was read and its marks, by job uid and block id.
        self._known: OrderedDict[str, dict[str, tuple[int, str]]] = OrderedDict()
        self._failures: OrderedDict[tuple[str, int, int], Failures] = OrderedDict()

    def now(self) -> float:
        """Return the time by the clock of the queue, Unix seconds."""
        return self._backends.queue.now()

    def jobs(self) -> list[Job]:
        """Return all jobs, newest first."""
        return sorted(self._backends.queue.jobs(), key=lambda job: (job.created, job.uid), reverse=True)

    def job(self, name: str) -> Job:
        """Return one job as recorded in the queue. Raises JobNotFound."""
        return self._backends.queue.job(name)

    def counts(self, job: Job) -> Counts:
        """Return the number of tasks in each state. Calls: one to the queue; none if the job has ended."""
        return job.closing.counts if job.closing is not None else self._backends.queue.counts(job)

    def columns(self, job: Job) -> tuple[str, ...]:
        """Return the names of its parameters. Raises StorageError."""
        return self._backends.spec(job).rows.columns

    def inputs(self, job: Job) -> dict[str, str]:
        """Return the files that every task of a job gets: the SHA-256, or the generation of an object, by name.

        Raises StorageError.
        """
        return {item.name: item.digest or item.generation for item in self._backends.spec(job).inputs}

    def marks(self, job: Job, first: int, count: int) -> str:
        """Return one letter for each task from `first` on, at most `count`, run-length encoded: `ooor` is `o3r`."""
        end = min(job.n, first + count)
        found = [ELSEWHERE] * max(0, end - first)
        with self._lock:  # simultaneous calls wait for one that reads
            known = self._remembered(job.uid)
            for record in self._backends.queue.scan_records(job, first=first):
                if record.lo >= end:
                    break
                if known.get(record.id, (0, ""))[0] != record.version:
                    known[record.id] = record.version, read_letters(record)
                for index, mark in enumerate(known[record.id][1], record.lo - first):
                    if mark != ELSEWHERE and 0 <= index < len(found):
                        found[index] = mark
        marks = "".join(found).replace(ELSEWHERE, "-")
        if job.was_ended:
            marks = marks.replace("-", "k").replace("h", "k")
        return squeeze(marks)

    def _remembered(self, uid: str) -> dict[str, tuple[int, str]]:
        known = self._known.setdefault(uid, {})
        self._known.move_to_end(uid)
        while len(self._known) > _JOBS:
            self._known.popitem(last=False)
        return known

    def failures(self, job: Job, counts: Counts) -> Failures:
        """Return its failed tasks in groups; read them again only if their number or the run has changed."""
        key = job.uid, job.run, counts.failed
        with self._lock:
            if key not in self._failures:
                self._failures[key] = self._read_failures(job) if counts.failed else Failures((), {})
                while len(self._failures) > _JOBS:
                    self._failures.popitem(last=False)
            return self._failures[key]

    def _read_failures(self, job: Job) -> Failures:
        groups, causes = Groups(), Counter[str]()
        for record in self._backends.queue.scan_records(job):
            for outcome in read_failed(record):
                groups.add(outcome, {})
                causes[str(outcome.cause)] += 1
        largest = groups.largest()
        with suppress(StorageError):  # without access to the store, the groups have indexes only
            rows = read_rows(self._backends, job, {index for group in largest for index, _ in group.first})
            for group in largest:
                group.first = [(index, rows[index]) for index, _ in group.first]
        return Failures(largest, dict(causes.most_common()))

    def lines(self, job: Job, *, first: int = 0, count: int = 100, state: str | None = None) -> list[TaskRow]:
        """Return at most `count` tasks from index `first` on, only those in `state` if given. Raises StorageError."""
        return list(islice(lines(self._backends, job, state=state, first=first), count))

    def ranked(self, job: Job, column: str, *, top: int, descending: bool, state: str | None = None) -> list[TaskRow]:
        """Return the first `top` tasks in the order of a column. Raises UserError, StorageError."""
        if job.n > SORTED_AT_MOST:
            raise UserError(
                f"{job.name} has {job.n:,} tasks, and above {SORTED_AT_MOST:,} they are not sorted here:"
                f" {command('show', job.name, f'sort {column}')}"
            )
        return rank_tasks(lines(self._backends, job, state=state), column, top=top, descending=descending)

    def line(self, job: Job, index: int) -> TaskRow:
        """Return one task with its row. Raises UserError for an index that the job does not have, StorageError."""
        return find_line(self._backends, job, index)

    def peek(self, job: Job, index: int, stream: str) -> Peek:
        """Return the end of a stream of a task, without waiting for a new upload. Raises UserError, StorageError."""
        return peek(self._backends, job, index, stream, wait=False)

    def timeline(self, job: Job) -> str:
        """Return its timeline as an HTML page that loads nothing. Raises StorageError."""
        return timeline_page(self._backends, job, attempts=_DRAWN)
