"""Check the services that sweeps need, and check the stored parts of a job. Report each problem with its remedy."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial

from kubeque.clusters.base import Permission
from kubeque.clusters.open import open_cluster
from kubeque.files.layout import page_name, page_url, pages_url, spec_url, table_name, table_url
from kubeque.files.rows.row_pages import PageReader
from kubeque.files.spec_file import read_spec
from kubeque.files.store import Files
from kubeque.files.urls import is_folder, local_path
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.lost_results import adopt_results, find_lost_results
from kubeque.jobs.upkeep.progress import read_progress
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config import Config
from kubeque.model.config.config_file import hide_password
from kubeque.model.errors import FileDamaged, JobUnreadable, KubequeError, QueueRefused, StorageError
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.quantities import format_bytes
from kubeque.model.text import format_count
from kubeque.model.wording import code
from kubeque.queues.integrity import Audit, Fault, standing
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue

#: Free disk space below which `check` reports a problem, bytes.
_LITTLE = 1 << 30
#: Maximum number of rows that a finding names.
_NAMED = 20
#: Maximum number of findings of `check` about jobs whose tasks do not start.
_WAITING = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    #: The checked part, for example "queue" or "disk".
    what: str
    ok: bool
    #: A description if `ok` is True; otherwise the problem and its remedy.
    text: str
    #: True if only an optional permission is missing, without which sweeps also run.
    limited: bool = False


def check(config: Config) -> Iterator[Finding]:
    """Yield the findings about the queue, the stores of results and inputs, the cluster, the disk, and the open jobs.

    A failed check does not prevent the other checks.
    """
    yield Finding("config", True, str(config.source) if config.source else "no .kubeque file: the embedded default")
    with ExitStack() as stack:
        try:
            backends = stack.enter_context(closing(Backends.open(config)))
        except KubequeError:  # the checks of the parts report the error
            backends = None
        yield _checked("queue", lambda: _queue(config, backends.queue) if backends else _queue_alone(config))
        for what, url in (("results", config.default_url_prefix), ("inputs", config.cas_url_prefix)):
            yield _checked(what, partial(_store, url, config))
        yield from check_cluster(config)
        yield from _disk(config)
        if backends is not None:
            yield from _waiting(backends)


def check_cluster(config: Config) -> Iterator[Finding]:
    """Yield the findings about the cluster, and about each permission that is needed on the cluster."""
    yield _checked("cluster", lambda: _cluster(config))
    for right in _rights(config):
        missing = (
            f"{right.what} {right.problem}; this right is needed {right.needed_for}: docs/howto/kubernetes.md shows the"
            " Role to create"
        )
        text = f"{right.what} is allowed" if right.granted else missing
        yield Finding("right", right.granted or right.optional, text, limited=not right.granted and right.optional)


def find_fixes(config: Config) -> str:
    """Return the shell commands that grant missing permissions on the cluster; empty if none is missing."""
    return open_cluster(config.cluster_url, config).fixes()


def _checked(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except KubequeError as error:
        return Finding(what, False, str(error))


def _queue_alone(config: Config) -> str:
    """Check the queue without opening the cluster and the store. Return the text of the finding."""
    with closing(open_queue(config.queue_url)) as queue:
        return _queue(config, queue)


def _queue(config: Config, queue: Queue) -> str:
    queue.self_test()
    listed = queue.list_jobs()
    left = "".join(f"; not used: {error}" for error in listed.unreadable)
    jobs = format_count(len(listed.jobs), "job")
    return f"{hide_password(config.queue_url)}: refuses stale writes, contains {jobs}{left}"


def _store(url: str, config: Config) -> str:
    Files(private=config.home).check_writable(url)
    return f"{hide_password(url)}: can be written"


def _cluster(config: Config) -> str:
    cluster = open_cluster(config.cluster_url, config)
    running = cluster.count_running()
    wanted = cluster.default_consumers(1 << 20)
    verb = "runs" if running == 1 else "run"
    return f"{config.cluster_url}: {format_count(running, 'consumer')} {verb}, up to {wanted} for a job"


def _waiting(backends: Backends) -> Iterator[Finding]:
    """Yield findings about open jobs whose tasks do not start: at most _WAITING, and one that counts further jobs.

    An error of the queue or the cluster ends the check without a finding, because other checks report the error.
    """
    found = []
    with suppress(KubequeError):
        for job in backends.queue.list_jobs().jobs:
            if job.open:
                progress = read_progress(backends, job)
                found += [Finding("waits", job.paused, f"{job.name}: {text}") for text in progress.obstacles]
    yield from found[:_WAITING]
    if more := found[_WAITING:]:
        yield Finding(
            "waits", all(each.ok for each in more), f"and {format_count(len(more), 'more job')}: kubeque list"
        )


def _rights(config: Config) -> list[Permission]:
    """Return the permissions that are needed on the cluster, each granted or not.

    If the cluster does not answer, return no permission, because `_cluster` reports the error.
    """
    try:
        return open_cluster(config.cluster_url, config).permissions()
    except KubequeError:
        return []


def _disk(config: Config) -> Iterator[Finding]:
    """Yield findings about the free disk space for working directories, and for results in a local folder."""
    folders = {str(config.home)} | {local_path(u) for u in (config.default_url_prefix,) if is_folder(u)}
    for folder in sorted(folders):
        there = folder
        while not os.path.isdir(there):
            there = os.path.dirname(there)
        free = shutil.disk_usage(there).free
        text = f"{format_bytes(free)} free below {folder}"
        yield Finding("disk", free >= _LITTLE, text if free >= _LITTLE else f"{text}: make room, or set KUBEQUE_HOME")


#: Number of checks of the blocks in which a fault must occur to be reported. A changing job can look faulty once.
_LOOKS = 3


#: Seconds between two of these checks.
_PAUSE_SECONDS = 1.0
_UNDIGESTED = (
    "an earlier kubeque stored the spec and the pages without digests, so a change of them in the store is not noticed"
)


def examine(backends: Backends, name: str, *, adopt: bool = False) -> list[Finding]:
    """Check the consumers, blocks, spec, pages, results and table of a job, and return the findings.

    The job is reconciled first, but no consumer is started. `adopt`: True to record complete results in the store that
    the queue does not name. Raises JobNotFound, QueueError.
    """
    waiting = _reconcile(backends, name)
    lost = _lost_results(backends, name, adopt=adopt)
    if adopt:
        waiting = _reconcile(backends, name)
    return [*_examine(backends, name, waiting), *lost]


def _lost_results(backends: Backends, name: str, *, adopt: bool) -> Iterator[Finding]:
    """Yield a finding about the rows with a newer result in the store than in the queue."""
    try:
        job = backends.queue.job(name)
        found = find_lost_results(backends, job)
        adopted = adopt_results(backends, job, found) if adopt else 0
    except (StorageError, JobUnreadable):  # other checks report the error
        return
    if adopted:
        yield Finding("adopt", True, f"{format_count(adopted, 'result')} of the store adopted")
    if left := len(found.outcomes) - adopted:
        remedy = "a consumer leases them: kubeque stop, and try again after the lease has expired"
        if not adopt:
            remedy = f"{code('doctor', name, 'adopt')} takes them, otherwise the rows run again"
        rows = ", ".join(map(str, list(found.outcomes)[:_NAMED])) + ", ..." * (len(found.outcomes) > _NAMED)
        text = f"the store has complete results that the queue does not name, of {format_count(left, 'row')} ({rows})"
        yield Finding("adopt", False, f"{text}: {remedy}")


def _examine(backends: Backends, name: str, waiting: list[Finding]) -> list[Finding]:
    """Check the blocks, spec, pages and table of a job. `waiting`: findings about why its tasks do not start."""
    looks = [look(backends.queue, name)]
    while looks[-1].findings and len(looks) < _LOOKS:
        time.sleep(_PAUSE_SECONDS)
        looks.append(look(backends.queue, name))
    last = looks[-1]
    books = standing([each.findings for each in looks if each.job.uid == last.job.uid])
    found = [*books, *_files(backends, last.job)]
    undigested = [] if last.job.spec_hash(last.job.revision) else [Finding("spec", True, _UNDIGESTED)]
    if not found:
        text = f"{last.job.name}: each of {last.job.n} tasks is in one of {last.blocks} blocks, all counts agree"
        sound = [Finding("job", True, text), Finding("store", True, f"{last.job.url}: all files exist")]
        return [*sound, *undigested, *waiting]
    named = [Finding(each.where, False, each.what) for each in found]
    more = [each for each in waiting if each.text not in {other.text for other in named}]
    return [*named, *undigested, *more]


def _reconcile(backends: Backends, name: str) -> list[Finding]:
    """Reconcile a job without starting consumers.

    Return findings about why the job's tasks do not start. If the job cannot be reconciled, return one finding with the
    error.
    """
    try:
        progress = reconcile(backends, name, start=False)
    except StorageError as error:
        return [Finding("store", False, str(error))]
    except JobUnreadable as error:
        return [Finding("queue", False, str(error))]
    except QueueRefused as error:
        return [Finding("queue", True, f"this login may only read the queue: {error}")]
    return [Finding("waits", progress.job.paused, text) for text in progress.obstacles]


def look(queue: Queue, name: str) -> Audit:
    """Check all blocks of a job once, and return the audit with its findings. Takes O(blocks)."""
    job = queue.job(name)
    audit = Audit(job, queue.now()).look(queue.scan_records(job))
    return audit.compare(queue.tallies(job)).close()


def _files(backends: Backends, job: Job) -> Iterator[Fault]:
    """Yield a fault for each stored file of a job that is missing or unreadable: spec, pages and table."""
    try:
        spec = read_spec(backends.files, job)  # read the file, not the cache
        if spec.rows.n != job.n:
            yield Fault("spec", f"{spec_url(job)} is for {spec.rows.n} tasks, and the job has {job.n}")
        yield from _pages(backends, job, spec)
        if job.closing is not None and not backends.files.existing(job.url, [table_name(job)]):
            yield Fault("table", f"{table_url(job)} is missing, though the job has ended")
    except StorageError as error:
        yield Fault("store", str(error))


def _pages(backends: Backends, job: Job, spec: JobSpec) -> Iterator[Fault]:
    numbers = range(len(spec.rows.starts))
    there = backends.files.existing(pages_url(job.url), map(page_name, numbers)) if numbers else set()
    reader = PageReader(job.url, backends.files, spec.rows.pages)
    for number in numbers:
        if page_name(number) not in there:
            yield Fault("pages", f"{page_url(job.url, number)} is missing: the rows in this page cannot run")
            continue
        try:
            reader.page(number)
        except FileDamaged as error:
            yield Fault("pages", f"{error}: the rows in this page cannot run")
