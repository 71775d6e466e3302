"""Read jobs without reconciling them. Any number of users may read at the same time.

Only `Reader.peek` writes: for a running task, it stores a request in the record of the job.
"""

from __future__ import annotations

import threading
from array import array
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import ClassVar

from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.details import find_line
from kubeque.jobs.inspection.peek import Peek, peek
from kubeque.jobs.inspection.row_search import RowSearch, search_rows
from kubeque.jobs.reports.report import make_report
from kubeque.jobs.reports.timeline import timeline_page
from kubeque.jobs.results.selection_notes import note_results
from kubeque.jobs.results.table import TaskRow, lines, read_rows
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import StorageError, UserError
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.row_keys import no_keys
from kubeque.model.job.task import TaskState
from kubeque.model.stats.failure_groups import Group, Groups
from kubeque.model.wording import command
from kubeque.queues.state_letters import ELSEWHERE, MEANING, read_failed, read_letters, squeeze

#: Maximum number of jobs whose blocks are cached. Only changed blocks of these jobs are parsed again.
_JOBS = 8
#: Maximum number of tasks that are sorted. Sorting this number takes about one second of one core.
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
    """Reads the jobs of one queue. Several threads may use one reader."""

    #: Meaning of each letter that `marks` returns.
    MEANING: ClassVar[Mapping[str, str]] = MEANING

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._lock = threading.Lock()
        #: Cache by uid of the job and id of the block: the version of the block, and the letters of its tasks.
        self._known: OrderedDict[str, dict[str, tuple[int, str]]] = OrderedDict()
        self._failures: OrderedDict[tuple[str, int, int], Failures] = OrderedDict()

    def now(self) -> float:
        """Return the time by the clock of the queue, Unix seconds."""
        return self._backends.queue.now()

    def jobs(self) -> list[Job]:
        """Return all jobs, newest first."""
        return sorted(self._backends.queue.jobs(), key=lambda job: (job.created, job.uid), reverse=True)

    def job(self, name: str) -> Job:
        """Return the record of one job in the queue. Raises JobNotFound."""
        return self._backends.queue.job(name)

    def counts(self, job: Job) -> Counts:
        """Return the number of tasks in each state. No request is sent to the queue if the job has ended."""
        return job.closing.counts if job.closing is not None else self._backends.queue.counts(job)

    def columns(self, job: Job) -> tuple[str, ...]:
        """Return the names of a job's parameters. Raises StorageError."""
        return self._backends.spec(job).rows.columns

    def inputs(self, job: Job) -> dict[str, str]:
        """Return the inputs that all tasks of a job get: a dict from the name to the SHA-256.

        For an object of a different store, the value is the generation of the object. Raises StorageError.
        """
        return {item.name: item.digest or item.generation for item in self._backends.spec(job).inputs}

    def no_keys(self, job: Job) -> str:
        """Return why the rows of a job have no keys; empty if they have keys. Raises StorageError."""
        return no_keys(self._backends.spec(job))

    def old_revisions(self, job: Job) -> Mapping[int, int]:
        """Return the number of ok tasks by revision, for all revisions before the current revision.

        Reads every task if the job has more than one revision.
        """
        views = self._backends.queue.tasks(job) if job.revision > 1 else ()
        ok = (view.record.outcome for view in views if view.state is TaskState.OK)
        return Counter(found.revision for found in ok if found is not None and 0 < found.revision < job.revision)

    def note_results(self, job: Job) -> tuple[str, ...]:
        """Return a note if no file of any ok task matches the option `results`. Raises StorageError."""
        return note_results(self._backends, job)

    def marks(self, job: Job, first: int, count: int) -> str:
        """Return one letter for each of at most `count` tasks, from index `first` on.

        The letters are run-length encoded: `ooor` becomes `o3r`.
        """
        end = min(job.n, first + count)
        found = [ELSEWHERE] * max(0, end - first)
        with self._lock:  # simultaneous calls wait, and then find the blocks in the cache
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
        """Return the failed tasks of a job in groups, from a cache if neither their number nor the run has changed."""
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
        with suppress(StorageError):  # without access to the store, the groups have only indexes of rows
            rows = read_rows(self._backends, job, {index for group in largest for index, _ in group.first})
            for group in largest:
                group.first = [(index, rows[index]) for index, _ in group.first]
        return Failures(largest, dict(causes.most_common()))

    def lines(self, job: Job, *, first: int = 0, count: int = 100, state: str | None = None) -> list[TaskRow]:
        """Return at most `count` tasks from index `first` on, each with its row. Raises StorageError.

        `state`: return only tasks in this state; None: all tasks.
        """
        return list(islice(lines(self._backends, job, state=state, first=first), count))

    def search(self, job: Job, search: RowSearch) -> array[int]:
        """Return the indexes of the tasks that match `search`, in the order that `search` requires.

        Raises UserError if more than SORTED_AT_MOST tasks would have to be sorted. Raises StorageError.
        """
        if search.sort and job.n > SORTED_AT_MOST:
            raise UserError(
                f"{job.name} has {job.n:,} tasks, and only jobs of at most {SORTED_AT_MOST:,} tasks are sorted here:"
                f" use {command('show', job.name, f'sort {search.sort}')}"
            )
        return search_rows(self._backends, job, search)

    def line(self, job: Job, index: int) -> TaskRow:
        """Return one task with its row.

        Raises UserError if the job has no task with this index. Raises StorageError.
        """
        return find_line(self._backends, job, index)

    def peek(self, job: Job, index: int, stream: str) -> Peek:
        """Return the end of a stream of a task, without waiting for a new upload. Raises UserError, StorageError."""
        return peek(self._backends, job, index, stream, wait=False)

    def timeline(self, job: Job) -> str:
        """Return the timeline of a job as an HTML page that loads nothing else. Raises StorageError."""
        return timeline_page(self._backends, job, attempts=_DRAWN)

    def report(self, job: Job, counts: Counts) -> str:
        """Return the report of a job in its present state as an HTML page. Raises StorageError."""
        return make_report(self._backends, job, counts, lines(self._backends, job))
