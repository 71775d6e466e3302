"""Fetch results: `DEST/{index}/...` for every task that ended, and `DEST/results.csv`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from kubeque.files.layout import result_url, table_url
from kubeque.files.output import write_local
from kubeque.files.transfer_progress import Meter, Tell
from kubeque.files.urls import is_folder, join, local_path
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.destination import TABLE, Destination, Owner, PendingDownload
from kubeque.jobs.results.fetch_folder import FolderDestination
from kubeque.jobs.results.fetch_to_store import StoreDestination
from kubeque.jobs.results.file_choice import FileChoice, Globs, Streams
from kubeque.jobs.results.path_claims import check_paths
from kubeque.jobs.results.result_paths import STANDARD, Layout, ResultPaths
from kubeque.jobs.results.selection_notes import KeptFiles, find_matching, note_globs
from kubeque.jobs.results.table import lines, read_rows, to_csv
from kubeque.jobs.results.unreadable_files import name_faults
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import FileDamaged, FileMissing, FileRefused, StorageError, UserError
from kubeque.model.job.job import Job
from kubeque.model.job.row_selection import RowSelection
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.rows.index_ranges import Ranges
from kubeque.model.text import cut, format_count
from kubeque.model.wording import code

#: Limit for the size of a stored table, bytes: a constant, and a part for each task. Instead of a larger table, a new
#: one is made from the queue.
_TABLE_BYTES, _LINE_BYTES = 64 << 20, 4 << 10


def check_state(state: str | None) -> None:
    """Raise UserError if tasks in `state` have no results. None, for all states, is accepted."""
    if state not in (None, TaskState.OK, TaskState.FAILED):
        raise UserError(f"state {cut(repr(state))}: only ok and failed tasks have results: choose ok or failed")


@dataclass(frozen=True, slots=True)
class Choice:
    """The results that a fetch fetches: tasks, files, and their layout."""

    #: Indexes of the tasks; None: all tasks.
    indexes: Container[int] | None = None
    #: "ok" or "failed"; None: both.
    state: str | None = None
    #: Patterns of the files to fetch; empty: all files.
    globs: Globs = ()
    #: Streams to fetch. None: no streams in a flat layout without globs, and the streams that are not empty in all
    #: other cases. If the destination already has empty streams, all streams are fetched.
    streams: Streams | None = Streams.ALL
    layout: Layout = STANDARD

    def __post_init__(self) -> None:
        check_state(self.state)

    def files(self, *, whole: bool) -> FileChoice:
        """Return the choice of files for each task.

        `whole`: True to choose empty streams too, because they were requested or because the destination already has
        empty streams.
        """
        default = Streams.NONE if self.layout.is_flat and not self.globs else Streams.FILLED
        return FileChoice(self.globs, Streams.ALL if whole else default if self.streams is None else self.streams)


@dataclass(frozen=True, slots=True)
class NotKept:
    """Counts of files that the consumers did not keep."""

    files: int
    #: Number of tasks that wrote these files.
    tasks: int
    #: Index of the first of these tasks.
    first: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """Result of a fetch."""

    #: A folder or a URL.
    dest: str
    #: Number of tasks that this fetch fetched.
    tasks: int
    #: Number of skipped tasks, of which an earlier fetch had fetched all files.
    kept: int
    #: Number of files that this fetch wrote.
    files: int
    #: Total size of these files in bytes.
    size: int = 0
    #: Number of tasks fetched again because a file was changed or removed after an earlier fetch.
    restored: int = 0
    #: Files of the chosen tasks that were not kept: links, special files, names that a store
    #: refuses. None: all files were kept.
    not_kept: NotKept | None = None
    #: Notes about patterns that select no file, one sentence each.
    notes: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """Path or URL of the table."""
        return join(self.dest, TABLE)


def fetch(
    backends: Backends,
    job: Job,
    dest: str,
    *,
    force: bool = False,
    replaces: str = "",
    choice: Choice | None = None,
    progress: Tell | None = None,
) -> Fetched:
    """Fetch the results of `job` into `dest`, a folder or a URL of a store. Skip tasks that were fetched before.

    The folder of a task appears when all its files are downloaded and checked.

    `force`: True to accept a destination with other files. `replaces`: uid of the job that `job` has replaced; fetched
    files of the replaced job are deleted. `choice`: the results to fetch; None: all results. `progress`: function that
    gets the numbers of fetched tasks and bytes.

    Raises DestinationError. Raises UserError for an index that the job does not have. Raises StorageError at once if
    the store or the disk fails, and at the end if single files could not be fetched.
    """
    choice = choice or Choice()
    _check_indexes(job, choice.indexes)
    owner = Owner.of(job, replaces, choice.layout)
    destination = _open(backends, owner, dest)
    if choice.streams is not Streams.ALL or not choice.layout.is_standard:
        destination.check(force=force)
    whole = choice.streams is Streams.ALL or owner.keeps_whole(destination.read_owner())
    wanted = choice.files(whole=whole)
    kept_files = KeptFiles()
    chosen = _choose(backends, job, choice, kept_files)
    if not choice.layout.is_standard:
        _place(backends, job, destination, choice.layout, chosen, wanted)
    with destination.open(force=force, lean=wanted.streams is not Streams.ALL):
        missing = [task for task in chosen if not destination.has(task, wanted)]
        restored = sum(map(destination.was_changed, missing))
        destination.put_table(lambda path: _write_table(backends, job, path))
        meter = Meter(len(missing), sum(task.size for task in missing), progress)
        faulty = []
        for task in destination.bring(missing, wanted, meter):
            meter.done()
            if task.faults:
                faulty.append(task)
        _check_faults(job, faulty)
        not_kept = _not_kept(chosen, {task.index for task in missing}, destination)
        notes = kept_files.notes(backends, job)
        if chosen and choice.globs:
            notes += note_globs(choice.globs, _matching(chosen, missing, destination, choice.globs))
    files, size = sum(task.written for task in missing), sum(task.written_size for task in missing)
    return Fetched(dest, len(missing), len(chosen) - len(missing), files, size, restored, not_kept, notes)


def _choose(backends: Backends, job: Job, choice: Choice, kept_files: KeptFiles) -> list[PendingDownload]:
    return list(_choose_downloads(job, choice, kept_files.watch(backends.queue.tasks(job))))


def _place(
    backends: Backends, job: Job, destination: Destination, layout: Layout, chosen: Sequence[PendingDownload],
    wanted: FileChoice,
) -> None:  # fmt: skip
    """Give each task its paths in the layout. Raises UserError, before anything is written, if two paths are equal."""
    rows = read_rows(backends, job, [task.index for task in chosen])
    paths = ResultPaths(layout, backends.spec(job).rows.columns)
    for task in chosen:
        task.place = partial(paths.file, rows[task.index])
    tasks = {task.index: (task, rows[task.index]) for task in chosen}
    check_paths(backends.files, paths, tasks, destination.read_fetched(), wanted)


def check_destination(backends: Backends, dest: str, name: str, *, force: bool = False) -> str:
    """Check that results of the new job `name` can be fetched into `dest`. Called before the new job is submitted.

    Return the uid of the existing job with this name, which the new job may replace; empty if the name is free.
    Raises DestinationError, StorageError.
    """
    before = backends.queue.find(name)
    uid = before.uid if before is not None else ""
    _open(backends, Owner(name, uid), dest).check(force=force)
    return uid


def _open(backends: Backends, owner: Owner, dest: str) -> Destination:
    if is_folder(dest):
        return FolderDestination(backends.files, Path(local_path(dest)), owner)
    return StoreDestination(backends.files, dest, owner)


def _check_indexes(job: Job, indexes: Container[int] | None) -> None:
    """Raise UserError if the job does not have all chosen tasks."""
    if isinstance(indexes, Ranges):
        RowSelection(indexes).check(job)
    elif isinstance(indexes, Iterable) and (known := list(indexes)):
        RowSelection.of(known).check(job)


def _matching(
    chosen: Sequence[PendingDownload], brought: Sequence[PendingDownload], destination: Destination, globs: Globs
) -> Iterator[frozenset[str]]:
    """Yield, for each task, the globs that match at least one of its files."""
    yield from (task.matching for task in brought)
    indexes = {task.index for task in brought}
    yield from (find_matching(globs, destination.names(task)) for task in chosen if task.index not in indexes)


def _choose_downloads(job: Job, choice: Choice, views: Iterable[TaskView]) -> Iterator[PendingDownload]:
    """Yield a download for each chosen task that has ended with a result."""
    for view in views:
        outcome = view.record.outcome
        ended = outcome is not None and view.state.has_outcome and choice.state in (None, view.state)
        if outcome is not None and ended and (choice.indexes is None or view.index in choice.indexes):
            yield PendingDownload(view.index, result_url(job, outcome), outcome.size)


def _write_table(backends: Backends, job: Job, path: Path) -> None:
    """Write the table of all tasks of a job to `path`. If the job has ended, use its stored table."""
    if job.closing is not None:
        try:
            size = backends.files.look(table_url(job)).size
            if size is not None and size <= _TABLE_BYTES + job.n * _LINE_BYTES:
                backends.files.download(table_url(job), path, size=size)
                return
        except (FileMissing, FileDamaged):
            pass  # the stored table was deleted, or the program of a task has replaced it
    write_local(path, to_csv(list(lines(backends, job))))


def _not_kept(chosen: Sequence[PendingDownload], brought: Container[int], destination: Destination) -> NotKept | None:
    """Return the counts of files that were not kept; None if all files were kept."""
    counts = {
        task.index: task.not_kept if task.index in brought else destination.count_not_kept(task) for task in chosen
    }
    with_some = [index for index, files in counts.items() if files]
    return NotKept(sum(counts.values()), len(with_some), with_some[0]) if with_some else None


def _check_faults(job: Job, faulty: Sequence[PendingDownload]) -> None:
    """Raise StorageError if files of tasks could not be fetched."""
    if not faulty:
        return
    described = name_faults([(task.index, _describe(task)) for task in faulty])
    lost = any(not isinstance(error, FileRefused) for task in faulty for error in task.faults)
    again = f"{code('reset', job.name, 'all')} runs all tasks again"
    remedy = again if lost else "correct the cause, or choose another folder"
    raise StorageError(f"all files are fetched except those of {described}; {remedy}")


def _describe(task: PendingDownload) -> str:
    first, *others = task.faults
    more = f" (and {format_count(len(others), 'more file')})" if others else ""
    return f"{first}{more}"
