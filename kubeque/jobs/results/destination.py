"""The destination of a fetch: its interface, its layout, and its journal.

DEST/results.csv            the table of all tasks
DEST/{index}/               the files of a task, and stdout.txt and stderr.txt
DEST/.kubeque/job.json      the job whose results these are
DEST/.kubeque/*.jsonl       the journal: one line for each task that was fetched
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from kubeque.files.transfer_progress import Meter
from kubeque.jobs.results.result_manifest import ResultFile
from kubeque.model.errors import DestinationError, DestinationNotEmpty, FileError
from kubeque.model.job.job import Job
from kubeque.model.wording import option

#: The folder inside DEST for the owner and the journal.
MARKER = ".kubeque"
#: The file in the folder MARKER that names the job.
OWNER = "job.json"
#: The table of all tasks.
TABLE = "results.csv"

#: Patterns for file names, with the syntax of the option `results`. Empty means all files.
Globs = tuple[str, ...]
Trace = TypeVar("Trace")
#: Entries that journal lines of earlier versions lack.
_MORE = ("incomplete", "not_kept")


@dataclass(slots=True)
class PendingDownload:
    """A task that is being fetched."""

    index: int
    #: The attempt's folder in the store; empty if nothing was stored.
    url: str
    #: Total size of the attempt's files in bytes, as recorded in the queue.
    size: int
    files: list[ResultFile] = field(default_factory=list)
    #: Number of files that the consumer did not keep.
    not_kept: int = 0
    #: The globs of the fetch that match at least one file.
    matching: frozenset[str] = frozenset()
    #: Error that prevents the fetch of the whole task, although store and destination work; None without such an error.
    fault: FileError | None = None
    #: Errors of single files that cannot be fetched, by file name.
    failed: dict[str, FileError] = field(default_factory=dict)
    #: Number of files written to the destination, and their total size in bytes.
    written: int = 0
    written_size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, size: int, files: int = 1) -> None:
        """Add written files with a total size of `size` bytes."""
        with self._lock:
            self.written += files
            self.written_size += size

    def fail(self, name: str, error: FileError) -> None:
        """Record that one file cannot be fetched."""
        with self._lock:
            self.failed[name] = error

    @property
    def faults(self) -> list[FileError]:
        """The errors of the task and of its files."""
        return [self.fault] if self.fault else list(self.failed.values())


class Destination(Protocol):
    """A folder or a store for the results of one job. Nothing is written outside it, for any file name."""

    def check(self, *, force: bool) -> None:
        """Raise the error that `open` would raise. Leave no traces in the destination."""

    def open(self, *, force: bool) -> AbstractContextManager[None]:
        """Claim the destination for this job and for one fetch. After a successful fetch, remove temporary files.

        If the destination holds results of a job that this job may replace, delete these results. `force`: True to
        claim a destination that holds other files. Raises DestinationError. Raises StorageError if the destination is
        not writable.
        """

    def has(self, task: PendingDownload, globs: Globs) -> bool:
        """True if the destination has unchanged copies of all files of the attempt that match `globs`."""

    def was_changed(self, task: PendingDownload) -> bool:
        """True if the attempt was fetched before and one of its files has been changed or removed since."""

    def count_not_kept(self, task: PendingDownload) -> int:
        """Return how many files of a fetched attempt were not kept by its consumer."""

    def names(self, task: PendingDownload) -> Collection[str]:
        """Return the names of the files of a task that was fetched before."""

    def bring(self, tasks: Sequence[PendingDownload], globs: Globs, meter: Meter) -> Iterator[PendingDownload]:
        """Fetch tasks in order. Yield each task once all its files are fetched or have failed. Raises StorageError."""

    def put_table(self, write: Callable[[Path], None]) -> None:
        """Call `write` with a local path, and store the table that it writes there. Raises StorageError."""


@dataclass(frozen=True, slots=True)
class FetchedTask(Generic[Trace]):
    """A line of the journal: the fetched files of a task.

    Each file has a trace that shows whether the file has changed since its fetch.
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

    def covers(self, url: str, globs: Globs) -> bool:
        """True if all files of the attempt at `url` that match `globs` were fetched."""
        return (
            self.url == url
            and not self.incomplete
            and (not self.globs or (bool(globs) and set(globs) <= set(self.globs)))
        )

    def merge(self, before: FetchedTask[Trace] | None) -> FetchedTask[Trace]:
        """Return this line, extended by the files of the line `before` if both lines are about the same attempt."""
        if before is None or before.url != self.url:
            return self
        globs = tuple(sorted({*self.globs, *before.globs})) if self.globs and before.globs else ()
        return replace(self, globs=globs, files={**before.files, **self.files})

    def to_line(self, index: int) -> str:
        """Return the journal line of the task `index`."""
        more = {key: value for key in _MORE if (value := getattr(self, key))}
        return json.dumps([index, self.url, self.globs, self.files, *([more] if more else [])])

    @staticmethod
    def from_line(line: str, read_trace: Callable[[Any], Trace]) -> tuple[int, FetchedTask[Trace]] | None:
        """Return index and content of a journal line; None for a line that was cut off. Ignore additional fields."""
        try:
            index, url, globs, files, *rest = json.loads(line)
            more = rest[0] if rest and isinstance(rest[0], dict) else {}
            not_kept = more.get("not_kept", 0)
            traces = {name: read_trace(trace) for name, trace in files.items()}
            counted = not_kept if isinstance(not_kept, int) else 0
            return index, FetchedTask(url, tuple(globs), traces, bool(more.get("incomplete")), counted)
        except (ValueError, TypeError, AttributeError):
            return None


@dataclass(frozen=True, slots=True)
class Owner:
    """The job whose results a destination holds, as recorded in the file `job.json` of the destination."""

    job: str
    #: Empty if the job is not submitted yet.
    uid: str
    #: Digest of the Airflow task that submitted the job, equal in all runs of its DAG. Empty without an Airflow task.
    task: str = ""
    #: uid of the job that this job has replaced or will replace; empty without such a job.
    replaces: str = ""

    @classmethod
    def of(cls, job: Job, replaces: str = "") -> Owner:
        """Return the owner for a job."""
        task = [job.origin.get(key) for key in ("deployment", "dag", "task", "map_index")]
        digest = hashlib.sha256(json.dumps(task).encode()).hexdigest() if job.origin.get("task") else ""
        return cls(job.name, job.uid, digest, replaces)

    def to_record(self) -> bytes:
        """Return the content of `job.json`."""
        return json.dumps({"job": self.job, "uid": self.uid} | ({"task": self.task} if self.task else {})).encode()

    def is_named_by(self, record: Any) -> bool:
        """True if `record`, the parsed content of `job.json`, names this job."""
        return bool(self.uid) and isinstance(record, dict) and record.get("uid") == self.uid

    def may_replace(self, record: Any) -> bool:
        """True if the results of this job may replace the results of the job in `record`.

        This job may replace the job that it was submitted to replace, and a job of an earlier run of its Airflow task.
        """
        if not isinstance(record, dict):
            return False
        is_replaced = bool(self.replaces) and record.get("uid") == self.replaces
        return is_replaced or (bool(self.task) and record.get("task") == self.task)


def not_empty(dest: str, owner: Owner) -> DestinationError:
    """Return the error for a destination that holds files other than the results of this job."""
    return DestinationNotEmpty(
        f"{dest} is not empty and does not hold results of {owner.job}: choose another folder, or add"
        f" {option('force')}",
        dest,
    )
