"""The estimate from a few rows."""

from __future__ import annotations

import pytest

from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import Attempt, Outcome, TaskRecord, TaskState, TaskView
from kubeque.model.quantities import MI
from kubeque.model.stats.advice import AttemptStats
from kubeque.model.stats.estimate import estimate

JOB = Job("sweep", "uid-1", 100, "file:///sweep", consumers=4, shapes=(Shape(512 * MI),))


def seen(*seconds: float, staging: float = 0.0, cause: Cause = Cause.OK) -> AttemptStats:
    """Return statistics of canaries with these durations, one attempt each."""
    found = AttemptStats()
    for index, time in enumerate(seconds):
        attempt = Attempt(1, cause, 0, "anna", 100.0, time, staging)
        outcome = Outcome(index, 1, cause, 0, 100.0, time, peak_memory=(index + 1) * MI)
        state = "ok" if cause is Cause.OK else "failed"
        found.add(TaskView(index, TaskState(state), 0, TaskRecord(1, history=(attempt,), outcome=outcome)))
    return found


def test_the_rest_takes_as_long_as_the_mean_says_with_the_consumers_wanted() -> None:
    found = estimate(JOB, seen(10, 20, 30), canaries=3, held=97)
    assert (found.ok, found.seconds, found.peak, found.memory) == (3, (10, 20, 30), 3 * MI, 512 * MI)
    assert found.left == pytest.approx(97 * 20 / 4)


def test_it_takes_no_less_than_the_longest_row() -> None:
    found = estimate(JOB, seen(1, 1, 40), canaries=3, held=3)
    assert (found.consumers, found.left) == (3, 40)


def test_staging_counts_where_it_takes_longer_than_running() -> None:
    assert estimate(JOB, seen(1, 1, staging=8), canaries=2, held=40).left == pytest.approx(8 * 40 / 4)


def test_nothing_is_known_where_no_canary_is_ok() -> None:
    found = estimate(JOB, seen(1, 1, cause=Cause.EXIT), canaries=2, held=40)
    assert (found.ok, found.seconds, found.left) == (0, None, None)
