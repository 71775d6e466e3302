"""Watching a job goes on while the queue does not answer, and says since when."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kubeque.jobs.upkeep import watch as watching
from kubeque.jobs.upkeep.progress import Progress
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.jobs.upkeep.watch import watch
from kubeque.model.errors import FileMissing, JobNotFound, QueueUnavailable
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job

OPEN = Progress(Job("sweep", "uid-1", 1, "file:///r"), Counts())
SILENT = QueueUnavailable("postgresql://there does not answer")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that only sleeping moves. The wall clock starts at noon of a day without a time zone."""
    clock = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    fake = SimpleNamespace(
        sleep=sleep, monotonic=lambda: clock.now, time=lambda: 43200.0 + clock.now, localtime=time.gmtime,
        strftime=time.strftime,
    )  # fmt: skip
    monkeypatch.setattr(watching, "time", fake)
    return clock


def answers(*found: Progress | Exception) -> Callable[[], Progress]:
    """Return a function that gives these answers in turn, and then the last one again."""
    rest = list(found)

    def status() -> Progress:
        answer = rest.pop(0) if len(rest) > 1 else rest[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return status


def test_an_outage_is_named_with_its_begin_until_the_queue_answers(clock: SimpleNamespace) -> None:
    seen = watch(answers(OPEN, SILENT, SILENT, OPEN), seconds=40.0)
    assert next(seen) is OPEN
    for _ in range(2):
        assert next(seen).obstacles == (
            "the queue or the store has not answered since 12:00:00: postgresql://there does not answer",
        )
    assert next(seen) is OPEN


def test_it_outlives_an_outage_of_half_an_hour_and_ends_after_an_hour(clock: SimpleNamespace) -> None:
    seen = watch(answers(OPEN, SILENT), seconds=60.0)
    with pytest.raises(QueueUnavailable, match=re.escape(str(SILENT))):
        for _ in seen:
            pass
    assert 3600 < clock.now <= 3720


def test_it_outlives_an_outage_as_long_as_the_results_of_its_job_wait(clock: SimpleNamespace) -> None:
    patient = replace(OPEN, job=replace(OPEN.job, results_wait=7200.0))
    with pytest.raises(QueueUnavailable, match=re.escape(str(SILENT))):
        for _ in watch(answers(patient, SILENT), seconds=60.0):
            pass
    assert 7200 < clock.now <= 7320


@pytest.mark.parametrize("error", [JobNotFound("sweep"), FileMissing("spec")])
def test_other_errors_are_raised_at_once(clock: SimpleNamespace, error: Any) -> None:
    seen = watch(answers(OPEN, error), seconds=1.0)
    next(seen)
    with pytest.raises(type(error)):
        next(seen)


def test_a_look_without_an_answer_restarts_the_observation_of_all_leases() -> None:
    class Silent:
        def job(self, name: str) -> Job:
            raise SILENT

        def finish_reset(self, job: Job) -> Job:
            return job

    observed: list[str] = []
    leases = SimpleNamespace(note_silence=lambda: observed.append("silence"))
    backends: Any = SimpleNamespace(queue=Silent())
    with pytest.raises(QueueUnavailable):
        reconcile(backends, "sweep", start=False, watch=leases)  # type: ignore[arg-type]
    assert observed == ["silence"]
