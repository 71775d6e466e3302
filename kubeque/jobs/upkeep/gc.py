"""Garbage collection: expired jobs, folders of removed jobs, and inputs that are not named in any spec."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import field
from os.path import isdir
from pathlib import Path

from kubeque.clusters.environment_files import Environments, KeptEnvironment
from kubeque.clusters.open import abandoned_folders
from kubeque.files.layout import input_url, is_input, is_spec, is_uid, job_folder_url, uid_of
from kubeque.files.mounts import mount_points
from kubeque.files.parallel import QUESTIONS, SMALL_READS, in_parallel
from kubeque.files.spec_file import read_spec_file
from kubeque.files.urls import is_folder, join, local_path
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.abandoned import remove_abandoned
from kubeque.jobs.upkeep.gc_lock import Clearing, users
from kubeque.jobs.upkeep.owner import is_ours, own_queue_ids
from kubeque.jobs.upkeep.remove import delete_job_folder, remove
from kubeque.jobs.upkeep.result_links import Links, explain_links, keeper, read_links
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.job import Job

#: Age in seconds below which files are kept, because they might belong to a submission that is still running.
GRACE_SECONDS = 86_400.0
#: Number of inputs that are deleted between two checks of the lock.
_STEP = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """An item that can be deleted: a job, a folder or an input."""

    #: "expired", "left over", "environment", "working directory" or "input".
    kind: str
    #: Name of a job, a URL or a path.
    name: str
    #: Number of files, and their total size in bytes.
    files: int
    bytes: int


@dataclass(slots=True)
class Garbage:
    """The items that can be deleted or were deleted."""

    pieces: list[Piece] = field(default_factory=list)
    #: Reason why inputs, or all items, were not examined; empty if all were examined.
    note: str = ""
    #: Inputs that are too young to be examined: their number, their bytes, and the Unix time after which none is young.
    young: int = 0
    young_bytes: int = 0
    young_until: float = 0.0
    #: Sentences about files of removed and expired jobs that are not deleted, each with the reason.
    stays: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(piece.bytes for piece in self.pieces)

    def add_young(self, size: int, modified: float) -> None:
        """Count an input that is younger than GRACE_SECONDS. `size`: bytes. `modified`: Unix time of the change."""
        self.young += 1
        self.young_bytes += size
        self.young_until = max(self.young_until, modified + GRACE_SECONDS)


def clear_away(backends: Backends, *, really: bool, now: float) -> Garbage:
    """Return the garbage, and delete it if `really` is True. `now`: Unix time, seconds.

    If the record of any job cannot be read, nothing is found or deleted. Raises StorageError. If `really` is True and
    another garbage collection is running, raises UserError.
    """
    found = Garbage()
    listed = backends.queue.list_jobs()
    if listed.unreadable:
        found.note = f"nothing is removed, because a job that cannot be read may need the files: {listed.unreadable[0]}"
        return found
    jobs = listed.jobs
    expired = [job for job in jobs if _is_expired(job, now)]
    needed = read_links(backends, [job for job in jobs if job not in expired])
    for job in expired:
        found.pieces.append(_piece(backends, "expired", job.name, job.url, keeper(needed, job.url)))
        if really:
            remove(backends, job.name)
    left, young = _left_over(backends, {job.uid for job in jobs}, now)
    for url in left:
        keep = keeper(needed, url)
        piece = _piece(backends, "left over", url, url, keep)
        if piece.bytes or keep is None:
            found.pieces.append(piece)
        if really:
            delete_job_folder(backends, url, keep)
    staying = [job for job in jobs if job not in expired]
    found.stays += _explain_kept(backends, staying, needed, [*(job.url for job in expired), *left], young)
    found.pieces += _clear_home(backends, {job.uid for job in jobs}, really=really, now=now)
    found.note = _unseen(backends)
    if not found.note:
        with Clearing(backends) if really else nullcontext() as clearing:
            _clear_inputs(backends, found, clearing, {*left, *(job.url for job in expired)}, now)
    return found


def _explain_kept(
    backends: Backends, jobs: Sequence[Job], needed: Links, old: Sequence[str], young: Sequence[str]
) -> Iterator[str]:
    """Yield sentences about files that are not deleted, although they are in folders of removed or expired jobs.

    `needed`: the links of `jobs`. `old`, `young`: URLs of these folders; each of `young` has a file that is less than
    a day old.
    """
    if note := explain_links(backends, jobs, [url for url in [*old, *young] if url in needed]):
        yield note
    if waiting := [url for url in young if url not in needed]:
        several = len(waiting) > 1
        yield (
            f"{len(waiting)} folder{'s' * several} without a job stay{'s' * (not several)} for a day, because a"
            f" submission or a task of a removed job may still write: {waiting[0]}{' and others' * several}"
        )


def _clear_home(backends: Backends, living: set[str], *, really: bool, now: float) -> list[Piece]:
    """Return the garbage in the home folder of this machine, and delete it if `really` is True.

    `living`: uids of the jobs in the queue. `now`: Unix time, seconds.
    """
    environments = _left_environments(backends, living, now)
    pieces = [Piece("environment", str(kept.path), 1, kept.bytes) for kept in environments]
    folders = abandoned_folders(backends.config, lambda uid: uid not in living, remove=False)
    pieces += [Piece("working directory", str(path), *_measure(path)) for path in folders]
    if really:
        for kept in environments:
            Environments(backends.config.home).remove(kept.uid)
        remove_abandoned(backends, lambda uid: uid not in living)
    return pieces


def _is_expired(job: Job, now: float) -> bool:
    return job.closing is not None and job.results_ttl is not None and now > job.closing.at + job.results_ttl


def _piece(backends: Backends, kind: str, name: str, url: str, keep: Callable[[str], bool] | None) -> Piece:
    sizes = [size for file, size in backends.files.listing(url) if keep is None or not keep(file)]
    return Piece(kind, name, len(sizes), sum(sizes))


def _measure(folder: Path) -> tuple[int, int]:
    """Return the number of files in a folder tree, and their size in bytes. Links and mounts are not followed."""
    mounts, files, size = set(mount_points(folder.resolve())), 0, 0
    for path, folders, names in os.walk(folder.resolve()):
        folders[:] = [name for name in folders if os.path.join(path, name) not in mounts]
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(path, name)).st_size
                files += 1
    return files, size


def _job_folders(backends: Backends, prefix: str) -> Iterator[str]:
    """Yield the URL of each folder `{name}/{uid}` below a results prefix."""
    for name in backends.files.entries(prefix):
        if name.folder and join(prefix, name.name) != backends.config.cas_url_prefix:
            for uid in backends.files.entries(join(prefix, name.name)):
                if uid.folder and is_uid(uid.name):
                    yield job_folder_url(prefix, name.name, uid.name)


def _left_over(backends: Backends, living: set[str], now: float) -> tuple[list[str], list[str]]:
    """Return the folders of removed jobs of this queue, in two lists.

    The first list has the folders in which all files are older than GRACE_SECONDS; the second list has the others.
    `living`: uids of the jobs in the queue.
    """

    def is_old(url: str) -> bool | None:
        times = [entry.modified for entry in backends.files.entries(url) if not entry.folder]
        old = all(time is not None and time < now - GRACE_SECONDS for time in times)
        return old if is_ours(backends, url) else None

    urls = [url for url in _job_folders(backends, backends.config.default_url_prefix) if uid_of(url) not in living]
    asked = list(in_parallel(lambda url: (url, is_old(url)), urls, threads=QUESTIONS))
    return [url for url, old in asked if old], [url for url, old in asked if old is False]


def _left_environments(backends: Backends, living: set[str], now: float) -> list[KeptEnvironment]:
    """Return the stored environments that are older than GRACE_SECONDS and belong to removed jobs of this queue."""
    queues = own_queue_ids(backends)
    kept = Environments(backends.config.home).kept()
    return [
        each for each in kept if each.uid not in living and each.queue in queues and each.modified < now - GRACE_SECONDS
    ]


def _unseen(backends: Backends) -> str:
    """Return the reason why this machine cannot read the specs of all jobs; empty if it can."""
    for prefix, note in users(backends):
        if is_folder(prefix) and not isdir(local_path(prefix)):
            return (
                f"inputs are kept, because jobs in {prefix}, which is not on this machine, may need the inputs; if the"
                f" folder no longer exists, delete {note}"
            )
    return ""


def _clear_inputs(
    backends: Backends, found: Garbage, clearing: Clearing | None, gone: set[str], now: float
) -> None:  # fmt: skip
    """Add to `found` the old content-addressed inputs that are not named in a spec of any queue.

    `clearing`: the lock; if it is given, these inputs are deleted. `gone`: folders of jobs whose specs do not count.
    """
    cas = backends.config.cas_url_prefix
    old = []
    for entry in backends.files.entries(cas):
        if is_input(entry.name) and entry.modified is not None:
            if entry.modified < now - GRACE_SECONDS:
                old.append(entry)
            else:
                found.add_young(entry.size, entry.modified)
    if not old:
        return
    used = _used_digests(backends, gone)
    unused = [entry for entry in old if entry.name not in used]
    if clearing is not None:
        for at in range(0, len(unused), _STEP):
            clearing.check()
            _delete(backends, [input_url(cas, entry.name) for entry in unused[at : at + _STEP]])
    found.pieces += [Piece("input", input_url(cas, entry.name), 1, entry.size) for entry in unused]


def _delete(backends: Backends, urls: Sequence[str]) -> None:
    for _ in in_parallel(backends.files.delete, urls, threads=QUESTIONS):
        pass


def _used_digests(backends: Backends, gone: set[str]) -> set[str]:
    """Return the digests of the inputs that are named in specs. The job folders in `gone` are skipped.

    Specs of jobs that are not in the queue yet are read, too.
    """

    def digests(url: str) -> set[str]:
        spec = read_spec_file(backends.files, url)
        return {item.digest for item in [*spec.inputs, *spec.row_inputs.values()]}

    def specs() -> Iterator[str]:
        prefixes = dict.fromkeys([backends.config.default_url_prefix, *(prefix for prefix, _ in users(backends))])
        for folder in (folder for prefix in prefixes for folder in _job_folders(backends, prefix)):
            if folder not in gone:
                yield from (join(folder, e.name) for e in backends.files.entries(folder) if is_spec(e.name))

    return set().union(*in_parallel(digests, specs(), threads=SMALL_READS))
