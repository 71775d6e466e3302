"""Reconcile: make what is true of a job what should be. Safe to run by many at once, as often as one likes."""

from __future__ import annotations

from dataclasses import dataclass

from kubeque.jobs.report import keep_report
from kubeque.jobs.site import Site
from kubeque.jobs.table import lines, write_table
from kubeque.model.job import Counts, Job, JobState
from kubeque.queues.upkeep import LeaseWatch, enforce_limits, reap


@dataclass(frozen=True, slots=True)
class Progress:
    """How a job stands."""

    job: Job
    counts: Counts
    #: Consumers of its fleet that run.
    consumers: int = 0


def reconcile(site: Site, name: str, *, watch: LeaseWatch | None = None) -> Progress:
    """Finish a reset, take tasks back from the dead, start consumers where tasks wait, close the job when it has ended.

    Raises JobNotFound, QueueError, StorageError, ClusterError.
    """
    queue = site.queue
    job = queue.finish_reset(queue.job(name))
    if job.closing is not None:
        return Progress(job, job.closing.counts)
    reap(queue, job, coroner=site.cluster.coroner, watch=watch)
    counts = queue.counts(job)
    job = enforce_limits(queue, job, counts)
    if job.open and counts.ended < job.n:
        site.cluster.ensure(job, site.spec(job), queue.tallies(job))
    counts = queue.counts(job)
    if counts.ended == job.n and job.state is not JobState.RESETTING:
        job = close(site, job, counts)
    return Progress(job, counts, len(site.cluster.consumers(job.fleet)))


def close(site: Site, job: Job, counts: Counts) -> Job:
    """Write table and report, then say that the job has ended. Nothing happens if it was reset or removed meanwhile."""
    found = list(lines(site, job))
    write_table(site, job, found)
    keep_report(site, job, counts, found)

    def change(now: Job) -> Job | None:
        same = now.uid == job.uid and now.run == job.run and now.state is job.state and now.closing is None
        return now.closed(counts, site.queue.now()) if same else None

    return site.queue.update(job.name, change)
