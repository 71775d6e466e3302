"""The links of a job: the results of earlier jobs that must not be deleted while the job exists."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubeque.files.layout import is_job_folder, is_owner, is_shared, links_url, prefix_of, split_task_url
from kubeque.files.parallel import SMALL_READS, in_parallel
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.owner import is_ours
from kubeque.model.errors import FileDamaged, FileMissing
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome
from kubeque.model.rows.index_ranges import to_ranges

log = logging.getLogger(__name__)
#: Maximum size of stored links in bytes, enough for a million ranges.
LINKS_BYTES = 32 << 20
#: Linked outcomes, by task index in the new job.
Done = dict[int, Outcome]
#: Maximum number of jobs that a message names.
_NAMED = 3
#: Indexes of linked tasks, by the URL of the folder of the job that ran the tasks.
Links = Mapping[str, set[int]]


def write_links(backends: Backends, job: Job, done: Done) -> None:
    """Store the links of a new job. Must be called before the job is visible.

    `done`: the linked outcomes of the job. Raises StorageError.
    """
    tasks: dict[str, list[int]] = {}
    for outcome in done.values():
        url, index = split_task_url(outcome.linked)
        tasks.setdefault(url, []).append(index)
    found = {url: to_ranges(sorted(set(indexes))) for url, indexes in tasks.items()}
    backends.files.write(links_url(job), json.dumps(found).encode())


def read_links(backends: Backends, jobs: Iterable[Job]) -> Links:
    """Return the links of all `jobs`. Raises StorageError."""
    found: dict[str, set[int]] = {}
    linking = (job for job in jobs if job.linked)
    for links in in_parallel(lambda job: _links_of(backends, job), linking, threads=SMALL_READS):
        for url, indexes in links.items():
            found.setdefault(url, set()).update(indexes)
    return found


def _links_of(backends: Backends, job: Job) -> Links:
    """Return the links of a job from its folder. If the folder has no valid links, return them from the outcomes."""
    try:
        return backends.files.read_as(links_url(job), lambda stored: parse_links(stored, job.n), LINKS_BYTES)
    except FileMissing:
        log.info("%s has no stored links: the links are read from the queue", job.name)  # for a removed job, too
    except FileDamaged as error:
        log.warning("%s: its stored links are damaged and are read from the queue: %s", job.name, error)
    found: dict[str, set[int]] = {}
    for view in backends.queue.tasks(job):
        if view.record.outcome is not None and view.record.outcome.linked:
            url, index = split_task_url(view.record.outcome.linked)
            found.setdefault(url, set()).add(index)
    return found


def parse_links(stored: Mapping[str, Any], n: int) -> Links:
    """Return the links in `stored`: for each URL, half-open ranges of indexes. Unknown entries are ignored.

    `n`: number of tasks of the job. Raises ValueError if more than `n` tasks are linked, and one of the errors
    in UNREADABLE (`compatibility/unknown_entries.py`) if `stored` has a different form.
    """
    links: dict[str, set[int]] = {}
    left = n
    for url, ranges in stored.items():
        for low, high, *_ in ranges if isinstance(ranges, list) else ():
            left -= max(0, high - low)
            if left < 0:
                raise ValueError(f"the job has more links than its {n} tasks")
            links.setdefault(url, set()).update(range(low, high))
    return links


def deletable(backends: Backends, urls: Iterable[str], jobs: Iterable[Job]) -> list[str]:
    """Return those of `urls` that are folders of jobs of this queue. `urls`: targets of stored links.

    The programs of tasks can change stored links, so a link alone does not permit a deletion. A folder must also be
    below the configured results prefix, or below the results prefix of one of `jobs`. Raises StorageError.
    """
    prefixes = {backends.config.default_url_prefix, *(prefix_of(job.url) for job in jobs)}
    return [url for url in urls if is_job_folder(url) and prefix_of(url) in prefixes and is_ours(backends, url)]


def explain_links(backends: Backends, jobs: Iterable[Job], urls: Iterable[str]) -> str:
    """Return a sentence about the results below `urls` to which `jobs` link; empty if `jobs` link to no result."""
    wanted, tasks, names = set(urls), set[tuple[str, int]](), []
    for job in jobs if wanted else ():
        links = read_links(backends, [job])
        found = {(url, index) for url in wanted & links.keys() for index in links[url]}
        if found:
            tasks |= found
            names.append(job.name)
    if not tasks:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    results = f"the results of {len(tasks)} tasks stay" if len(tasks) > 1 else "the result of 1 task stays"
    return (
        f"{results}, because later jobs link to {'them' if len(tasks) > 1 else 'it'}: {', '.join(names[:_NAMED])}{more}"
    )


def keeper(links: Links, url: str, *, whole: bool = True) -> Callable[[str], bool] | None:
    """Return a function that selects the files in a job's folder that must stay; None if no file must stay.

    `url`: URL of the folder. The function gets the relative name of a file. It returns True for the owner file, and for
    a result in `links`. `whole`: True if all files may be deleted when `links` has no result of this job; False if the
    owner file must stay in any case.
    """
    indexes = links.get(url, set())

    def keep(name: str) -> bool:
        return is_owner(name) or is_shared(name, indexes)

    return keep if indexes or not whole else None
