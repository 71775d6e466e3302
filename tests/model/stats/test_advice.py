"""Advice is given only if it would gain something."""

from __future__ import annotations

import pytest

from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import Attempt, Outcome, TaskRecord, TaskState, TaskView
from kubeque.model.quantities import MI
from kubeque.model.stats.advice import AttemptStats, advise

GI = 1024 * MI


def task(index: int, *attempts: Attempt, peak: int = 0, state: str = "ok") -> TaskView:
    last = attempts[-1]
    outcome = Outcome(index, last.number, last.cause, start=last.start, seconds=last.seconds, peak_memory=peak)
    return TaskView(index, TaskState(state), 0, TaskRecord(len(attempts), {}, attempts, outcome))


def run(start: float, seconds: float, *, cause: Cause = Cause.OK, owner: str = "a", **more: float) -> Attempt:
    return Attempt(1, cause, None, owner, start, seconds, **more)


def advice(*tasks: TaskView, memory: int | None = None) -> str:
    seen = AttemptStats()
    for view in tasks:
        seen.add(view)
    return "\n".join(advise(Job("sweep", "uid", max(1, len(tasks)), "/r", shapes=(Shape(memory),)), seen))


def test_memory_that_nobody_needed() -> None:
    said = advice(task(0, run(1, 60), peak=int(1.1 * GI)), task(1, run(61, 60), peak=200 * MI), memory=16 * GI)

    assert said.startswith("Requested 16Gi, peak 1.1Gi")
    assert "1.5Gi (--memory)" in said


@pytest.mark.parametrize(
    ("memory", "peak"),
    [(2 * GI, int(1.5 * GI)), (300 * MI, 10 * MI), (16 * GI, 0), (None, GI)],
    ids=["needed", "little anyway", "never measured", "not asked"],
)
def test_memory_that_is_all_right(memory: int | None, peak: int) -> None:
    assert advice(task(0, run(1, 60), peak=peak), memory=memory) == ""


def test_many_tasks_that_ran_out_of_memory() -> None:
    grown = [task(i, run(1, 5, cause=Cause.OOM), run(9, 60), peak=3 * GI) for i in range(4)]

    said = advice(*grown, memory=GI)

    assert "4 attempts ran out of memory" in said
    assert "Request 4Gi" in said


def test_attempts_that_ended_by_an_error_in_kubeque() -> None:
    said = advice(task(0, run(1, 5, cause=Cause.INTERNAL), run(9, 60)))

    assert said.startswith("1 attempt ended by an error in kubeque: please report the error")


def test_time_that_went_into_staging() -> None:
    said = advice(*(task(i, run(1 + 10 * i, 6, staging=4.0)) for i in range(10)))

    assert said.startswith("40% of the time was staging: 40s to download inputs, 1m00s to run.")


def test_time_that_went_into_storing_results() -> None:
    assert advice(*(task(i, run(1 + 10 * i, 5, saving=5.0)) for i in range(10))).startswith(
        "50% of the time was storing"
    )


def test_seconds_are_not_worth_a_sentence() -> None:
    assert advice(task(0, run(1, 1, staging=4.0))) == ""


def test_work_that_was_lost() -> None:
    said = advice(*(task(i, run(1, 50, cause=Cause.PREEMPTED), run(60, 100)) for i in range(3)))

    assert "33% of the running time was lost (preempted 2m30s)" in said


def test_consumers_that_waited_for_the_longest_task() -> None:
    short = [task(i, run(1 + 10 * i, 10, owner="abc"[i % 3])) for i in range(8)]

    said = advice(*short, task(8, run(81, 400, owner="a")))

    assert "the longest took 6m40s" in said
    assert "Put the longest rows first" in said


def test_a_job_of_which_nothing_ran_gets_no_advice() -> None:
    assert advice(TaskView(0, TaskState.PENDING, 0, TaskRecord()), memory=16 * GI) == ""


def _two_consumers(start: float, *, long: float = 20.0) -> list[TaskView]:
    """Return 12 tasks of two consumers that run side by side from `start` on. The last task takes `long` seconds."""
    ends = [run(start + 20 * (i // 2), long if i == 11 else 20.0, owner=f"{'ab'[i % 2]}{start:g}") for i in range(12)]
    return [task(i, attempt) for i, attempt in enumerate(ends)]


@pytest.mark.parametrize(("long", "advised"), [(20.0, False), (300.0, True)])
def test_a_pause_before_a_reset_is_no_long_tail(long: float, advised: bool) -> None:
    again = advice(*_two_consumers(1.0), *_two_consumers(5000.0, long=long))
    assert ("waiting for the last tasks" in again) == advised
