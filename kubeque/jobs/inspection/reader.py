"""Looking at jobs without touching them: nothing is repaired, closed or written, so any number of people may.

Peeking at a running task alone leaves a note in the job, by which its consumer knows that somebody looks.
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
from kubeque.jobs.inspection.peek import Peek, peek_at
from kubeque.jobs.reports.timeline import timeline_page
from kubeque.jobs.results.ranking import ranked
from kubeque.jobs.results.table import TaskRow, lines, read_rows
from kubeque.model.errors import StorageError, UserError
from kubeque.model.job.job import Counts, Job
from kubeque.model.stats.failure_groups import Group, Groups
from kubeque.queues.state_letters import ELSEWHERE, MEANING, read_failed, read_letters, squeeze

#: Jobs whose blocks are remembered, so that only blocks that changed are read again.
_JOBS = 8
#: Sorting takes about a second for so many tasks, of one core.
SORTED_AT_MOST = 250_000
#: Attempts that a timeline draws.
_DRAWN = 20_000


@dataclass(frozen=True, slots=True)
class Failures:
    """Why tasks of a job failed."""

    #: Those that failed alike, the largest group first.
    groups: Sequence[Group]
    #: Failed tasks by cause.
    causes: Mapping[str, int]


class Reader:
    """Reads the jobs of one place. Threads may share it."""

    #: What the letters of `marks` mean.
    MEANING: ClassVar[Mapping[str, str]] = MEANING

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._lock = threading.Lock()
        #: By job uid and block id: the version that was read, and its marks.
        self._known: OrderedDict[str, dict[str, tuple[int, str]]] = OrderedDict()
        self._failures: OrderedDict[tuple[str, int, int], Failures] = OrderedDict()

    def now(self) -> float:
        """The clock of the queue, Unix seconds."""
        return self._backends.queue.now()

    def jobs(self) -> list[Job]:
        """All jobs, the newest first."""
        return sorted(self._backends.queue.jobs(), key=lambda job: (job.created, job.uid), reverse=True)

    def job(self, name: str) -> Job:
        """One job as the queue has it. Raises JobNotFound."""
        return self._backends.queue.job(name)

    def counts(self, job: Job) -> Counts:
        """How many of its tasks stand where; one question to the queue, none once it has ended."""
        return job.closing.counts if job.closing is not None else self._backends.queue.counts(job)

    def columns(self, job: Job) -> tuple[str, ...]:
        """The names of its parameters. Raises StorageError."""
        return self._backends.spec(job).rows.columns

    def marks(self, job: Job, first: int, count: int) -> str:
        """One letter for each task from `first` on, at most `count`, run-length: `ooor` is `o3r`."""
        end = min(job.n, first + count)
        found = [ELSEWHERE] * max(0, end - first)
        with self._lock:  # many who look at once wait for one who reads
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
        """Its failed tasks in groups. Read again only when there are more of them."""
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
        with suppress(StorageError):  # who sees the queue and not the store learns at least which they are
            rows = read_rows(self._backends, job, {index for group in largest for index, _ in group.first})
            for group in largest:
                group.first = [(index, rows[index]) for index, _ in group.first]
        return Failures(largest, dict(causes.most_common()))

    def lines(self, job: Job, *, first: int = 0, count: int = 100, state: str | None = None) -> list[TaskRow]:
        """So many tasks from index `first` on; only those in `state` if it is given. Raises StorageError."""
        return list(islice(lines(self._backends, job, state=state, first=first), count))

    def ranked(self, job: Job, column: str, *, top: int, descending: bool, state: str | None = None) -> list[TaskRow]:
        """The first `top` tasks in the order of a column. Raises UserError, StorageError."""
        if job.n > SORTED_AT_MOST:
            raise UserError(
                f"{job.name} has {job.n:,} tasks, and above {SORTED_AT_MOST:,} they are not sorted here:"
                f" kubeque show {job.name} --sort {column}"
            )
        return ranked(lines(self._backends, job, state=state), column, top=top, descending=descending)

    def line(self, job: Job, index: int) -> TaskRow:
        """One task with its row. Raises UserError for an index that the job does not have, StorageError."""
        return find_line(self._backends, job, index)

    def peek(self, job: Job, index: int, stream: str) -> Peek:
        """The end of what a task wrote, as there is. Raises UserError, StorageError."""
        return peek_at(self._backends, job, index, stream, wait=False)

    def timeline(self, job: Job) -> str:
        """Its timeline as an HTML page that loads nothing. Raises StorageError."""
        return timeline_page(self._backends, job, attempts=_DRAWN)
