"""The end of a job is the end of its last task, even if it is recorded later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.jobs.upkeep.reconcile import close
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from tests.jobs.sweeps import NOON, Ended, ended_job, make_backends


def closed_at(home: Path, cause: Cause = Cause.OK, *, began: float = NOON, state: JobState = JobState.ACTIVE) -> float:
    """Return the recorded end of a job with four tasks of 10 s that ran one after the other."""
    backends = make_backends(home)
    job = ended_job(backends, [{"n": n} for n in range(4)], lambda _: Ended(cause, seconds=10.0), began=began)

    def change(now: Job) -> Job:
        return replace(now, state=state)

    job = backends.queue.update(job.name, change)
    closing = close(backends, job, backends.queue.counts(job)).closing
    assert closing is not None
    return closing.at


@pytest.mark.parametrize("cause", [Cause.OK, Cause.EXIT])
def test_a_job_that_is_closed_late_ended_with_its_last_task(tmp_path: Path, cause: Cause) -> None:
    assert NOON + 40 < closed_at(tmp_path, cause) < NOON + 50


def test_a_clock_that_is_ahead_does_not_move_the_end_into_the_future(tmp_path: Path) -> None:
    backends = make_backends(tmp_path)
    ahead = backends.queue.now() + 1000
    assert closed_at(tmp_path, began=ahead) <= backends.queue.now()


def test_a_stopped_job_ended_when_it_was_closed(tmp_path: Path) -> None:
    backends = make_backends(tmp_path)
    assert closed_at(tmp_path, Cause.EXIT, state=JobState.STOPPED) > backends.queue.now() - 60
