"""Messages between Airflow's web server and the process that reads all tasks of a job."""

from __future__ import annotations

import pickle
from dataclasses import field
from typing import IO, Any

from kubeque.client import RowSearch, TaskRow
from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config import Config
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job


@dataclass(frozen=True, slots=True)
class Reading:
    """One request to the reader process: what to read, and the job and its counts at the time of the request."""

    config: Config
    job: Job
    counts: Counts
    #: Name of a function in `reading_process.READERS`.
    what: str
    search: RowSearch = field(default_factory=RowSearch)
    #: Position of the page's first task in the result of the search, and maximum number of tasks on the page.
    first: int = 0
    rows: int = 0

    @property
    def key(self) -> tuple[Any, ...]:
        """Key of the result in the cache. If the run or the counts of the job change, the key changes too."""
        return (self.config.queue_url, self.job.uid, self.job.run, self.counts, self.what, self.search)


@dataclass(frozen=True, slots=True)
class FoundRows:
    """One page of the tasks that meet a search."""

    lines: list[TaskRow]
    #: Number of tasks that meet the search.
    found: int


def read_message(stream: IO[bytes]) -> Any:
    """Return the next message of a pipe. Raises EOFError at the end of the pipe."""
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    return pickle.loads(stream.read(int.from_bytes(head)))  # the writer is a process that kubeque started


def write_message(stream: IO[bytes], message: Any) -> None:
    """Write a message to a pipe."""
    body = pickle.dumps(message)
    stream.write(len(body).to_bytes(8) + body)
    stream.flush()
