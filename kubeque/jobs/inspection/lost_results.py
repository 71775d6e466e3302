"""Find results in the store that the queue does not name, because an older copy of the queue was restored.

A reservation is stored in the queue before its attempt runs. So an attempt with a higher number than the queue knows
shows that the queue is older than the store.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from kubeque.files.layout import attempt_name, attempt_url, split_result_name, tasks_url
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.result_manifest import read_checked_result
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import FileDamaged, FileMissing
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome
from kubeque.queues.adoption import adopt_outcomes, adoptable_tasks

#: Limit of the number of an attempt. A program of a task can forge names of folders.
_MOST_ATTEMPTS = 1 << 31


@dataclass(frozen=True, slots=True)
class LostResults:
    """The complete ok results that the queue of a job does not name."""

    #: The newest of these results by the index of the task.
    outcomes: Mapping[int, Outcome]


def find_lost_results(backends: Backends, job: Job) -> LostResults:
    """Find the complete ok results of an open job that are newer than the results that the queue names.

    Lists all files of the job's tasks in the store. A result of an earlier revision, and a damaged result, is ignored.
    Raises StorageError.
    """
    known, folders = _known_attempts(backends, job) if job.open else (array("q"), {})
    newest: dict[int, tuple[int, str]] = {}
    for name, _ in backends.files.listing(tasks_url(job)) if job.open else ():
        index, attempt, folder = split_result_name(name) or (-1, 0, "")
        if not (0 <= index < job.n and 0 <= known[index] <= attempt < _MOST_ATTEMPTS):
            continue
        # The queue knows this number: only the result of its last lease is of this attempt.
        if attempt > known[index] or folders.get(index) == folder:
            newest[index] = max(newest.get(index, (0, "")), (attempt, folder))
    outcomes = {}
    for index, (attempt, folder) in sorted(newest.items()):
        if (outcome := _read_outcome(backends, job, index, attempt, folder)) is not None:
            outcomes[index] = outcome
    return LostResults(outcomes)


def adopt_results(backends: Backends, job: Job, found: LostResults) -> int:
    """Record the outcomes of found results in the queue, and return their number.

    A block that a consumer leases does not change until its lease has expired.
    """
    return adopt_outcomes(backends.queue, job, found.outcomes)


def _known_attempts(backends: Backends, job: Job) -> tuple[array[int], dict[int, str]]:
    """Return the number of the last attempt of each task; -1 for a task whose result is not searched.

    Also return the names of the folders of attempts that ended without an outcome: their consumers died.
    """
    known, folders = array("q", [-1]) * job.n, dict[int, str]()
    for block in backends.queue.scan(job):
        for task in adoptable_tasks(block):
            known[task.index] = task.attempts
            if task.nonce:
                folders[task.index] = attempt_name(task.attempts, task.nonce)
    return known, folders


def _read_outcome(backends: Backends, job: Job, index: int, attempt: int, folder: str) -> Outcome | None:
    """Return the outcome in the result of an attempt; None if the result is damaged, not ok, or of another revision."""
    try:
        result = read_checked_result(backends.files, attempt_url(job, index, folder))
    except (FileDamaged, FileMissing):
        return None
    expected = {"uid": job.uid, "index": index, "attempt": attempt, "revision": job.revision, "cause": str(Cause.OK)}
    if any(result.get(key) != value for key, value in expected.items()):
        return None
    sizes = [int(item["size"]) for item in result.get("files", [])]
    start, seconds, staging, saving = (_number(result.get(key)) for key in ("start", "seconds", "staging", "saving"))
    return Outcome(
        index, attempt, Cause.OK, code=0, folder=folder, peak_memory=int(_number(result.get("peak_memory"))),
        files=len(sizes), size=sum(sizes), out={} if result.get("out") else None,
        message="its result was adopted from the store", revision=job.revision,
        start=start, seconds=seconds, staging=staging, saving=saving,
    )  # fmt: skip


def _number(value: Any) -> float:
    """Return a number of a result; 0 for a value that is not a number."""
    return float(value) if isinstance(value, int | float) and 0 <= value < 1 << 63 else 0.0
