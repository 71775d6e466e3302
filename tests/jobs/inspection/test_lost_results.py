"""Results that only the store has, after an older copy of the queue was restored: they are listed and adopted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubeque.files.layout import attempt_url, manifest_url, split_result_name
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.doctor import Finding, examine
from kubeque.jobs.inspection.lost_results import find_lost_results
from kubeque.model.job.job import Job
from tests.jobs.sweeps import Ended, ended_job

ROWS = [{"n": n} for n in range(4)]


@pytest.fixture
def job(backends: Backends) -> Job:
    """A job of which no task has begun, according to the restored queue."""
    return ended_job(backends, ROWS, lambda index: Ended(), run=False)


def store(backends: Backends, job: Job, row: int, folder: str, **changes: Any) -> None:
    """Store a result, as a consumer of the lost time did."""
    attempt = int(folder.partition("-")[0])
    result = {
        "version": 1, "job": job.name, "uid": job.uid, "revision": job.revision, "index": row, "attempt": attempt,
        "command": ["true"], "cause": "ok", "code": 0, "start": 5.0, "seconds": 2.0, "out": None,
        "files": [{"name": "out", "size": 7, "digest": "0" * 64}],
    }  # fmt: skip
    url = manifest_url(attempt_url(job, row, folder))
    backends.files.write(url, json.dumps(result | changes).encode())


def adoption(backends: Backends, job: Job, *, adopt: bool = False) -> list[Finding]:
    return [finding for finding in examine(backends, job.name, adopt=adopt) if finding.what == "adopt"]


def test_the_newest_result_is_listed_and_then_taken(backends: Backends, job: Job) -> None:
    store(backends, job, 1, "1-old")
    store(backends, job, 1, "3-new", out={"loss": 0.5})
    store(backends, job, 3, "1-abc")
    (listed,) = adoption(backends, job)
    assert (listed.ok, listed.text) == (
        False,
        "the store has complete results that the queue does not name, of 2 rows (1, 3):"
        " `kubeque doctor sweep --adopt` takes them, otherwise the rows run again",
    )
    assert backends.queue.counts(job).ok == 0, "doctor alone changes nothing"

    (taken,) = adoption(backends, job, adopt=True)
    assert (taken.ok, taken.text) == (True, "2 results of the store adopted")
    task = backends.queue.task(job, 1)
    assert task is not None
    assert task.record.outcome is not None
    outcome = task.record.outcome
    assert (outcome.folder, outcome.attempt, outcome.size, outcome.out) == ("3-new", 3, 7, {})
    assert (backends.queue.counts(job).ok, backends.queue.counts(job).pending) == (2, 2)
    assert adoption(backends, job) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"uid": "another"}, {"index": 2}, {"attempt": 2}, {"revision": 2}, {"cause": "exit"}, {"files": "none"},
        {"files": [{"name": "../../out", "size": 1, "digest": "0" * 64}]}, {"seconds": "long"}, {"out": [1]},
    ],
    ids=str,
)  # fmt: skip
def test_a_result_that_is_not_the_row_s_own_or_is_damaged_is_ignored(
    backends: Backends, job: Job, changes: dict[str, Any]
) -> None:
    store(backends, job, 1, "1-abc", **changes)
    assert find_lost_results(backends, job).outcomes == {}


def test_a_result_without_a_manifest_and_foreign_names_are_ignored(backends: Backends, job: Job) -> None:
    backends.files.write(f"{job.url}/tasks/1/1-abc/files/result.json", b"{}")
    backends.files.write(f"{job.url}/tasks/1/1-abc/stdout.txt", b"")
    backends.files.write(f"{job.url}/tasks/99/1-abc/result.json", b"{}")
    assert find_lost_results(backends, job).outcomes == {}


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("7/2-abc/result.json", (7, 2, "2-abc")),
        ("7/2-abc/files/result.json", None),
        ("7/2-abc/stdout.txt", None),
        ("7/2/result.json", None),
        ("x/2-abc/result.json", None),
        ("-1/2-abc/result.json", None),
        ("7/2-../result.json", None),
        ("result.json", None),
    ],
)
def test_the_name_of_a_result(name: str, parts: tuple[int, int, str] | None) -> None:
    assert split_result_name(name) == parts


def test_an_ended_job_has_no_lost_results(backends: Backends) -> None:
    job = ended_job(backends, ROWS, lambda index: Ended(folder="1-known"))
    store(backends, job, 1, "2-abc")
    examine(backends, job.name)
    assert find_lost_results(backends, backends.queue.job(job.name)).outcomes == {}
