"""Bring results back: `DEST/{index}/...` for every task that ended, and `DEST/results.csv`."""

from __future__ import annotations

from pathlib import Path

from kubeque.files.progress import Meter, Tell
from kubeque.files.urls import is_folder, local_path
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.download import Choice, Fetched, bring, check_faults, wanted, write_table
from kubeque.jobs.results.fetch_folder import FolderDestination
from kubeque.jobs.results.fetch_to_store import forward
from kubeque.model.job.job import Job

__all__ = ["Choice", "Fetched", "fetch"]


def fetch(
    backends: Backends,
    job: Job,
    dest: str,
    *,
    force: bool = False,
    choice: Choice | None = None,
    progress: Tell | None = None,
) -> Fetched:
    """Bring the results of `job` into `dest`, never outside it; what an earlier fetch brought is not brought again.

    A task's folder is there when all of it has come and was checked. `progress` is told tasks and bytes. Raises
    DestinationError, and StorageError: at once where the store or the disk fails, else at the end.
    """
    choice = choice or Choice()
    if not is_folder(dest):
        return forward(backends, job, dest, force=force, choice=choice, progress=progress)
    place = FolderDestination(Path(local_path(dest)), job)
    with place.opened(force=force):
        chosen = list(wanted(backends, job, choice))
        missing = [task for task in chosen if not place.has(task.index, task.url, choice.globs)]
        restored = sum(place.touched(task.index, task.url) for task in missing)
        write_table(backends, job, place.path)
        meter = Meter(len(missing), sum(task.size for task in missing), progress)
        faulty = []
        for task in bring(backends, place, missing, choice.globs, meter):
            meter.done()
            if task.fault:
                faulty.append(task)
        check_faults(faulty)
        place.tidy()
    files, size = sum(task.written for task in missing), sum(task.written_size for task in missing)
    return Fetched(dest, len(missing), len(chosen) - len(missing), files, size, restored)
