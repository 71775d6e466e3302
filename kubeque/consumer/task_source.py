"""Where a consumer's next task comes from: claimed in the order of the fleet's jobs, reserved ahead, staged."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from kubeque.consumer.assignment import Assignment
from kubeque.consumer.attempt.input_cache import InputCache, StageFailed
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.consumer.settings import Settings
from kubeque.files.layout import input_names, spec_url
from kubeque.files.row_pages import PageReader
from kubeque.files.store import Files
from kubeque.model.errors import LeaseLost, StorageError
from kubeque.model.job.argv import task_argv
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.parameters import read_row
from kubeque.queues.block import COMMIT_SECONDS, reserve_count
from kubeque.queues.lease import Lease, claim
from kubeque.queues.queue import Queue

log = logging.getLogger(__name__)
_REMEMBERED = 20


@dataclass
class JobContext:
    """What a consumer keeps of a job that it works for."""

    spec: JobSpec
    pages: PageReader
    #: Seconds of the last tasks, from the start of one to the start of the next.
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    #: Was something of it claimed here before?
    begun: bool = False

    def mean(self) -> float | None:
        return sum(self.recent) / len(self.recent) if self.recent else None


class TaskSource:
    """Claims, reserves and stages. Only the supplying thread calls `next`."""

    def __init__(self, queue: Queue, files: Files, settings: Settings) -> None:
        self._queue = queue
        self._files = files
        self._settings = settings
        self._cache = InputCache(settings.work / "cache", files, settings.cache_bytes)
        self._known: dict[tuple[str, int], JobContext] = {}
        self.lock = threading.Lock()
        #: Leases that may still have something to run or to record.
        self.leases: list[Lease] = []
        self.current: Lease | None = None
        #: Uids of jobs that a better one waits behind: nothing more of them is begun for now.
        self.making_way: frozenset[str] = frozenset()

    def known(self, job: Job) -> JobContext:
        """The job's spec, read once per revision. Raises StorageError."""
        key = (job.uid, job.revision)
        if key not in self._known:
            spec = JobSpec.from_wire(self._files.read_json(spec_url(job)))
            if len(self._known) > 50:
                self._known.clear()
            self._known[key] = JobContext(spec, PageReader(job.url, self._files))
        return self._known[key]

    def reserve_now(self, lease: Lease) -> int:
        """Tasks to reserve in the next commit."""
        return reserve_count(self.known(lease.job).mean())

    def may_run_ahead(self, lease: Lease) -> bool:
        """Are this job's tasks so short that the next ones are reserved while one runs?"""
        mean = self.known(lease.job).mean()
        return mean is not None and mean < COMMIT_SECONDS

    def claim(self, jobs: list[Job]) -> Lease | None:
        """A lease on something to run: of the first job, in the order of the fleet, that has any."""
        for job in jobs:
            if not job.open:
                continue
            try:
                known = self.known(job)
            except StorageError as error:
                log.warning("%s: its spec cannot be read: %s", job.name, error)
                continue
            size_classes = self._settings.size_classes(job)
            if size_classes == []:
                continue
            number = None if known.begun else self._settings.number
            reserve = reserve_count(known.mean())
            lease = claim(
                self._queue, job, self._settings.owner, size_classes=size_classes, reserve=reserve, number=number
            )
            known.begun = True
            if lease is not None:
                with self.lock:
                    self.leases.append(lease)
                self.current = lease
                return lease
        self.making_way = frozenset()  # nothing better is to be had: go on with what is leased
        return None

    def resume(self) -> bool:
        """Make a lease current that has something to reserve. False: there is none."""
        with self.lock:
            found = [lease for lease in self.leases if lease.held and lease.block.tally().pending]
            found = [lease for lease in found if lease.job.uid not in self.making_way]
        if found and self.current not in found:
            self.current = found[0]
        return bool(found)

    def drop_done(self) -> None:
        """Forget leases that are over."""
        with self.lock:
            self.leases = [lease for lease in self.leases if lease.held or (lease.waiting and not lease.lost)]
        if self.current is not None and not self.current.held:
            self.current = None

    def take(self) -> Assignment | None:
        """The next task of the current lease, staged. None: nothing is reserved that has not begun."""
        lease = self.current
        taken = lease.take() if lease else None
        if lease is None or taken is None:
            return None
        index, attempt = taken
        known = self.known(lease.job)
        try:
            row = read_row(known.spec.rows, index, known.pages.page)
        except StorageError as error:
            return Assignment(lease, lease.job, known.spec, index, attempt, {}, [], None, StageFailed(str(error)))
        return self._stage(lease, known.spec, index, attempt, row)

    def _stage(self, lease: Lease, spec: JobSpec, index: int, attempt: int, row: dict[str, str]) -> Assignment:
        names = input_names(spec, row)
        argv = task_argv(spec, row, names)
        assignment = Assignment(lease, lease.job, spec, index, attempt, row, argv)
        own = [spec.row_inputs[path] for path in names if path in spec.row_inputs]
        began = time.monotonic()
        try:
            assignment.workdir = Workdir(self._settings.work, f"{lease.job.uid}-{index}-{assignment.folder}")
            assignment.workdir.stage([*spec.inputs, *own], self._cache, row=row)
        except StageFailed as error:
            assignment.refusal = error
        assignment.staging = time.monotonic() - began
        return assignment


def give_up(lease: Lease) -> None:
    """Let go of a lease: what did not run waits for others."""
    with suppress(LeaseLost):  # it is somebody else's already: nothing to give back
        lease.commit(release=True)
