"""Read the end of stdout or stderr of one task or of all tasks.

A task can be running or ended. The consumer of the task need not exist any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Container, Iterator
from dataclasses import replace

from kubeque.clusters.open import local_attempt
from kubeque.files.layout import attempt_number, attempt_of_log, log_url, logs_url, result_url, stream_url
from kubeque.files.live_log import TAIL_BYTES, LiveLog, Tail, read_tail
from kubeque.files.parallel import SMALL_READS, in_parallel
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.result_manifest import read_checked_result
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import FileMissing, UserError
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState, TaskView

#: Time for which a consumer uploads the streams of a task after a request, seconds.
_ASKED_SECONDS = 20.0
#: Longest wait for an upload, seconds, by `Queue.has_cheap_reads`. If True, consumers read their job every second.
_PATIENCE_SECONDS = {True: 4.0, False: 12.0}
_POLL_SECONDS = 0.2
#: Largest size of an upload, bytes: enough for both streams in base64, even if zlib cannot compress the streams.
_LOG_BYTES = 4 * TAIL_BYTES
#: Maximum number of requests for one job, because the record of the job contains the requests.
_REQUESTS = 32


@dataclass(frozen=True, slots=True)
class Peek:
    """The end of one stream of a task."""

    view: TaskView
    tail: Tail
    #: Number of the attempt that wrote the stream; 0 if unknown.
    attempt: int = 0
    #: Age of the upload with this tail, seconds; None if no consumer has the task, or if a file was read directly.
    age: float | None = None

    @property
    def final(self) -> bool:
        """True if the task has ended or was killed, so that the stream does not grow."""
        return self.view.state.has_outcome or self.view.state is TaskState.KILLED


def peek(backends: Backends, job: Job, index: int, stream: str = "stdout", *, wait: bool = True) -> Peek:
    """Return the last 64 KiB of a stream of a task.

    If the task runs on this machine, the file is read directly. Otherwise a request in the job's record makes the
    consumer upload the stream to the store. `wait`: True to wait a few seconds for this upload. Raises JobNotFound,
    UserError, StorageError.
    """
    view = backends.queue.task(job, index)
    if view is None:
        raise UserError(f"{job.name} has no task {index}: its tasks are 0 to {job.n - 1}")
    if view.owner:
        found = _here(backends, job, view, stream, view.record.attempts)
        return found or _read_sent(backends, job, view, stream, since=_ask(backends, job, index), wait=wait)
    return _ended(backends, job, view, stream)


def peek_many(
    backends: Backends, job: Job, stream: str = "stdout", *, state: str | None = None, skip: Container[int] = ()
) -> Iterator[Peek]:
    """Yield the last 64 KiB of a stream of each task that has begun, in the order of the tasks.

    `state`: only tasks in this state. `skip`: indexes to leave out. For tasks that run on other machines, the newest
    upload is read. New uploads are requested for at most 32 of these tasks. Raises StorageError.
    """
    requests = threading.Semaphore(_REQUESTS)

    def read(view: TaskView) -> Peek:
        if not view.owner:
            return _ended(backends, job, view, stream)
        found = _here(backends, job, view, stream, view.record.attempts)
        if found is None and requests.acquire(blocking=False):
            _ask(backends, job, view.index)
        return found or _read_sent(backends, job, view, stream)

    chosen = (
        view
        for view in backends.queue.tasks(job)
        if view.index not in skip and state in (None, view.state) and view.record.attempts
    )
    yield from in_parallel(read, chosen, threads=SMALL_READS)


def _ended(backends: Backends, job: Job, view: TaskView, stream: str) -> Peek:
    """Return the end of a stream of a task that does not run."""
    return (
        _result(backends, job, view, stream)
        or _here(backends, job, view, stream)
        or _read_sent(backends, job, view, stream)
    )


def _here(backends: Backends, job: Job, view: TaskView, stream: str, attempt: int | None = None) -> Peek | None:
    """Return the end of a stream from the folder of an attempt; None if the folder is not on this machine.

    `attempt`: number of the attempt; None for the last attempt.
    """
    found = local_attempt(backends.config, job.uid, view.index, attempt)
    if found is None:
        return None
    number, folder = found
    return Peek(view, read_tail(folder / stream), number)


def _result(backends: Backends, job: Job, view: TaskView, stream: str) -> Peek | None:
    """Return the end of a stream from the stored result of a task; None without a stored result."""
    outcome = view.record.outcome
    url = result_url(job, outcome)
    if outcome is None or not url or not view.state.has_outcome:
        return None
    try:
        result = read_checked_result(backends.files, url)
        text = result.get(stream)
        if text is None and result.get(f"{stream}_bytes"):
            return Peek(view, backends.files.read_tail(stream_url(url, stream)), outcome.attempt)
    except FileMissing:  # the files of the attempt were deleted
        return None
    data = (text or "").encode()
    start = max(0, len(data) - TAIL_BYTES)
    return Peek(view, Tail(start, data[start:]), outcome.attempt)


def _ask(backends: Backends, job: Job, index: int) -> float:
    """Request uploads of the streams of a task. Return the time of the request by the clock of the queue."""
    now = backends.queue.now()

    def change(last: Job) -> Job | None:
        asked = {i: until for i, until in last.peeks if until > now}
        if last.uid != job.uid or asked.get(index, 0.0) > now + _ASKED_SECONDS / 2:
            return None  # because of an earlier request, the consumer already uploads whenever a stream grows
        asked.pop(index, None)
        kept = list(asked.items())[-(_REQUESTS - 1) :]
        return replace(last, peeks=(*kept, (index, now + _ASKED_SECONDS)))

    until = dict(backends.queue.update(job.name, change).peeks).get(index, now + _ASKED_SECONDS)
    return until - _ASKED_SECONDS


def _read_sent(
    backends: Backends, job: Job, view: TaskView, stream: str, *, since: float = 0.0, wait: bool = False
) -> Peek:
    """Return the end of a stream from the last upload of a consumer; empty before the first upload.

    `since`: time by the clock of the queue. `wait`: True to wait a few seconds for an upload that is not older than
    `since`.
    """
    end = time.monotonic() + (_PATIENCE_SECONDS[backends.queue.has_cheap_reads] if wait else 0.0)
    while True:
        found = _newest(backends, job, view.index)
        if (found and found[1].at >= since) or time.monotonic() > end:
            break
        time.sleep(_POLL_SECONDS)
    if found is None:
        return Peek(view, Tail())
    attempt, log = found
    age = max(0.0, backends.queue.now() - log.at) if view.owner else None
    return Peek(view, log.stderr if stream == "stderr" else log.stdout, attempt, age)


def _newest(backends: Backends, job: Job, index: int) -> tuple[int, LiveLog] | None:
    """Return the number of the last attempt with an upload, and this upload; None without an upload."""
    names = [attempt_of_log(name) for name, _ in backends.files.listing(logs_url(job.url, index))]
    numbered = [(number, name) for name in names if (number := attempt_number(name)) is not None]
    if not numbered:
        return None
    attempt, name = max(numbered)
    return attempt, backends.files.read_as(log_url(job.url, index, name), LiveLog.from_wire, _LOG_BYTES)
