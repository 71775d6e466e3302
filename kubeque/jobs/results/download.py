"""Download the files of tasks to this machine in parallel, and check their contents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from kubeque.files.batches import Copy, in_groups
from kubeque.files.layout import manifest_url
from kubeque.files.output import write_local
from kubeque.files.parallel import DOWNLOADS, MANIFESTS, in_parallel
from kubeque.files.store import Files
from kubeque.files.transfer_progress import Meter
from kubeque.jobs.results.destination import PendingDownload
from kubeque.jobs.results.file_choice import FileChoice
from kubeque.jobs.results.result_manifest import Manifest, ResultFile, read_manifest
from kubeque.jobs.results.selection_notes import find_matching
from kubeque.model.errors import FileDamaged, FileError


class TaskFolders(Protocol):
    """The local paths of the files of each task."""

    def path_for(self, task: PendingDownload, file: ResultFile) -> Path | None:
        """Return the path for the download of a file; None if an earlier fetch has already downloaded this file."""

    def complete(self, task: PendingDownload, choice: FileChoice) -> None:
        """Finish a task. All its files are downloaded, except those in `task.failed`."""


def download_tasks(
    files: Files, folders: TaskFolders, tasks: Sequence[PendingDownload], choice: FileChoice, meter: Meter
) -> Iterator[PendingDownload]:
    """Download tasks in order. Yield each task when all its files are downloaded or have failed.

    `meter`: counts the downloaded bytes. An error of one file or manifest is recorded in its task. Raises StorageError
    for all other errors.
    """

    def read(task: PendingDownload) -> PendingDownload:
        try:
            manifest = read_manifest(files, task.url)
            _check_total(task, manifest)
            task.files, task.not_kept = choice.select(manifest.files), manifest.refused
            task.matching = find_matching(choice.globs, (file.name for file in manifest.files))
        except FileError as error:
            task.fault = error
        # The meter expects `task.size`, the size of all files without streams. Replace it by the size of the chosen
        # files.
        meter.expect(sum(file.size for file in task.files) - task.size)
        return task

    def download(group: list[tuple[PendingDownload, ResultFile | None]]) -> list[PendingDownload]:
        wanted = [(task, file) for task, file in group if file is not None]
        _download_group(files, folders, wanted, meter)
        return [task for task, file in group if file is None]

    tasks_read = in_parallel(read, tasks, threads=MANIFESTS, stop=meter.stop)
    groups = in_groups(_with_ends(tasks_read), lambda item: item[1].size if item[1] else 0)
    for ended in in_parallel(download, groups, threads=DOWNLOADS, stop=meter.stop):
        for task in ended:
            if not task.fault:
                folders.complete(task, choice)
            task.files = []
            yield task


def _check_total(task: PendingDownload, manifest: Manifest) -> None:
    """Raise FileDamaged if the files in a manifest are larger than the size that the queue has recorded.

    The program of a task can replace the manifest, but not the size in the queue.
    """
    total = sum(file.size for file in manifest.files if not file.is_stream)
    if total > task.size:
        raise FileDamaged(
            f"{manifest_url(task.url)} is damaged or forged: its files have {total} bytes, not {task.size}"
        )


def _with_ends(tasks: Iterable[PendingDownload]) -> Iterator[tuple[PendingDownload, ResultFile | None]]:
    """Yield each file with its task, and None after the last file of a task.

    Groups are downloaded in order, so None means that all files of the task are downloaded.
    """
    for task in tasks:
        yield from ((task, file) for file in task.files)
        yield task, None


def _download_group(
    files: Files, folders: TaskFolders, wanted: Sequence[tuple[PendingDownload, ResultFile]], meter: Meter
) -> None:
    copies: list[tuple[PendingDownload, ResultFile, Copy]] = []
    for task, file in wanted:
        try:
            path = folders.path_for(task, file)
            if path is None:
                meter.moved(file.size)
            elif file.url:
                copies.append((task, file, Copy(str(path), file.url, file.size, file.digest)))
            else:
                write_local(path, file.text)
                task.count(file.size)
                meter.moved(file.size)
        except FileError as error:
            task.fail(file.name, error)
    errors = files.download_many([copy for _, _, copy in copies], progress=meter.moved)
    for (task, file, _), fault in zip(copies, errors, strict=True):
        if fault:
            task.fail(file.name, fault)
        else:
            task.count(file.size)
