"""Results that tasks stored after the removal of their job."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kubeque.files.layout import is_tasks, uid_of
from kubeque.files.parallel import QUESTIONS, in_parallel
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.result_links import keeper, read_links


def find_late_results(backends: Backends, folders: Iterable[str]) -> dict[str, Callable[[str], bool] | None]:
    """Return those of `folders` that have results of a removed job, each with a function that selects what must stay.

    `folders`: URLs of job folders without a job in the queue. Such a folder can belong to a submission that is under
    way. But if it has results, tasks have run. So its job was in the queue, and if it is not there now, it was removed.
    The owner file stays, because tasks may still write.
    """

    def has_results(url: str) -> bool:
        return any(is_tasks(entry.name) for entry in backends.files.entries(url))

    urls = list(folders)
    ran = [url for url, has in zip(urls, in_parallel(has_results, urls, threads=QUESTIONS), strict=True) if has]
    listed = backends.queue.list_jobs()  # after the folders: a submission may have ended meanwhile
    if not ran or listed.unreadable:
        return {}
    needed, living = read_links(backends, listed.jobs), {job.uid for job in listed.jobs}
    return {url: keeper(needed, url, whole=False) for url in ran if uid_of(url) not in living}
