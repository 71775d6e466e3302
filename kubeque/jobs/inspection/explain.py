"""Explain why a job or a task failed, ended or is not running. Nothing is changed or started."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

from kubeque.clusters.base import Standstill
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.failed_groups import read_failed_groups
from kubeque.jobs.upkeep.consumers import list_consumers
from kubeque.jobs.upkeep.progress import PatientCluster, count_consumers, find_places, first_served, why_waiting
from kubeque.model.errors import StorageError, UserError
from kubeque.model.job.job import Job
from kubeque.model.job.task import State, TaskState
from kubeque.model.stats.explanation import explain
from kubeque.model.stats.explanation_facts import Explanation, Facts, Rival, WorkFacts
from kubeque.model.stats.failure_groups import Groups
from kubeque.model.stats.places import Kind, count_places
from kubeque.model.stats.remedies import FailedGroup
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
    facts = _scan(backends, Facts(job, counts, queue.now(), task=task))
    waits = job.startable and counts.pending + counts.running > 0
    return explain(_observe(backends, facts) if waits else facts)


def _scan(backends: Backends, facts: Facts) -> Facts:
    """Return `facts` with the failures and the number of suspects. Rows that a user killed do not count."""
    queue, job, groups, suspects = backends.queue, facts.job, Groups(), 0
    without_outcome = -1
    for block in queue.scan(job):
        for number, record in block.records.items():
            if block.state(number) is State.FAILED and not record.is_killed:
                if record.outcome is not None:
                    groups.add(record.outcome, {})
                else:
                    without_outcome = number
            suspects += record.suspect and block.state(number) in (State.PENDING, State.RESERVED)
    largest = groups.largest()
    failures = read_failed_groups(backends, job, largest)
    if not failures and without_outcome >= 0 and (task := queue.task(job, without_outcome)) is not None:
        failures = (FailedGroup(task),)
    further = sum(group.count for group in largest[len(failures) :])
    return replace(facts, failures=failures, further=further, suspects=suspects, task_group=_own_group(backends, facts))


def _own_group(backends: Backends, facts: Facts) -> FailedGroup | None:
    """Return the facts about the failure of the task to explain; None if this task has not failed."""
    task = facts.task
    outcome = task.record.outcome if task is not None and task.state is TaskState.FAILED else None
    if outcome is None:
        return None
    own = Groups()
    own.add(outcome, {})
    return next(iter(read_failed_groups(backends, facts.job, own.largest())), None)


def _observe(backends: Backends, facts: Facts) -> Facts:
    """Return `facts` with the state of the cluster, and with the job, if any, that is served before this job."""
    job, counts = facts.job, facts.counts
    try:
        cluster = PatientCluster(backends.cluster_of(job))
    except StorageError as error:
        return replace(facts, fault=str(error))
    consumers = count_consumers(find_places(backends.queue, job, cluster))
    standstill = cluster.ask(lambda: cluster.cluster.standstill(job), Standstill())
    if cluster.error is not None:
        return replace(facts, fault=str(cluster.error))
    unserved = not consumers and bool(why_waiting(job, counts, consumers, cluster))
    return replace(
        facts,
        consumers=consumers,
        obstacles=standstill.messages,
        unserved=unserved,
        work=_find_work(backends, job) if unserved or job.takes_work else None,
        rival=_find_rival(backends.queue, job) if counts.pending and not counts.running else None,
    )


def _find_work(backends: Backends, job: Job) -> WorkFacts | None:
    """Return facts about the consumers of `kubeque work`; None if each read of the queue costs money."""
    if not backends.queue.has_cheap_reads:
        return None
    found = [each for each in list_consumers(backends) if each.place.kind is Kind.WORK]
    elsewhere = count_places(each.name for each in found if each.job != job.name)
    serves = any(each.job == job.name for each in found)
    try:
        spec = backends.spec(job)
    except StorageError:
        return None  # the explanation names the error
    memory = job.shapes[job.floor].memory
    return WorkFacts(serves, elsewhere, spec.cpu, memory, spec.image, spec.task_timeout)


def _find_rival(queue: Queue, job: Job) -> Rival | None:
    """Return the job with tasks to run that the fleet serves before `job`; None if `job` is served first."""
    found = first_served(queue, list(takewhile(lambda other: other.uid != job.uid, queue.jobs(job.fleet))))
    if found is None:
        return None
    other, theirs = found
    return Rival(other.name, theirs.pending + theirs.running, other.priority)
