"""The heartbeat thread of a consumer: it extends leases, reads the jobs of the fleet, and reaps dead consumers."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.attempt.failure import describe
from kubeque.consumer.coordinator import Coordinator
from kubeque.consumer.hosts.base import Host
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.job_discovery import JobDiscovery
from kubeque.consumer.limit_checks import LimitChecks
from kubeque.model.errors import JobNotFound, JobUnreadable, QueueError, QueueUnavailable
from kubeque.model.job.job import WORK_OWNER, Job
from kubeque.model.job.lease_durations import REVIEW_SECONDS
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import LeaseWatch, reap

log = logging.getLogger(__name__)
#: Seconds between two checks of the consumer's leases, and about the seconds between two searches for dead consumers.
_TICK_SECONDS, _REAP_SECONDS = 0.5, 5.0


class Heartbeat:
    """Does the periodic work of a consumer: extends its leases, reads the fleet's jobs, and reaps dead consumers."""

    def __init__(
        self, queue: Queue, coordinator: Coordinator, jobs: JobDiscovery, limit_checks: LimitChecks, host: Host,
        over: threading.Event, watch: LeaseWatch | None = None,
    ) -> None:  # fmt: skip
        self._queue = queue
        self._coordinator = coordinator
        self._jobs = jobs
        self._limit_checks = limit_checks
        self._host = host
        self._over = over
        self._watch = watch or LeaseWatch()
        self._reviewed_at = self._reaped_at = 0.0
        #: Unexpected errors that were already logged.
        self._logged: set[str] = set()

    def run(self) -> None:
        """Do the periodic work until the consumer has released its leases or has given them up."""
        self._reviewed_at = self._reaped_at = time.monotonic()
        while not self._over.wait(_TICK_SECONDS):
            self.tick(time.monotonic())

    def tick(self, now: float) -> None:
        """Do the work that is due at `now` (monotonic clock, seconds). Errors are logged; the next call tries again."""
        try:
            with self._isolated("the heartbeat"):
                self._act(now)
        except QueueUnavailable as error:
            log.warning("the queue does not answer, and the running task continues: %s", error)
            self._watch.note_silence()
            self._coordinator.tell(on.QueueSilent())
        except (JobNotFound, JobUnreadable) as error:
            log.info("%s", error)  # the job is removed or needs a newer kubeque; the next review drops it

    def _act(self, now: float) -> None:
        for lease in self._coordinator.each_lease():
            with self._isolated(f"{lease.job.name}: a lease"):
                self._coordinator.tell(on.RenewalDue(lease, self._limit_checks.is_over(lease.job)))
        if now - self._reviewed_at > REVIEW_SECONDS:
            self._reviewed_at = now
            self.review_jobs()
        if now - self._reaped_at > _REAP_SECONDS * random.uniform(0.8, 1.2):
            self._reaped_at = now
            self._reap()

    def _reap(self) -> None:
        for job in self._jobs.jobs:
            with self._isolated(f"{job.name}: the leases of its dead consumers"):
                self._reap_job(job)

    def _reap_job(self, job: Job) -> None:
        try:
            lost = job.open and reap(self._queue, job, find_death=self._host.find_death, watch=self._watch)
        except JobUnreadable as error:
            log.warning("%s: a lease cannot be taken back: %s", job.name, error)
            return
        if lost:
            self._coordinator.judge(job)  # with the lost tasks, the job may have too many failures

    @contextmanager
    def _isolated(self, what: str) -> Iterator[None]:
        """Catch an unexpected error of the `with` block, so that the other periodic work continues.

        Each error is logged once. `what`: work of the `with` block, for the log. Errors of the queue are raised.
        """
        try:
            yield
        except (QueueError, JobNotFound):
            raise
        except Exception as error:
            if (known := f"{what}: {describe(error)}") not in self._logged:
                self._logged.add(known)
                log.exception("%s failed", what)

    def review_jobs(self) -> None:
        """Read the jobs of the fleet, and let the consumer react to the changes of the jobs. Raises QueueUnavailable.

        For example, the leases of killed jobs are released, and jobs that have reached a limit are ended.
        """
        jobs = self._coordinator.list_jobs()
        self._watch.forget(job.uid for job in jobs)
        requests = self._coordinator.tell(on.LeasesReviewed(self._coordinator.views()))
        better = [r.lease for r in requests if isinstance(r, do.LookForBetter) and self._jobs.any_pending(r.jobs)]
        self._coordinator.tell(on.BetterJobsSeen(tuple(better)))
        for job in filter(self._limit_checks.is_over, jobs):
            self._coordinator.judge(job)
        for request in self._coordinator.tell(on.FleetReviewed()):
            self._look(request)

    def _look(self, request: Instruction) -> None:
        match request:
            case do.ListOwners(wanted):
                serves = self._host.profile.serves
                owners = frozenset(
                    owner
                    for owner, job, size in self._jobs.holders()
                    if serves(job, size) and not owner.startswith(WORK_OWNER)
                )
                self._coordinator.tell(on.OwnersListed(wanted, owners))
            case do.CheckHome() if not self._host.has_home():
                log.error(
                    "the home folder of this consumer was removed, or kubeque work was killed: it leaves after its task"
                )
                self._coordinator.tell(on.HomeGone())
