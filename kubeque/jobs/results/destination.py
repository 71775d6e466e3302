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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from kubeque.files.progress import Meter
from kubeque.jobs.results.result_manifest import ResultFile
from kubeque.model.errors import DestinationError, DestinationNotEmpty, FileError
from kubeque.model.job.job import Job
from kubeque.model.wording import option

#: The folder inside DEST for the owner and the journal.
MARKER = ".kubeque"
#: The file in that folder that names the job.
OWNER = "job.json"
#: The table of all tasks.
TABLE = "results.csv"

#: Globs for names of files, with the syntax of the option `results`; empty: all files.
Globs = tuple[str, ...]
Trace = TypeVar("Trace")
#: Entries of a line that lines of earlier versions lack.
_MORE = ("incomplete", "not_kept")


@dataclass(slots=True)
class PendingDownload:
    """A task that is being fetched."""

    index: int
    #: The attempt's folder in the store; empty if nothing was stored.
    url: str
    #: Bytes of all files of the attempt, as recorded in the queue.
    size: int
    files: list[ResultFile] = field(default_factory=list)
    #: Number of its files that the consumer did not keep.
    not_kept: int = 0
    #: Reason why nothing of the task can be fetched although store and destination work; None if it can be fetched.
    fault: FileError | None = None
    #: Reasons why single files of the task cannot be fetched, by file name.
    failed: dict[str, FileError] = field(default_factory=dict)
    #: Files written to the destination, and their bytes.
    written: int = 0
    written_size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, size: int, files: int = 1) -> None:
        """Count files of `size` bytes that were written."""
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
        """Raise the error that `open` would raise. Leaves no traces."""

    def open(self, *, force: bool) -> AbstractContextManager[None]:
        """Claim it for this job and for one fetch; on success, remove temporary files at the end.

        Fetched files of a job that this one may replace are deleted. `force`: claim the destination even if it holds
        other files. Raises DestinationError, and StorageError if it is not writable.
        """

    def has(self, task: PendingDownload, globs: Globs) -> bool:
        """True if the destination has all files of that attempt that match `globs` (empty: all files), unchanged."""

    def was_changed(self, task: PendingDownload) -> bool:
        """True if that attempt was fetched before, and a file of it was changed or removed since."""

    def count_not_kept(self, task: PendingDownload) -> int:
        """Return how many files of an attempt that was fetched before were not kept."""

    def bring(self, tasks: Sequence[PendingDownload], globs: Globs, meter: Meter) -> Iterator[PendingDownload]:
        """Fetch tasks and yield each, in order, once it is complete except for its `faults`. Raises StorageError."""

    def put_table(self, write: Callable[[Path], None]) -> None:
        """Store the table, which `write` writes to a path of this machine. Raises StorageError."""


@dataclass(frozen=True, slots=True)
class FetchedTask(Generic[Trace]):
    """A line of the journal: the fetched files of a task. A trace shows whether a file has changed since."""

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
        """Return this line, with the files that were fetched `before` if they are of the same attempt."""
        if before is None or before.url != self.url:
            return self
        globs = tuple(sorted({*self.globs, *before.globs})) if self.globs and before.globs else ()
        return replace(self, globs=globs, files={**before.files, **self.files})

    def to_line(self, index: int) -> str:
        """Return the line, for the task `index`."""
        more = {key: value for key in _MORE if (value := getattr(self, key))}
        return json.dumps([index, self.url, self.globs, self.files, *([more] if more else [])])

    @staticmethod
    def from_line(line: str, read_trace: Callable[[Any], Trace]) -> tuple[int, FetchedTask[Trace]] | None:
        """Return index and content of a line, ignoring added fields; None for a line that was cut off."""
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
    """The job whose results a destination holds, as its file `job.json` names it."""

    job: str
    #: Empty: the job is not submitted yet.
    uid: str
    #: Digest of the Airflow task that submitted the job, equal in all runs of its DAG; empty: another submitter.
    task: str = ""
    #: uid of the job that this one has replaced or will replace; empty: none.
    replaces: str = ""

    @classmethod
    def of(cls, job: Job, replaces: str = "") -> Owner:
        """Return the owner for a job."""
        task = [job.origin.get(key) for key in ("deployment", "dag", "task", "map_index")]
        digest = hashlib.sha256(json.dumps(task).encode()).hexdigest() if job.origin.get("task") else ""
        return cls(job.name, job.uid, digest, replaces)

    def to_record(self) -> bytes:
        """Return the content of the file."""
        return json.dumps({"job": self.job, "uid": self.uid} | ({"task": self.task} if self.task else {})).encode()

    def is_named_by(self, record: Any) -> bool:
        """True if `record`, the parsed content of the file, names this job."""
        return bool(self.uid) and isinstance(record, dict) and record.get("uid") == self.uid

    def may_replace(self, record: Any) -> bool:
        """True if the results of the job in `record` may be replaced by those of this job.

        It is the job that this one replaced, or a job of an earlier run of the same Airflow task.
        """
        if not isinstance(record, dict):
            return False
        is_replaced = bool(self.replaces) and record.get("uid") == self.replaces
        return is_replaced or (bool(self.task) and record.get("task") == self.task)


def not_empty(dest: str, owner: Owner) -> DestinationError:
    """Return the error for a destination that holds something else."""
    return DestinationNotEmpty(
        f"{dest} is not empty and does not hold results of {owner.job}: choose another folder, or add"
        f" {option('force')}",
        dest,
    )
