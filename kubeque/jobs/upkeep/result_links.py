"""What a job links to: which results of earlier jobs stay where they are for as long as it is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from kubeque.files.layout import is_owner, is_shared, links_url, split_task_url
from kubeque.files.parallel import SMALL_READS, in_parallel
from kubeque.jobs.backends import Backends
from kubeque.model.errors import FileMissing
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome
from kubeque.model.rows.index_ranges import to_ranges

#: URL of a job -> the indexes of its tasks.
Links = Mapping[str, set[int]]


def write_links(backends: Backends, job: Job, done: Done) -> None:
    """Note what the new job links to, before anybody sees it."""
    tasks: dict[str, list[int]] = {}
    for outcome in done.values():
        url, index = split_task_url(outcome.linked)
        tasks.setdefault(url, []).append(index)
    found = {url: to_ranges(sorted(set(indexes))) for url, indexes in tasks.items()}
    backends.files.write(links_url(job), json.dumps(found).encode())


def read_links(backends: Backends, jobs: Iterable[Job]) -> Links:
    """All that these jobs link to. Raises StorageError, also where a job's links are lost: results shall not be."""

    def read(job: Job) -> dict[str, list[tuple[int, int]]]:
        try:
            return dict(backends.files.read_json(links_url(job)))
        except FileMissing:
            now = backends.queue.find(job.name)
            if now is not None and now.uid == job.uid:
                raise
            return {}  # removed meanwhile

    found: dict[str, set[int]] = {}
    for links in in_parallel(read, (job for job in jobs if job.linked), threads=SMALL_READS):
        for url, ranges in links.items():
            found.setdefault(url, set()).update(index for low, high in ranges for index in range(low, high))
    return found


def keeper(links: Links, url: str, *, whole: bool = True) -> Callable[[str], bool] | None:
    """Which files below a job's `url` others link to, by their relative names; None: none of them.

    With them stays the note whose folder it is, and it stays alone unless the `whole` folder may go.
    """
    indexes = links.get(url, set())

    def keep(name: str) -> bool:
        return is_owner(name) or is_shared(name, indexes)

    return keep if indexes or not whole else None


#: Outcomes by the index that they have in the new job.
Done = dict[int, Outcome]
