"""Compare the leases of a consumer with the current jobs: release, refresh or commit each lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kubeque.consumer import instructions as do
from kubeque.consumer.events import LeaseView
from kubeque.consumer.instructions import Instruction
from kubeque.model.job.job import Job


def review_leases(
    leases: Iterable[LeaseView], jobs: Sequence[Job], serves: Callable[[Job, int], bool]
) -> list[Instruction]:
    """Return the instructions about the leases of a consumer, after the consumer has listed the jobs.

    The instructions release each lease of a job that was killed, removed or reset, or of a size class that this
    consumer no longer serves. They give back the tasks of paused jobs, and look for jobs that are more urgent than the
    job of a lease.

    `jobs`: the present jobs of the fleet. `serves`: returns True if this consumer serves a size class of a job.
    """
    known, instructions = {job.uid: job for job in jobs}, list[Instruction]()
    for lease in leases:
        job = known.get(lease.job.uid)
        if job is None or not _continues(job, lease.job) or not serves(job, lease.size_class):
            instructions.append(do.LetGo(lease.id))
            continue
        instructions.append(do.Refresh(lease.id, job))
        if job.kills != lease.job.kills and lease.held:
            instructions.append(do.Commit(lease.id))  # the commit reads which rows were killed
        if job.paused and lease.held and (lease.untouched or lease.idle):
            instructions.append(do.Commit(lease.id, give_back=True))
        better = tuple(other for other in jobs if other.startable and other.priority > job.priority)
        if better:
            instructions.append(do.LookForBetter(lease, better))
    return instructions


def _continues(job: Job, claimed: Job) -> bool:
    """True if the running commands of a lease may continue. `claimed`: the job as the lease knows it.

    A job that was killed and then reset is open again, but the kill still ends the commands of its earlier runs.
    """
    return job.open and job.revision == claimed.revision and claimed.run >= job.oldest_run
