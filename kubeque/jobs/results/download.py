"""Which results of a job are wanted, and how their files come into a folder of this machine, checked."""

from __future__ import annotations

import threading
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubeque.files.batches import Copy, in_groups
from kubeque.files.layout import result_url, table_url
from kubeque.files.parallel import in_parallel
from kubeque.files.progress import Meter
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.fetch_folder import FolderDestination, write
from kubeque.jobs.results.result_manifest import ResultFile, read_manifest
from kubeque.jobs.results.table import lines, to_csv
from kubeque.model.errors import FileDamaged, FileMissing, StorageError, UserError
from kubeque.model.globs import selection
from kubeque.model.job.job import Job
from kubeque.model.text import cut

_MANIFESTS, _DOWNLOADS = 8, 16
#: So many tasks that could not be fetched are named.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """Which results to bring."""

    #: None: of all tasks.
    indexes: Container[int] | None = None
    #: "ok" or "failed"; None: both.
    state: str | None = None
    #: Names of files to bring, as `results` has them; none: all.
    globs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.state not in (None, "ok", "failed"):
            raise UserError(f"state {cut(repr(self.state))}: of such tasks nothing is fetched: say ok or failed")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did."""

    #: A folder or a URL.
    dest: str
    #: Tasks brought now.
    tasks: int
    #: Tasks that were there already.
    kept: int
    #: Files written now, and their bytes.
    files: int
    size: int = 0
    #: Of the tasks brought now: those that had been here, and of which something was changed or removed since.
    restored: int = 0


@dataclass(slots=True)
class PendingDownload:
    """A task on its way."""

    index: int
    #: The attempt's folder.
    url: str
    #: Of all files of the attempt, as the queue has it.
    size: int
    files: list[ResultFile] = field(default_factory=list)
    #: Why it cannot be fetched: its own fault, not the store's.
    fault: str = ""
    written: int = 0
    written_size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, size: int) -> None:
        """A file of so many bytes has been written."""
        with self._lock:
            self.written += 1
            self.written_size += size


def wanted(backends: Backends, job: Job, choice: Choice) -> Iterator[PendingDownload]:
    """The tasks that ended, as far as they are chosen."""
    for view in backends.queue.tasks(job):
        outcome = view.record.outcome
        ended = outcome is not None and view.state in ("ok", "failed") and choice.state in (None, view.state)
        if outcome is not None and ended and (choice.indexes is None or view.index in choice.indexes):
            yield PendingDownload(view.index, result_url(job, outcome), outcome.size)


def bring(
    backends: Backends,
    place: FolderDestination,
    missing: Sequence[PendingDownload],
    globs: tuple[str, ...],
    meter: Meter,
) -> Iterator[PendingDownload]:
    """Bring tasks, in order; one that is at fault itself says so and keeps no other one back."""
    keeps = selection(globs, ())

    def look(task: PendingDownload) -> PendingDownload:
        try:
            task.files = [file for file in read_manifest(backends.files, task.url) if keeps(file.name)]
        except (FileMissing, FileDamaged) as error:
            task.fault = str(error)
        return task

    def come(group: list[tuple[PendingDownload, ResultFile | None]]) -> list[PendingDownload]:
        _bring_files(
            backends, place, [(task, file) for task, file in group if file is not None and not task.fault], meter
        )
        return [task for task, file in group if file is None]

    def files(tasks: Iterable[PendingDownload]) -> Iterator[tuple[PendingDownload, ResultFile | None]]:
        for task in tasks:
            yield from ((task, file) for file in task.files)
            yield task, None  # comes back when all before it has come

    looked = in_parallel(look, missing, threads=_MANIFESTS, stop=meter.stop)
    groups = in_groups(files(looked), lambda item: item[1].size if item[1] else 0)
    for complete in in_parallel(come, groups, threads=_DOWNLOADS, stop=meter.stop):
        for task in complete:
            if not task.fault:
                place.settle(task.index, task.url, globs, {file.name for file in task.files})
            task.files = []
            yield task


def _bring_files(
    backends: Backends, place: FolderDestination, wanted: Sequence[tuple[PendingDownload, ResultFile]], meter: Meter
) -> None:
    """Bring files that go together, unless they are here from a fetch that was broken off."""
    coming: list[tuple[PendingDownload, Copy]] = []
    for task, file in wanted:
        try:
            path = place.waiting(task.index, task.url, file)
            if path is None:
                meter.moved(file.size)
            elif file.url:
                coming.append((task, Copy(str(path), file.url, file.size, file.digest)))
            else:
                write(path, file.text)
                task.count(file.size)
        except (FileMissing, FileDamaged) as error:
            task.fault = str(error)
    faults = backends.files.download_many([item for _, item in coming], progress=meter.moved)
    for (task, item), fault in zip(coming, faults, strict=True):
        if fault:
            task.fault = str(fault)
        else:
            task.count(item.size)


def write_table(backends: Backends, job: Job, dest: Path) -> None:
    """The table of all tasks, whichever are fetched: as it was stored when the job ended, else as it is now."""
    if job.closing is not None:
        try:
            backends.files.download(table_url(job), dest / "results.csv")
            return
        except FileMissing:
            pass  # somebody removed it
    write(dest / "results.csv", to_csv(list(lines(backends, job))).encode())


def check_faults(faulty: Sequence[PendingDownload]) -> None:
    """Raise StorageError for tasks whose files are gone or not what they were, if there are any."""
    if not faulty:
        return
    named = "; ".join(f"task {task.index}: {task.fault}" for task in faulty[:_NAMED])
    more = f"; and {len(faulty) - _NAMED} more" if len(faulty) > _NAMED else ""
    raise StorageError(f"all else is fetched, but not {named}{more}; reset the job to run such tasks again")
