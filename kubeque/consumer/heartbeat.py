"""What a consumer owes the queue while a command runs: leases renewed, outcomes recorded, its jobs looked at."""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import replace

from kubeque.consumer.assignment import Assignment
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.settings import Settings
from kubeque.consumer.task_source import TaskSource, give_up
from kubeque.model.errors import JobNotFound, JobUnreadable, LeaseLost, QueueUnavailable
from kubeque.model.job.job import Job
from kubeque.model.job.task import Cause
from kubeque.queues.block import COMMIT_SECONDS
from kubeque.queues.early_stop import early_attempts, end_hopeless, enforce_limits
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import LeaseWatch, leased, reap

log = logging.getLogger(__name__)
_JOBS_SECONDS = 5.0
_REAP_SECONDS = 5.0
_LOOK_SECONDS = 0.5
#: An outcome that has only just come is left to the commit that reserves the next task: one write, not two.
_SETTLE_SECONDS = 1.0


class Heartbeat:
    """Commits for all threads of a consumer, and in a thread of its own whatever is due by the clock."""

    def __init__(
        self, queue: Queue, supply: TaskSource, settings: Settings, *, stop: StopSignal, leaving: threading.Event
    ) -> None:
        self._queue = queue
        self._supply = supply
        self._settings = settings
        self._stop = stop
        self._leaving = leaving
        self._watch = LeaseWatch()
        self._running: Assignment | None = None
        self._running_since = 0.0
        #: By uid and run of a job: failures of it that this consumer has seen; None: not only failures.
        self._failures: dict[tuple[str, int], int | None] = {}
        #: The fleet's jobs, the best first.
        self.jobs: list[Job] = []
        #: The most consumers that each job was seen to want, by its uid.
        self._most: dict[str, int] = {}
        #: Fewer consumers are wanted than there are, and this is one too many: it leaves after its task.
        self.surplus = False

    # ------------------------------------------------------------------ what runs now
    def began(self, a: Assignment) -> None:
        """A command is about to run."""
        self._running, self._running_since = a, time.monotonic()

    def finished(self) -> None:
        """It has ended."""
        self._running = None

    @property
    def running(self) -> Assignment | None:
        return self._running

    @property
    def runs_long(self) -> bool:
        """Does the present command run for so long that nothing may wait behind it?"""
        return self._running is not None and time.monotonic() - self._running_since > COMMIT_SECONDS

    def noted(self, a: Assignment, cause: Cause) -> bool:
        """An attempt ended by `cause`. Must that be recorded at once, because it may have to end the job?

        It must where so many failures end it, and while the first attempts tell whether the job is hopeless.
        """
        job = a.lease.job
        seen = self._failures.get((job.uid, job.run), 0)
        self._failures[job.uid, job.run] = None if cause is Cause.OK or seen is None else seen + 1
        early = seen is not None and seen < early_attempts(job)
        return cause is not Cause.OK and (job.max_failures is not None or early)

    # ------------------------------------------------------------------ commits
    def commit(self, lease: Lease, *, reserve: int = 0, give_back: bool = False) -> None:
        """Commit if the store answers; what runs of a lost lease is stopped."""
        try:
            lease.commit(reserve=reserve, give_back=give_back)
        except LeaseLost as error:
            log.warning("%s: what runs of it is dropped", error)
            self._stop_if_running(lease)
        except QueueUnavailable as error:
            log.warning("the queue does not answer; what runs goes on: %s", error)
            self._leaving.wait(random.uniform(0.2, 0.5))
        else:
            self._after_commit(lease)

    def _stop_if_running(self, lease: Lease) -> None:
        running = self._running
        if running is not None and running.lease is lease:
            self._stop.set(Cause.KILLED, grace_seconds=0 if lease.lost else None)

    def _after_commit(self, lease: Lease) -> None:
        """Look whether the job should end early, where this consumer has only seen failures."""
        job = lease.job
        try:
            if self._failures.get((job.uid, job.run)):
                job = end_hopeless(self._queue, job)
            self._enforce(job)
        except (QueueUnavailable, JobNotFound, JobUnreadable) as error:
            log.warning("whether %s should end early cannot be told now: %s", job.name, error)

    def _enforce(self, job: Job) -> None:
        """End the job where it has gone as far as it may; of one that has ended nothing is kept.

        Raises QueueUnavailable, JobNotFound.
        """
        if job.open and (job.max_failures is not None or self._is_over(job)):
            job = enforce_limits(self._queue, job, self._queue.counts(job))
        if not job.open:
            self.jobs = [job if other.uid == job.uid else other for other in self.jobs]
            for lease in list(self._supply.leases):
                if lease.job.uid == job.uid:
                    self._let_go(lease)

    def _is_over(self, job: Job) -> bool:
        now = self._queue.now()
        return job.open and (job.is_overdue(now) or job.is_orphan(now))

    def _let_go(self, lease: Lease) -> None:
        """Give a lease back and stop what runs of it, in this order: what begins meanwhile sees that it must not."""
        try:
            if not lease.lost:
                give_up(lease)
        finally:
            self._stop_if_running(lease)

    # ------------------------------------------------------------------ what is due by the clock
    def renewing(self) -> None:
        """Until the consumer leaves."""
        jobs_at = reap_at = time.monotonic()
        while not self._leaving.wait(_LOOK_SECONDS):
            now = time.monotonic()
            try:
                for lease in list(self._supply.leases):
                    self._renew(lease, now)
                if now - jobs_at > _JOBS_SECONDS:
                    jobs_at = now
                    self._look_at_jobs()
                if now - reap_at > _REAP_SECONDS * random.uniform(0.8, 1.2):
                    reap_at = now
                    self._reap()
            except QueueUnavailable as error:
                log.warning("the queue does not answer; what runs goes on: %s", error)
            except (JobNotFound, JobUnreadable) as error:
                log.info("%s", error)  # removed meanwhile, or not ours any more: the next look at the jobs drops it

    def _renew(self, lease: Lease, now: float) -> None:
        since = now - lease.committed_at
        if lease.held and self._is_over(lease.job):
            self._enforce(lease.job)
        if self.runs_long and lease.held and (lease.untouched or lease.idle):
            self.commit(lease, give_back=True)
        elif (lease.waits_since(now - _SETTLE_SECONDS) and since > COMMIT_SECONDS) or (
            lease.held and since > lease.job.heartbeat_seconds
        ):
            self.commit(lease)

    def _outgrew(self, lease: Lease, job: Job) -> bool:
        """Has the job's floor risen above the class of this container? What runs in it goes on."""
        return not self._settings.serves(job, lease.block.size_class)

    def _reap(self) -> None:
        for job in self.jobs:
            if job.open and reap(self._queue, job, coroner=self._settings.coroner, watch=self._watch):
                self._enforce(job)  # what was lost may be one failure too many

    def look_for_jobs(self) -> None:
        """Read the fleet's jobs. Raises QueueUnavailable."""
        self.jobs = self._queue.jobs(self._settings.fleet)
        self._most = {job.uid: max(job.consumers, self._most.get(job.uid, 0)) for job in self.jobs}

    def _look_at_jobs(self) -> None:
        """Read the fleet's jobs again: drop what was killed, removed or reset, make way for what is better."""
        self.look_for_jobs()
        self._watch.forget(job.uid for job in self.jobs)
        by_uid = {job.uid: job for job in self.jobs}
        making_way = set()
        for lease in list(self._supply.leases):
            job = by_uid.get(lease.job.uid)
            if job is None or not job.open or job.revision != lease.job.revision or self._outgrew(lease, job):
                self._let_go(lease)
                continue
            lease.refresh(replace(job, revision=lease.job.revision))
            better = [other for other in self.jobs if other.open and other.priority > job.priority]
            if any(self._queue.counts(other).pending for other in better):
                making_way.add(job.uid)
                self.commit(lease, give_back=True)
        self._supply.making_way = frozenset(making_way)
        for job in filter(self._is_over, self.jobs):
            self._enforce(job)
        self.surplus = self.surplus or self._is_surplus() or self._is_homeless()

    def _is_homeless(self) -> bool:
        """Was the home folder removed? Who looks for consumers does not see this one any more."""
        if self._settings.placed():
            return False
        log.error("the folder of this consumer was removed: it leaves after its task")
        return True

    def _is_surplus(self) -> bool:
        """Were consumers sent away, this one among them? They agree without talking: the last by place or name go."""
        fell = [job for job in self.jobs if job.consumers < self._most[job.uid]]
        working = [job for job in self.jobs if job.open]
        if not fell or not working:
            return False
        wanted = max(job.consumers for job in working)
        if self._settings.slot is not None:
            return self._settings.slot >= wanted
        held = [(job, block) for job in working for block in leased(self._queue, job)]
        owners = sorted({block.owner for job, block in held if self._settings.serves(job, block.size_class)})
        return self._settings.owner in owners[wanted:]
