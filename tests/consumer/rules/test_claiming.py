"""Which block a consumer claims, and the number of tasks that it reserves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.model.job.shapes import Shape, grow_shapes
from kubeque.queues.block import MAX_RESERVE
from tests.consumer.rules.machine import GIB, JOB, URGENT, Machine, lease


def test_without_a_lease_it_claims_of_the_most_urgent_job_that_has_anything() -> None:
    machine, other, done = Machine(), replace(JOB, uid="uid-3"), replace(JOB, uid="uid-4", closing=object())
    machine.list_jobs(URGENT, done, JOB, other)
    assert machine.supply() == [do.Claim(URGENT, reserve=1)]
    machine(on.NothingClaimed())
    assert machine.supply() == [do.Claim(JOB, reserve=1)]
    machine(on.LeaseClaimed(1))
    assert machine.supply(lease(untouched=1)) == [do.StageTask(1)]


def test_if_no_job_has_anything_it_pauses_and_lists_the_jobs_before_it_claims_again(machine: Machine) -> None:
    assert machine.supply() == [do.Claim(JOB, reserve=1)]
    machine(on.NothingClaimed())
    assert machine.supply() == [do.Pause()]
    assert machine.supply() == [do.ListJobs()]
    machine.list_jobs(URGENT, JOB)
    assert machine.supply() == [do.Claim(URGENT, reserve=1)]


def test_a_consumer_that_knows_no_job_lists_them_first() -> None:
    assert Machine().supply() == [do.ListJobs()]


def test_after_an_error_it_starts_over(machine: Machine) -> None:
    machine.list_jobs(URGENT, JOB)
    machine.supply()
    machine(on.SupplyFailed())
    assert machine.supply() == [do.Claim(URGENT, reserve=1)]


def test_a_container_claims_only_of_jobs_with_blocks_for_its_class() -> None:
    machine = Machine(size_class=1)
    machine.list_jobs(JOB, fits := replace(JOB, uid="uid-5", shapes=grow_shapes(Shape(GIB), 2 * GIB)))
    assert machine.supply() == [do.Claim(fits, reserve=1)]


@pytest.mark.parametrize(
    ("seconds", "pending", "reserve"),
    [
        ([], 200, 1),
        ([0.5], 200, 10),
        ([0.5, 4.5], 200, 2),
        ([60.0], 200, 1),
        ([0.001], 200, MAX_RESERVE),
        ([0.5], 20, 5),
        ([0.5], 3, 1),
        ([0.1], 20, 5),
        ([0.001], 3, MAX_RESERVE),
    ],
)
def test_it_reserves_the_tasks_of_one_commit_and_leaves_most_of_a_small_block_to_others(
    machine: Machine, seconds: list[float], pending: int, reserve: int
) -> None:
    for each in seconds:
        machine.run(each)
    assert machine.supply(lease(pending=pending)) == [do.Commit(1, reserve=reserve)]


@pytest.mark.parametrize(("seconds", "reserve"), [(None, 1), (0.1, 5), (3.0, 1)])
def test_of_a_block_of_unknown_size_it_reserves_little(machine: Machine, seconds: float | None, reserve: int) -> None:
    if seconds:
        machine.run(seconds)
    assert machine.supply() == [do.Claim(JOB, reserve=reserve)]


def test_a_reservation_that_brings_nothing_is_followed_by_a_pause(machine: Machine) -> None:
    assert machine.supply(lease()) == [do.Commit(1, reserve=1)]
    assert machine.supply(lease()) == [do.Pause()]
    assert machine.supply(lease()) == [do.Commit(1, reserve=1)]


def test_a_reserved_task_that_may_not_begin_yet_is_left_until_the_next_commit(machine: Machine) -> None:
    machine.supply(lease())
    assert machine.supply(lease(untouched=1)) == [do.StageTask(1)]
    machine(on.NothingTaken())
    assert machine.supply(lease(untouched=1)) == [do.Pause()]


def test_it_goes_on_with_a_lease_that_has_pending_tasks_before_it_claims_another(machine: Machine) -> None:
    empty, other = lease(1, pending=0), lease(2)
    assert machine.supply(empty, other) == [do.Commit(2, reserve=1)]
    assert machine.supply(empty, replace(other, untouched=1)) == [do.StageTask(2)]


def test_a_lease_that_is_not_held_is_not_used(machine: Machine) -> None:
    assert machine.supply(lease(held=False, untouched=1, waiting=1)) == [do.Claim(JOB, reserve=1)]


def test_what_could_not_be_staged_for_now_is_handed_over_late(machine: Machine) -> None:
    assert machine(on.TaskStaged()) == [do.HandOver()]
    assert machine(on.TaskStaged(faulty_attempt=2)) == [do.HandOver(after_seconds=2.0)]
    assert machine(on.TaskStaged(faulty_attempt=50)) == [do.HandOver(after_seconds=30.0)]
