"""Remove a job from the queue, and then delete its files, except results to which other jobs link."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from kubeque.clusters.environment_files import Environments
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.abandoned import remove_abandoned
from kubeque.jobs.upkeep.reconcile import finish
from kubeque.jobs.upkeep.result_links import Links, deletable, explain_links, keeper, read_links
from kubeque.model.errors import JobUnreadable
from kubeque.model.job.job import Job

log = logging.getLogger(__name__)


def remove(backends: Backends, name: str, tell: Callable[[str], object] | None = None) -> Job | None:
    """Delete a job and its results, and return the removed job.

    Results to which other jobs link stay until the last of these jobs is removed. `tell`: function that gets a sentence
    for each part that stays, with the reason.

    If the record of the job cannot be read, return None. The folder of such a job is unknown, so only `gc` can delete
    the folder. Raises JobNotFound, StorageError.
    """
    try:
        job = backends.queue.job(name)
    except JobUnreadable:
        backends.queue.discard(name)
        return None
    # Read the links before the job's files are deleted. Results of removed jobs that only this job uses are deleted,
    # too.
    lent = read_links(backends, [job])
    backends.queue.remove(name)
    Environments(backends.config.home).remove(job.uid)
    finish(backends, job, removed=True)
    remove_abandoned(backends, lambda uid: uid == job.uid)
    listed = backends.queue.list_jobs()
    if listed.unreadable:  # the unreadable job might link to results of this job; `gc` deletes them later
        log.warning("the files of %s stay: %s", name, listed.unreadable[0])
        return job
    living = listed.jobs
    needed = read_links(backends, living)
    for url in [job.url, *deletable(backends, lent, [job, *living])]:
        if url not in {other.url for other in living}:
            # If the job has not ended, consumers might still write into its folder. Then the owner file stays for `gc`.
            delete_job_folder(backends, url, keeper(needed, url, whole=job.closing is not None or url != job.url))
    if tell is not None:
        for note in _explain_kept(backends, job, living, needed):
            tell(note)
    return job


def _explain_kept(backends: Backends, job: Job, living: Sequence[Job], needed: Links) -> Iterator[str]:
    """Yield a sentence for each part of a removed job that stays. `needed`: links of the other jobs, `living`."""
    if note := explain_links(backends, living, [job.url] if job.url in needed else ()):
        yield note
    if job.closing is None:
        yield f"the folder {job.url} stays, because tasks may still write into it; gc deletes it when it is a day old"


def delete_job_folder(backends: Backends, url: str, keep: Callable[[str], bool] | None) -> None:
    """Delete files in the folder of a removed job, and the folders that are then empty.

    `keep`: function that gets the relative name of a file and returns True if the file must stay; None to delete all
    files. Raises StorageError.
    """
    backends.files.delete_tree(url, keep=keep)
    backends.files.delete_empty(url.rpartition("/")[0])  # the folder of all jobs with this name
