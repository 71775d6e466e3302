"""The examination of one job: queue and store are asked whether all is as it must be; nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from kubeque.files.layout import page_url, table_url
from kubeque.files.urls import join
from kubeque.jobs.backends import Site
from kubeque.jobs.checkup import Finding
from kubeque.model.errors import StorageError
from kubeque.model.job import Job
from kubeque.model.spec import JobSpec
from kubeque.queues.audit import Audit, Fault, standing
from kubeque.queues.queue import Queue

#: A job that is worked on is looked at so often, with a pause between, before a finding is believed.
_LOOKS = 3
_PAUSE_SECONDS = 1.0


def examine(site: Site, name: str) -> list[Finding]:
    """Check the blocks, the spec, the pages and the table of a job. Raises JobNotFound, QueueError."""
    looks = [look(site.queue, name)]
    while looks[-1].findings and len(looks) < _LOOKS:
        time.sleep(_PAUSE_SECONDS)
        looks.append(look(site.queue, name))
    last = looks[-1]
    books = standing([each.findings for each in looks if each.job.uid == last.job.uid])
    found = [*books, *_files(site, last.job)]
    if not found:
        text = f"{last.job.name}: each of {last.job.n} tasks is in one of {last.blocks} blocks, all counts agree"
        return [Finding("job", True, text), Finding("store", True, f"{last.job.url}: all is there")]
    return [Finding(each.where, False, each.what) for each in found]


def look(queue: Queue, name: str) -> Audit:
    """One look at the whole job. O(blocks)."""
    job = queue.job(name)
    audit = Audit(job, queue.now()).look(queue.scan_records(job))
    return audit.compare(queue.tallies(job)).close()


def _files(site: Site, job: Job) -> Iterator[Fault]:
    """Is all there that its consumers and readers need?"""
    try:
        spec = JobSpec.from_wire(site.files.read_json(job.spec_url))  # as it is stored, not as it was read before
        if spec.rows.n != job.n:
            yield Fault("spec", f"{job.spec_url} is for {spec.rows.n} tasks, and the job has {job.n}")
        yield from _pages(site, job, spec)
        if job.closing is not None and not site.files.existing(job.url, [table_url(job).rpartition("/")[2]]):
            yield Fault("table", f"{table_url(job)} is not there, though the job has ended")
    except StorageError as error:
        yield Fault("store", str(error))
    except (ValueError, KeyError, TypeError) as error:
        yield Fault("spec", f"{job.spec_url} cannot be read ({type(error).__name__}: {error})")


def _pages(site: Site, job: Job, spec: JobSpec) -> Iterator[Fault]:
    names = [page_url(job.url, number).rpartition("/")[2] for number in range(len(spec.rows.starts))]
    folder = join(job.url, "pages")
    there = site.files.existing(folder, names) if names else set()
    for name in names:
        if name not in there:
            yield Fault("pages", f"{join(folder, name)} is not there: the rows in it cannot run")
