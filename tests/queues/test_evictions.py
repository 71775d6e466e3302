"""Attempts whose consumers were evicted for their disk: one charge of `disk` for each size, then more disk."""

from __future__ import annotations

from typing import Any

import pytest

from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.retries import Budgets
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import State, TaskRecord
from kubeque.model.quantities import MI
from kubeque.queues.evictions import charge_evictions
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import reap
from tests.queues.makers import claim, make_job, run_next, states, submit

DISKS = (Shape(disk=20 * MI), Shape(disk=40 * MI))
MESSAGE = "evicted: Pod ephemeral local storage usage exceeds the total limit of containers 276Mi."


def make(queue: Queue, **budgets: int) -> Job:
    return submit(queue, make_job(1, shapes=DISKS, budgets=Budgets().with_extra(budgets)))


def leave(queue: Queue, job: Job, owner: str) -> None:
    """A consumer runs the task and has to leave."""
    lease = claim(queue, job, owner)
    run_next(lease, Cause.PREEMPTED)
    lease.commit(release=True)


def look(queue: Queue, job: Job, *owners: str, size_class: int = 0, running: int | None = 0) -> int:
    """Act as a program that may read pods and sees that these consumers were evicted."""
    return charge_evictions(queue, job, [Eviction(o, size_class, running, MESSAGE) for o in owners], set())


def record(queue: Queue, job: Job) -> TaskRecord:
    view = queue.task(job, 0)
    assert view is not None
    return view.record


def where(queue: Queue, job: Job) -> tuple[State, int]:
    """Return the state of the task and its size class."""
    view = queue.task(job, 0)
    assert view is not None
    return states(queue, job)[0], view.size_class


@pytest.mark.parametrize("running", [0, None])
def test_a_task_that_waits_gets_more_disk_once_and_then_fails_with_the_message_of_the_node(
    queue: Queue, running: int | None
) -> None:
    job = make(queue)
    leave(queue, job, "anna")
    assert record(queue, job).charges == {"preempted": 1}
    assert look(queue, job, "anna", running=running) == 1
    assert (where(queue, job), record(queue, job).charges) == ((State.PENDING, 1), {"disk": 1})
    assert look(queue, job, "anna", running=running) == 0  # each attempt is charged once

    leave(queue, job, "bert")
    assert look(queue, job, "anna", "bert", size_class=1) == 1
    found = record(queue, job)
    assert (where(queue, job)[0], found.charges) == (State.FAILED, {"disk": 2})
    assert [attempt.cause for attempt in found.history] == [Cause.DISK, Cause.DISK]
    assert found.outcome is not None
    assert (found.outcome.cause, found.outcome.message) == (Cause.DISK, MESSAGE)


@pytest.mark.parametrize("end", [Cause.PREEMPTED, Cause.DISK])
def test_a_task_that_runs_again_gets_more_disk_after_that_attempt_for_the_same_charge(queue: Queue, end: Cause) -> None:
    job = make(queue)
    leave(queue, job, "anna")
    lease = claim(queue, job, "bert")
    assert look(queue, job, "anna") == 1
    found = record(queue, job)
    assert (where(queue, job), found.charges, found.evicted) == ((State.RESERVED, 0), {"disk": 1}, True)
    if end is Cause.PREEMPTED:
        run_next(lease, end)
        lease.commit(release=True)
    else:
        reap(queue, job, find_death=lambda owner: Death(Cause.DISK, 0, MESSAGE))
    found = record(queue, job)
    assert (where(queue, job), found.charges, found.evicted) == ((State.PENDING, 1), {"disk": 1}, False)
    look(queue, job, "anna", "bert")
    assert record(queue, job).charges == {"disk": 1}
    assert {attempt.cause for attempt in record(queue, job).history} == {Cause.DISK}


def test_a_task_that_succeeds_at_its_next_attempt_has_no_more_disk(queue: Queue) -> None:
    job = make(queue)
    leave(queue, job, "anna")
    lease = claim(queue, job, "bert")
    look(queue, job, "anna")
    run_next(lease)
    lease.commit(release=True)
    assert where(queue, job) == (State.OK, 0)


@pytest.mark.parametrize(
    ("budgets", "first", "then"),
    [
        ({"preempted": 0}, (State.FAILED, "preempted"), (State.PENDING, {"disk": 1})),
        ({"preempted": 0, "disk": 0}, (State.FAILED, "preempted"), (State.FAILED, {"disk": 1})),
        ({"disk": 0}, (State.PENDING, "preempted"), (State.FAILED, {"disk": 1})),
    ],
    ids=["no preemption", "neither", "no disk"],
)
def test_the_budgets_of_both_causes_count(queue: Queue, budgets: dict[str, int], first: Any, then: Any) -> None:
    job = make(queue, **budgets)
    leave(queue, job, "anna")
    outcome = record(queue, job).outcome
    assert outcome is not None
    assert (where(queue, job)[0], outcome.cause) == first
    look(queue, job, "anna")
    assert (where(queue, job)[0], record(queue, job).charges) == then


def test_without_anybody_who_may_look_the_budget_of_preemptions_ends_the_task(queue: Queue) -> None:
    job = make(queue, preempted=2)
    for owner in ("anna", "bert", "carl"):
        assert where(queue, job)[0] is State.PENDING
        leave(queue, job, owner)
    assert (where(queue, job)[0], record(queue, job).charges) == (State.FAILED, {"preempted": 3})


def test_attempts_before_a_reset_are_not_charged(queue: Queue) -> None:
    job = make(queue, preempted=0)
    leave(queue, job, "anna")
    job = queue.reset(job.name, ResetRule())
    look(queue, job, "anna")
    assert (where(queue, job), record(queue, job).charges) == ((State.PENDING, 0), {})


def test_drains_and_other_tasks_are_left_alone(queue: Queue) -> None:
    job = make(queue)
    leave(queue, job, "anna")
    assert look(queue, job, "bert") == 0
    assert (where(queue, job), record(queue, job).charges) == ((State.PENDING, 0), {"preempted": 1})
