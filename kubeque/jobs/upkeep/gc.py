"""Garbage collection: expired jobs, folders of removed jobs, and inputs that are not named in any spec."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from os.path import isdir
from pathlib import Path

from kubeque.clusters.environment_files import Environments, KeptEnvironment
from kubeque.clusters.open import abandoned_folders
from kubeque.files.layout import uid_of
from kubeque.files.mounts import mount_points
from kubeque.files.parallel import QUESTIONS, in_parallel
from kubeque.files.urls import is_folder, local_path
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.abandoned import remove_abandoned
from kubeque.jobs.upkeep.gc_lock import Clearing, users
from kubeque.jobs.upkeep.owner import is_ours, own_queue_ids
from kubeque.jobs.upkeep.remove import delete_job, delete_job_folder
from kubeque.jobs.upkeep.result_links import Links, explain_links, keeper, read_links
from kubeque.jobs.upkeep.space.garbage import GRACE_SECONDS, Garbage, Piece
from kubeque.jobs.upkeep.space.late_results import find_late_results
from kubeque.jobs.upkeep.space.spec_inputs import job_folders
from kubeque.jobs.upkeep.space.unused_inputs import clear_inputs, list_inputs, oldest_kept
from kubeque.model.job.job import Job


def clear_away(backends: Backends, *, really: bool, now: float, at_once: bool = False) -> Garbage:
    """Return the garbage, and delete it if `really` is True. `now`: Unix time, seconds.

    `at_once`: True to include unused inputs that are younger than GRACE_SECONDS, and results that tasks stored after
    the removal of their job. The lock and the specs protect the inputs of a submission that is under way.

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
            delete_job(backends, job.name)
    left, young = _left_over(backends, {job.uid for job in jobs}, now)
    for url in left:
        keep = keeper(needed, url)
        piece = _piece(backends, "left over", url, url, keep)
        if piece.bytes or keep is None:
            found.pieces.append(piece)
        if really:
            delete_job_folder(backends, url, keep)
    for url, keep in find_late_results(backends, young).items() if at_once else ():
        if (piece := _piece(backends, "left over", url, url, keep)).files:
            found.pieces.append(piece)
        if really:
            delete_job_folder(backends, url, keep)
    staying = [job for job in jobs if job not in expired]
    found.stays += _explain_kept(backends, staying, needed, [*(job.url for job in expired), *left], young)
    found.pieces += _clear_home(backends, {job.uid for job in jobs}, really=really, now=now)
    found.note = _unseen(backends)
    gone = {*left, *(job.url for job in expired)}
    with Clearing(backends) if really and not found.note else nullcontext() as clearing:
        stored = [] if found.note else list_inputs(backends)
        clear_inputs(backends, found, clearing, stored, gone, oldest_kept(now, at_once=at_once), really=really)
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


def _left_over(backends: Backends, living: set[str], now: float) -> tuple[list[str], list[str]]:
    """Return the folders of removed jobs of this queue, in two lists.

    The first list has the folders in which all files are older than GRACE_SECONDS; the second list has the others.
    `living`: uids of the jobs in the queue.
    """

    def is_old(url: str) -> bool | None:
        times = [entry.modified for entry in backends.files.entries(url) if not entry.folder]
        old = all(time is not None and time < now - GRACE_SECONDS for time in times)
        return old if is_ours(backends, url) else None

    urls = [url for url in job_folders(backends, backends.config.default_url_prefix) if uid_of(url) not in living]
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
