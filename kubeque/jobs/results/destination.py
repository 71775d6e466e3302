"""The destination of a fetch: its interface, its layout, and its journal.

DEST/results.csv            the table of all tasks
DEST/{index}/               the files of a task, and stdout.txt and stderr.txt; other layouts have other paths
DEST/.kubeque/job.json      the job that owns these results
DEST/.kubeque/layout.json   in place of job.json in a layout other than {index}: earlier versions then refuse DEST
DEST/.kubeque/*.jsonl       the journal: one line for each task that was fetched
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from kubeque.files.safe_paths import safe_name
from kubeque.files.transfer_progress import Meter
from kubeque.jobs.results.file_choice import FileChoice, Globs, Streams
from kubeque.jobs.results.result_manifest import ResultFile
from kubeque.jobs.results.result_paths import STANDARD, Layout
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import DestinationError, DestinationNotEmpty, FileError, FileRefused
from kubeque.model.job.job import Job
from kubeque.model.wording import option

#: The folder inside DEST for the owner and the journal.
MARKER = ".kubeque"
#: The file in the folder MARKER that names the job, with the standard layout and with another layout.
OWNER, OWNER_OF_LAYOUT = "job.json", "layout.json"
#: The table of all tasks.
TABLE = "results.csv"

Trace = TypeVar("Trace")
#: Entries of a journal line that lines of earlier versions do not have.
_MORE = ("incomplete", "not_kept")


@dataclass(slots=True)
class PendingDownload:
    """The fetch of one task."""

    index: int
    #: The attempt's folder in the store; empty if nothing was stored.
    url: str
    #: Total size of the attempt's files in bytes, as recorded in the queue.
    size: int
    #: Function from the name of a file to its path below the destination; None: the path is {index}/{name}.
    place: Callable[[str], str] | None = None
    #: The chosen files, after the manifest was read.
    files: list[ResultFile] = field(default_factory=list)
    #: Number of files that the consumer did not keep.
    not_kept: int = 0
    #: The globs of the fetch that match at least one file.
    matching: frozenset[str] = frozenset()
    #: Error of the manifest, because of which no file of the task can be fetched; None without such an error.
    fault: FileError | None = None
    #: Errors of single files that cannot be fetched, by file name.
    failed: dict[str, FileError] = field(default_factory=dict)
    #: Number of files written to the destination, and their total size in bytes.
    written: int = 0
    written_size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def path(self, name: str) -> str:
        """Return the path of the file `name` below the destination."""
        return self.place(name) if self.place else f"{self.index}/{name}"

    def count(self, size: int, files: int = 1) -> None:
        """Add `files` written files with a total size of `size` bytes. Negative numbers remove files again."""
        with self._lock:
            self.written += files
            self.written_size += size

    def fail(self, name: str, error: FileError) -> None:
        """Record that one file cannot be fetched."""
        with self._lock:
            self.failed[name] = error

    @property
    def faults(self) -> list[FileError]:
        """The error of the whole task, or the errors of its files."""
        return [self.fault] if self.fault else list(self.failed.values())


class Destination(Protocol):
    """A folder or a URL for the results of one job. No file name can lead to a path outside the destination."""

    def check(self, *, force: bool) -> None:
        """Raise the error that `open` would raise. The destination does not change."""

    def read_owner(self) -> Any:
        """Return the parsed content of the file that names the job; None if the file is missing or damaged."""

    def read_fetched(self) -> Mapping[int, FetchedTask[Any]]:
        """Return the tasks of this job that were already fetched in this layout. Can be called before `open`."""

    def open(self, *, force: bool, lean: bool = False) -> AbstractContextManager[None]:
        """Return a context manager in which this job owns the destination, for one fetch.

        If the destination has results of a job that this job may replace, these results are deleted first. Temporary
        files are removed after a successful fetch. `force`: True to accept a destination with other files. `lean`: True
        to record that the destination has no empty streams and no folders without files. Raises DestinationError.
        Raises StorageError if the destination is not writable.
        """

    def has(self, task: PendingDownload, choice: FileChoice) -> bool:
        """True if the destination has unchanged copies of all chosen files of the attempt."""

    def was_changed(self, task: PendingDownload) -> bool:
        """True if the attempt was fetched before and one of its files has been changed or removed since."""

    def count_not_kept(self, task: PendingDownload) -> int:
        """Return the number of files of a fetched attempt that its consumer did not keep."""

    def names(self, task: PendingDownload) -> Collection[str]:
        """Return the names of the files of a task that was fetched before."""

    def bring(self, tasks: Sequence[PendingDownload], choice: FileChoice, meter: Meter) -> Iterator[PendingDownload]:
        """Fetch tasks in order. Yield each task when all its files are fetched or have failed. Raises StorageError."""

    def put_table(self, write: Callable[[Path], None]) -> None:
        """Call `write` with a local path, and store the table that `write` writes to this path. Raises StorageError."""


@dataclass(frozen=True, slots=True)
class FetchedTask(Generic[Trace]):
    """A line of the journal: the fetched files of a task.

    The trace of a file is a value that differs if the file has changed since the fetch.
    """

    #: The attempt's folder in the store.
    url: str
    #: The globs of the fetch, sorted; empty: all files.
    globs: Globs = ()
    #: Trace of each file, by its name below DEST/{index}/.
    files: Mapping[str, Trace] = field(default_factory=dict)
    #: True if a file could not be fetched.
    incomplete: bool = False
    #: Number of files that the consumer did not keep.
    not_kept: int = 0
    #: Path of each file below the destination, by its name, in a layout other than DEST/{index}/.
    paths: Mapping[str, str] = field(default_factory=dict)
    #: The streams that the fetch chose.
    streams: Streams = Streams.ALL

    @property
    def choice(self) -> FileChoice:
        """The files that were chosen."""
        return FileChoice(self.globs, self.streams)

    def path(self, index: int, name: str) -> str:
        """Return the path of the file `name` of the task `index` below the destination."""
        return self.paths.get(name, f"{index}/{name}")

    def covers(self, url: str, globs: Globs, streams: Streams = Streams.ALL) -> bool:
        """True if all files and streams of the attempt at `url` that match `globs` were fetched."""
        return (
            self.url == url
            and not self.incomplete
            and self.streams >= streams
            and (not self.globs or (bool(globs) and set(globs) <= set(self.globs)))
        )

    def merge(self, before: FetchedTask[Trace] | None) -> FetchedTask[Trace]:
        """Return this line. If `before` is a line about the same attempt, add the files of `before`."""
        if before is None or before.url != self.url:
            return self
        globs = tuple(sorted({*self.globs, *before.globs})) if self.globs and before.globs else ()
        return replace(
            self, globs=globs, files={**before.files, **self.files}, paths={**before.paths, **self.paths},
            streams=max(self.streams, before.streams),
        )  # fmt: skip

    def to_line(self, index: int) -> str:
        """Return the journal line of the task `index`."""
        known = {key: getattr(self, key) for key in _MORE} | {"streams": self.streams.stored, "paths": self.paths}
        more = {key: value for key, value in known.items() if value}
        return json.dumps([index, self.url, self.globs, self.files, *([more] if more else [])])

    @staticmethod
    def from_line(line: str, read_trace: Callable[[Any], Trace]) -> tuple[int, FetchedTask[Trace]] | None:
        """Return the index and the content of a journal line; None for a line that was cut off or is damaged.

        `read_trace`: function that converts the stored trace of a file. Additional entries are ignored.
        """
        try:
            index, url, globs, files, *rest = json.loads(line)
            more = rest[0] if rest and isinstance(rest[0], dict) else {}
            not_kept = more.get("not_kept", 0)
            traces = {name: read_trace(trace) for name, trace in files.items()}
            counted = not_kept if isinstance(not_kept, int) else 0
            paths = {name: str(safe_name(path)) for name, path in (more.get("paths") or {}).items()}
            streams = Streams.from_stored(more.get("streams"))
            return index, FetchedTask(
                url, tuple(globs), traces, bool(more.get("incomplete")), counted, paths, streams
            )  # fmt: skip
        except (ValueError, TypeError, AttributeError, FileRefused):
            return None


@dataclass(frozen=True, slots=True)
class Owner:
    """The job that owns the results in a destination, as recorded in the file `job.json` of the destination."""

    job: str
    #: Empty if the job is not submitted yet.
    uid: str
    #: Digest of the Airflow task that submitted the job, equal in all runs of its DAG. Empty without an Airflow task.
    task: str = ""
    #: uid of the job that this job has replaced or will replace; empty without such a job.
    replaces: str = ""
    layout: Layout = STANDARD

    @classmethod
    def of(cls, job: Job, replaces: str = "", layout: Layout = STANDARD) -> Owner:
        """Return the owner record of `job`. `replaces`: uid of the job that `job` has replaced; empty if none."""
        task = [job.origin.get(key) for key in ("deployment", "dag", "task", "map_index")]
        digest = hashlib.sha256(json.dumps(task).encode()).hexdigest() if job.origin.get("task") else ""
        return cls(job.name, job.uid, digest, replaces, layout)

    @property
    def file(self) -> str:
        """Name of the file in the folder MARKER that records this owner."""
        return OWNER if self.layout.is_standard else OWNER_OF_LAYOUT

    def to_record(self, *, lean: bool = False) -> bytes:
        """Return the content of `job.json`. `lean`: see `Destination.open`."""
        more = {"task": self.task, "layout": self.layout.to_record(), "lean": lean}
        return json.dumps({"job": self.job, "uid": self.uid} | {k: v for k, v in more.items() if v}).encode()

    def is_named_by(self, record: Any) -> bool:
        """True if `record`, the parsed content of `job.json`, names this job with this layout."""
        return bool(self.uid) and isinstance(record, dict) and record.get("uid") == self.uid and self._fits(record)

    def _fits(self, record: Mapping[str, Any]) -> bool:
        return record.get("layout") == self.layout.to_record()

    def keeps_whole(self, record: Any) -> bool:
        """True if `record` names this job or a job that this job may replace, and the destination has empty streams.

        A later fetch then fetches empty streams too.
        """
        return (self.is_named_by(record) or self.may_replace(record)) and not record.get("lean")

    def check(self, record: Any, dest: str, *, empty: Callable[[], bool]) -> None:
        """Raise DestinationError if a destination has other files, or has results of this job in another layout.

        `record`: parsed content of `job.json`. `empty`: function that returns True if `dest` has no files.
        """
        is_mine = isinstance(record, dict) and bool(self.uid) and record.get("uid") == self.uid
        if not (is_mine or self.may_replace(record)):
            if not empty():
                raise not_empty(dest, self)
        elif not self._fits(record):
            raise _other_layout(dest, record.get("layout"))

    def may_replace(self, record: Any) -> bool:
        """True if the results of this job may replace the results of the job in `record`.

        This job may replace the job that it was submitted to replace, and a job of an earlier run of its Airflow task.
        """
        if not isinstance(record, dict):
            return False
        is_replaced = bool(self.replaces) and record.get("uid") == self.replaces
        return is_replaced or (bool(self.task) and record.get("task") == self.task)


def _other_layout(dest: str, stored: Any) -> DestinationError:
    """Return the error for a destination that has results in another layout."""
    known = isinstance(stored, dict) and isinstance(stored.get("template"), str)
    layout = Layout(stored["template"], bool(stored.get("flat"))) if known else STANDARD
    used = f"with {layout.text}" if known else "in a folder for each index"
    remedy = f"add {layout.text}" if known else f"leave out {option('flat')} and {option('layout')}"
    return DestinationError(f"{dest} holds results {used}: {remedy}, or choose another folder")


def not_empty(dest: str, owner: Owner) -> DestinationError:
    """Return the error for a destination that holds files other than the results of this job."""
    return DestinationNotEmpty(
        f"{dest} is not empty and does not hold results of {owner.job}: choose another folder, or add"
        f" {option('force')}",
        dest,
    )


def replaced_attempts(
    tasks: Iterable[PendingDownload], fetched: Mapping[int, FetchedTask[Trace]]
) -> Iterator[tuple[int, FetchedTask[Trace]]]:
    """For each of `tasks` of which an earlier attempt was fetched, yield its index and the files of that attempt."""
    for task in tasks:
        before = fetched.get(task.index)
        if before is not None and before.url != task.url:
            yield task.index, before
