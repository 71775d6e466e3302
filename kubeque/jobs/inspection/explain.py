"""Explain why a job or a task failed, ended or is not running. Nothing is changed or started."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

from kubeque.clusters.base import Standstill
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.progress import PatientCluster, count_consumers, first_served, why_waiting
from kubeque.model.errors import StorageError, UserError
from kubeque.model.job.job import Job
from kubeque.model.job.task import State
from kubeque.model.stats.explanation import explain
from kubeque.model.stats.explanation_facts import Explanation, Facts, Rival
from kubeque.queues.queue import Queue


def explain_job(backends: Backends, name: str, index: int | None = None) -> Explanation:
    """Return the explanation of a job, or of its task `index`.

    If the store or the cluster does not answer, the explanation is made from the queue alone. Raises JobNotFound,
    QueueError. Raises UserError for an index out of range.
    """
    queue = backends.queue
    job = queue.job(name)
    task = queue.task(job, index) if index is not None else None
    if index is not None and task is None:
        raise UserError(f"{job.name} has no task {index}: its tasks are 0 to {job.n - 1}")
    counts = job.closing.counts if job.closing is not None else queue.counts(job)
    facts = _scan(queue, Facts(job, counts, queue.now(), task=task))
    facts = replace(facts, mapped=facts.failed is not None and _is_mapped(backends, job))
    waits = job.startable and counts.pending + counts.running > 0
    return explain(_observe(backends, facts) if waits else facts)


def _is_mapped(backends: Backends, job: Job) -> bool:
    """True if the job is of `kubeque.map`. False if the store does not answer, or for a function of Airflow."""
    try:
        return "dag" not in job.origin and backends.spec(job).function is not None
    except StorageError:
        return False


def _scan(queue: Queue, facts: Facts) -> Facts:
    """Return `facts` with the first failed task and the number of suspects. Rows that a user killed do not count."""
    job, failed, suspects = facts.job, -1, 0
    for block in queue.scan(job):
        for number, record in block.records.items():
            failure = block.state(number) is State.FAILED and not record.is_killed
            if failure and (failed < 0 or number < failed):
                failed = number
            suspects += record.suspect and block.state(number) in (State.PENDING, State.RESERVED)
    return replace(facts, failed=queue.task(job, failed) if failed >= 0 else None, suspects=suspects)


def _observe(backends: Backends, facts: Facts) -> Facts:
    """Return `facts` with the state of the cluster, and with the job that the consumers serve before this job."""
    job, counts = facts.job, facts.counts
    try:
        cluster = PatientCluster(backends.cluster_of(job))
    except StorageError as error:
        return replace(facts, fault=str(error))
    consumers = count_consumers(backends.queue, job, cluster)
    standstill = cluster.ask(lambda: cluster.cluster.standstill(job), Standstill())
    if cluster.error is not None:
        return replace(facts, fault=str(cluster.error))
    return replace(
        facts,
        consumers=consumers,
        obstacles=standstill.messages,
        unserved=not consumers and bool(why_waiting(job, counts, consumers, cluster)),
        rival=_find_rival(backends.queue, job) if counts.pending and not counts.running else None,
    )


def _find_rival(queue: Queue, job: Job) -> Rival | None:
    """Return the job with tasks to run that the fleet serves before `job`; None without such a job."""
    found = first_served(queue, list(takewhile(lambda other: other.uid != job.uid, queue.jobs(job.fleet))))
    if found is None:
        return None
    other, theirs = found
    return Rival(other.name, theirs.pending + theirs.running, other.priority)
