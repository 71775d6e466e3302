"""Reconcile: make what is true of a job what should be. Safe to run by many at once, as often as one likes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kubeque.clusters.base import Cluster, Standstill
from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.report import keep_report
from kubeque.jobs.results.table import lines, write_table
from kubeque.model.errors import ClusterError, ClusterRefused, StorageError
from kubeque.model.job.job import Counts, Job
from kubeque.model.job.task import Death
from kubeque.model.sweep.pod_options import PodOptions
from kubeque.queues.early_stop import enforce_limits
from kubeque.queues.reaper import LeaseWatch, reap

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How a job stands."""

    job: Job
    counts: Counts
    #: Consumers of its fleet that run.
    consumers: int = 0
    #: What keeps consumers from starting, in words.
    obstacles: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Have its canaries ended, and the rest waits for somebody to say go?"""
        return self.job.waits_for_go(self.counts)


class _Patient:
    """A cluster that may be away: then what it would have said is left out, and the first of its errors kept."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.error: ClusterError | None = None

    def ask(self, question: Callable[[], T], otherwise: T) -> T:
        if self.error is not None:
            return otherwise
        try:
            return question()
        except ClusterError as error:
            self.error = error
            return otherwise

    def find_death(self, owner: str) -> Death | None:
        return self.ask(lambda: self.cluster.find_death(owner), None)


def reconcile(backends: Backends, name: str, *, watch: LeaseWatch | None = None) -> Progress:
    """Finish a reset, take tasks back from the dead, start consumers where tasks wait, close the job when it has ended.

    A cluster that does not answer is an obstacle, not an error. Raises JobNotFound, QueueError, StorageError.
    """
    queue = backends.queue
    job = queue.finish_reset(queue.job(name))
    if job.closing is not None:
        return Progress(job, job.closing.counts)
    cluster = _Patient(backends.cluster_of(job))
    reap(queue, job, coroner=cluster.find_death, watch=watch)
    counts = queue.counts(job)
    job = enforce_limits(queue, job, counts)
    standstill = Standstill()
    if job.open and counts.ended < job.n:
        standstill = _staff(backends, job, cluster)
        job = _give_up(backends, job, counts, standstill)
    counts = queue.counts(job)
    if job.may_close(counts):
        job = close(backends, job, counts)
        finish(backends, job)
        return Progress(job, counts)
    consumers = cluster.ask(lambda: len(cluster.cluster.consumers(job.fleet)), 0)
    return Progress(job, counts, consumers, standstill.messages)


def _staff(backends: Backends, job: Job, cluster: _Patient) -> Standstill:
    """See that consumers run; what keeps them from it."""
    there, spec, waiting = cluster.cluster, backends.spec(job), backends.queue.tallies(job)
    cluster.ask(lambda: there.ensure(job, spec, waiting), 0)
    found = cluster.ask(lambda: there.standstill(job), Standstill())
    if cluster.error is None:
        return found
    refused = isinstance(cluster.error, ClusterRefused) and job.run == 0
    return Standstill((str(cluster.error),), backends.queue.now() - job.created if refused else 0.0)


def _give_up(backends: Backends, job: Job, counts: Counts, standstill: Standstill) -> Job:
    """Stop a job for which no consumer could start in time."""
    timeout = PodOptions.read(backends.spec(job).pod).start_timeout
    if counts.ended or counts.running or standstill.seconds < timeout:
        return job
    reason = f"no consumer could start within {timeout:g} s: {'; '.join(standstill.messages)}"
    return backends.queue.stop(job, reason)


def close(backends: Backends, job: Job, counts: Counts) -> Job:
    """Write table and report, then say that the job has ended. Nothing happens if it was reset or removed meanwhile."""
    found = list(lines(backends, job))
    write_table(backends, job, found)
    keep_report(backends, job, counts, found)

    def change(now: Job) -> Job | None:
        unchanged = now.is_same_run(job) and now.state is job.state and now.closing is None
        return now.closed(counts, backends.queue.now()) if unchanged else None

    return backends.queue.update(job.name, change)


def finish(backends: Backends, job: Job) -> None:
    """Send home the consumers that serve nobody but this job. Where the cluster is away they find nothing to do."""
    try:
        backends.cluster_of(job).finish(job)
    except (ClusterError, StorageError) as error:
        log.warning("%s: its consumers were not sent home: %s", job.name, error)
