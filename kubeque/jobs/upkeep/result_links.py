"""Links of a job: results of earlier jobs that must stay in place while the job exists."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kubeque.files.layout import is_owner, is_shared, links_url, split_task_url
from kubeque.files.parallel import SMALL_READS, in_parallel
from kubeque.jobs.backends import Backends
from kubeque.model.errors import FileMissing
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome
from kubeque.model.rows.index_ranges import to_ranges

#: Linked outcomes, by their index in the new job.
Done = dict[int, Outcome]
#: Indexes of tasks, by the URL of their job.
Links = Mapping[str, set[int]]


def write_links(backends: Backends, job: Job, done: Done) -> None:
    """Store the links of a new job, before the job is visible. `done`: its linked outcomes. Raises StorageError."""
    tasks: dict[str, list[int]] = {}
    for outcome in done.values():
        url, index = split_task_url(outcome.linked)
        tasks.setdefault(url, []).append(index)
    found = {url: to_ranges(sorted(set(indexes))) for url, indexes in tasks.items()}
    backends.files.write(links_url(job), json.dumps(found).encode())


def read_links(backends: Backends, jobs: Iterable[Job]) -> Links:
    """Return the links of these jobs. Raises StorageError, FileMissing if a job of the queue has no stored links."""

    def read(job: Job) -> Links:
        try:
            return parse_links(backends.files.read_json(links_url(job)))
        except FileMissing:
            now = backends.queue.find(job.name)
            if now is not None and now.uid == job.uid:
                raise
            return {}  # removed meanwhile

    found: dict[str, set[int]] = {}
    for links in in_parallel(read, (job for job in jobs if job.linked), threads=SMALL_READS):
        for url, indexes in links.items():
            found.setdefault(url, set()).update(indexes)
    return found


def parse_links(stored: Mapping[str, Any]) -> Links:
    """Return the links that a job stored: ranges of indexes by URL. Other keys and trailing fields are ignored."""
    return {
        url: {index for low, high, *_ in ranges for index in range(low, high)}
        for url, ranges in stored.items()
        if isinstance(ranges, list)
    }


def keeper(links: Links, url: str, *, whole: bool = True) -> Callable[[str], bool] | None:
    """Return a predicate of relative names, true for files below a job's `url` that must stay; None if none must stay.

    Results that `links` names must stay, and with them the owner file. Unless `whole`, the owner file always stays.
    """
    indexes = links.get(url, set())

    def keep(name: str) -> bool:
        return is_owner(name) or is_shared(name, indexes)

    return keep if indexes or not whole else None
