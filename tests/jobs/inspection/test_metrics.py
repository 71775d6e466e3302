"""The metrics of an ended job are read once, and again after a reset."""

from __future__ import annotations

import pytest

from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.metrics import make_registry
from kubeque.jobs.upkeep.reconcile import close
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.queues.queue import Queue
from tests.jobs.sweeps import Ended, ended_job


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The jobs whose blocks were scanned, with their runs."""
    found: list[tuple[str, int]] = []
    scan = Queue.scan

    def noted(self: Queue, job: Job, *, first: int = 0) -> object:
        found.append((job.name, job.run))
        return scan(self, job, first=first)

    monkeypatch.setattr(Queue, "scan", noted)
    return found


def test_blocks_of_an_ended_job_are_read_once_in_each_run(backends: Backends, scans: list[tuple[str, int]]) -> None:
    registry = make_registry(backends)
    rows = [{"x": "1"}, {"x": "2"}]
    began = backends.queue.now() - 60  # metrics show jobs that ended in the last hour
    job = ended_job(backends, rows, lambda index: Ended(Cause.EXIT if index else Cause.OK), began=began)
    job = close(backends, job, backends.queue.counts(job))
    labels = {"job": job.name, "cause": "exit"}
    scans.clear()

    found = [registry.get_sample_value("kubeque_failed_tasks", labels) for _ in range(3)]

    assert (found, scans) == ([1, 1, 1], [(job.name, 0)])
    backends.queue.reset(job.name, ResetRule())
    scans.clear()
    assert [registry.get_sample_value("kubeque_failed_tasks", labels) for _ in range(2)] == [None, None]
    assert scans == [(job.name, 1)] * 2
