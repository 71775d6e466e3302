"""Remove a job: out of the queue first, then its files, but for results that other jobs link to."""

from __future__ import annotations

from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.reconcile import finish
from kubeque.jobs.upkeep.result_links import keeper, read_links
from kubeque.model.job.job import Job


def remove(backends: Backends, name: str) -> Job:
    """Delete a job and its results; what other jobs link to stays, until the last of them is removed.

    Raises JobNotFound, StorageError.
    """
    job = backends.queue.job(name)
    # Read while they are there: what was kept for this job alone goes with it.
    lent = read_links(backends, [job])
    backends.queue.remove(name)
    finish(backends, job)
    living = backends.queue.jobs()
    needed = read_links(backends, living)
    for url in [job.url, *lent]:
        if url not in {other.url for other in living}:
            # Consumers that still run may write into the folder of a job that had not ended: it stays known as ours.
            backends.files.delete_tree(url, keep=keeper(needed, url, whole=job.closing is not None or url != job.url))
    return job
