"""Watch a job until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from kubeque.jobs.upkeep.progress import Progress
from kubeque.model.errors import FileDamaged, FileMissing, QueueUnavailable, StorageError
from kubeque.model.job.lease_durations import RESULTS_WAIT_SECONDS


def watch(status: Callable[[], Progress], *, seconds: float) -> Iterator[Progress]:
    """Call `status` every `seconds` and yield its result, until the job has ended or is held.

    While the queue or the store does not answer, yield the last progress again. Its obstacle then has the error and the
    time of the last answer. After an hour without an answer, or after a longer `results_wait` of the job, raises
    QueueUnavailable or StorageError. Raises FileMissing, FileDamaged and all other errors of `status` at once.
    """
    progress, answered = status(), time.monotonic()
    while True:
        yield progress
        if progress.job.closing is not None or progress.held:
            return
        time.sleep(seconds)
        try:
            progress, answered = status(), time.monotonic()
        except (QueueUnavailable, StorageError) as error:
            longest = max(RESULTS_WAIT_SECONDS, progress.job.results_wait)
            if isinstance(error, FileMissing | FileDamaged) or time.monotonic() - answered > longest:
                raise
            progress = replace(progress, obstacles=(_describe(error, time.monotonic() - answered),))


def _describe(error: Exception, seconds: float) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(time.time() - seconds))
    return f"the queue or the store has not answered since {since}: {error}"


def wait(watched: Iterator[Progress], name: str, *, timeout: float | None) -> Progress:
    """Return the last progress that `watched`, an iterator of `watch`, yields for the job `name`.

    Raises TimeoutError if the job has not ended after `timeout` seconds (None: never).
    """
    end = time.monotonic() + timeout if timeout is not None else None
    for progress in watched:
        if progress.job.closing is None and end is not None and time.monotonic() > end:
            raise TimeoutError(f"{name} has not ended after {timeout:g} s")
    return progress
