"""Remove a job from the queue, and then delete its files, except results to which other jobs link."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from kubeque.clusters.environment_files import Environments
from kubeque.files.inputs.cache_folder import digest_of
from kubeque.files.layout import is_uid, job_folder_url, prefix_of
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.abandoned import remove_abandoned
from kubeque.jobs.upkeep.owner import is_ours
from kubeque.jobs.upkeep.reconcile import finish
from kubeque.jobs.upkeep.result_links import Links, deletable, explain_links, keeper, read_links
from kubeque.jobs.upkeep.space.cached_inputs import free_cached
from kubeque.jobs.upkeep.space.spec_inputs import inputs_of_folders
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobUnreadable
from kubeque.model.job.job import Job
from kubeque.model.job.spec import Input

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Removed:
    """A job that was removed."""

    #: The job; None if its record could not be read.
    job: Job | None
    #: The inputs of the job. Their files in the store stay, because other jobs may use them.
    inputs: Sequence[Input] = ()


def remove(backends: Backends, name: str, tell: Callable[[str], object] | None = None) -> Job | None:
    """Delete a job, its results, and cached copies of its inputs on this machine. Return the removed job.

    `tell`, the result and the errors are those of `delete_job`.
    """
    removed = delete_job(backends, name, tell)
    free_cached(backends, {digest_of(item) for item in removed.inputs})
    return removed.job


def remove_jobs(backends: Backends, names: Iterable[str], done: Callable[[str, Sequence[str]], object]) -> int:
    """Remove several jobs like `remove`. Return the size of their inputs in the store, which stay, in bytes.

    `done`: function that gets the name of each removed job, and a sentence for each part that stays.
    """
    inputs = dict[str, Input]()
    try:
        for name in names:
            stays = list[str]()
            inputs |= {digest_of(item): item for item in delete_job(backends, name, stays.append).inputs}
            done(name, stays)
    finally:
        free_cached(backends, inputs)
    return sum(item.size for item in inputs.values() if item.digest)


def delete_job(backends: Backends, name: str, tell: Callable[[str], object] | None = None) -> Removed:
    """Delete a job and its results, but not the cached copies of its inputs. Return the job with its inputs.

    The results of the jobs that this job replaced are deleted, too. Results to which other jobs link stay until the
    last of these jobs is removed. `tell`: function that is called for each part that stays, with a sentence that gives
    the reason.

    If the record of the job cannot be read, the folder of the job is unknown, so only `gc` can delete the folder.
    Raises JobNotFound, StorageError.
    """
    try:
        job = backends.queue.job(name)
    except JobUnreadable:
        backends.queue.discard(name)
        return Removed(None)
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
        return Removed(job)
    living = listed.jobs
    needed = read_links(backends, living)
    before = _replaced_folders(backends, job)
    inputs = inputs_of_folders(backends, [job.url, *before])
    # If a job has not ended, consumers might still write into its folder. Then the owner file stays for `gc`.
    unended = [job.url] * (job.closing is None) + [url for url, ended in before.items() if not ended]
    for url in dict.fromkeys([job.url, *before, *deletable(backends, lent, [job, *living])]):
        if url not in {other.url for other in living}:
            delete_job_folder(backends, url, keeper(needed, url, whole=url not in unended))
    if tell is not None:
        for note in _explain_kept(backends, [job.url, *before], unended, living, needed):
            tell(note)
    return Removed(job, inputs)


def _replaced_folders(backends: Backends, job: Job) -> dict[str, bool]:
    """Return a dict of the folders of the jobs that a job replaced.

    The key is the URL of the folder; the value is True if the replaced job had ended. Folders that do not exist or that
    belong to another queue are left out.
    """
    prefix = prefix_of(job.url)
    urls = {job_folder_url(prefix, job.name, uid): ended for uid, ended in job.replaced if is_uid(uid)}
    return {url: ended for url, ended in urls.items() if is_ours(backends, url)}


def _explain_kept(
    backends: Backends, urls: Sequence[str], unended: Sequence[str], living: Sequence[Job], needed: Links
) -> Iterator[str]:
    """Yield a sentence for each part that stays of a removed job, or of a job that the removed job replaced.

    `urls`: folders of these jobs. `unended`: those of `urls` whose jobs had not ended. `needed`: links of the other
    jobs, `living`.
    """
    if note := explain_links(backends, living, [url for url in urls if url in needed]):
        yield note
    for url in unended:
        yield (
            f"the folder {url} stays, because tasks may still write into it; gc deletes it when it is a day old, and"
            " gc --now --yes deletes the results in it now"
        )


def delete_job_folder(backends: Backends, url: str, keep: Callable[[str], bool] | None) -> None:
    """Delete files in the folder of a removed job, and the folders that are then empty.

    `keep`: function that gets the relative name of a file and returns True if the file must stay; None to delete all
    files. Raises StorageError.
    """
    backends.files.delete_tree(url, keep=keep)
    backends.files.delete_empty(url.rpartition("/")[0])  # the folder of all jobs with this name
