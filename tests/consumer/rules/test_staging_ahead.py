"""The tasks that a consumer stages, reserves and returns while a command runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.rules.reservation import COMMIT_SECONDS
from kubeque.consumer.rules.task_counts import SAVE_SECONDS
from tests.consumer.rules.machine import LONG, SHORT, Machine, lease


def test_short_tasks_are_reserved_ahead_while_one_runs(machine: Machine) -> None:
    machine.run(SHORT)
    machine.begin()
    assert machine.supply(lease(pending=40)) == [do.Commit(1, reserve=10)]
    assert machine.supply(lease(untouched=10)) == [do.StageTask(1)]


@pytest.mark.parametrize(
    ("seconds", "pending", "staged", "ahead"),
    [(3.0, 3, 0, False), (3.0, 4, 0, True), (3.0, 7, 1, False), (3.0, 8, 1, True), (0.1, 1, 1, True)],
)
def test_a_task_of_a_few_seconds_is_reserved_ahead_only_if_enough_are_left_for_others(
    machine: Machine, seconds: float, pending: int, staged: int, ahead: bool
) -> None:
    machine.run(seconds)
    machine.begin()
    for _ in range(staged):
        machine(on.TaskStaged())
    (instruction,) = machine.supply(lease(pending=pending))
    assert isinstance(instruction, do.Commit) if ahead else instruction == do.AwaitChange()


@pytest.mark.parametrize(("seconds", "claims"), [(0.1, True), (1.0, False), (LONG, False)])
def test_behind_a_running_task_another_block_is_claimed_only_for_short_tasks(
    machine: Machine, seconds: float, claims: bool
) -> None:
    machine.run(seconds)
    machine.supply(lease())
    machine.supply(lease(untouched=1))
    machine.begin()
    (instruction,) = machine.supply(lease(pending=0))
    assert isinstance(instruction, do.Claim) if claims else instruction == do.AwaitChange()
    machine(on.NothingClaimed())
    machine.end(seconds)
    machine.save()
    (instruction,) = machine.supply(lease(pending=0))
    assert isinstance(instruction, do.Pause if claims else do.Claim)


@pytest.mark.parametrize("before", [None, LONG])
def test_tasks_that_are_long_or_unknown_are_reserved_once_the_running_one_is_saved(
    machine: Machine, before: float | None
) -> None:
    if before:
        machine.run(before)
    machine.begin()
    for _ in range(3):
        assert machine.supply(lease(), after=1.0) == [do.AwaitChange()]
    machine.end(LONG)
    assert machine.supply(lease()) == [do.AwaitChange()]
    machine.save()
    assert machine.supply(lease()) == [do.Commit(1, reserve=1)]


def test_it_does_not_leave_a_lease_whose_last_task_may_have_to_run_again(machine: Machine) -> None:
    machine.supply(lease())
    machine.supply(lease(untouched=1))
    machine.begin()
    assert machine.supply(lease(pending=0)) == [do.AwaitChange()]
    machine.end(LONG)
    machine.save()
    assert machine.supply(lease(pending=1)) == [do.Commit(1, reserve=1)]


def test_an_upload_that_takes_long_does_not_hold_up_the_next_reservation(machine: Machine) -> None:
    machine.begin()
    assert machine.supply(lease()) == [do.AwaitChange()]
    machine.end(LONG)
    assert machine.supply(lease(), after=SAVE_SECONDS / 2) == [do.AwaitChange()]
    assert machine.supply(lease(), after=SAVE_SECONDS) == [do.Commit(1, reserve=1)]


def test_behind_a_command_that_runs_long_nothing_stays_staged_or_reserved(machine: Machine) -> None:
    machine.run(SHORT)
    machine.begin()
    assert machine(on.HandOverDue(), after=0.1) == []
    machine(on.TaskStaged())
    assert machine(on.HandOverDue(), after=COMMIT_SECONDS) == [do.ReturnTask()]
    assert machine.supply(lease(untouched=3)) == [do.ReturnStaged()]
    machine(on.TaskLeft(staged=True))
    assert machine.supply(lease(untouched=4)) == [do.AwaitChange()]
    assert machine(on.RenewalDue(lease(untouched=4), over=False)) == [do.Commit(1, give_back=True)]
    machine.end(LONG)
    assert machine.supply(lease()) == [do.AwaitChange()], "its outcome and the next reservation are one commit"
    machine.save()
    assert machine.supply(lease()) == [do.Commit(1, reserve=1)]


@pytest.mark.parametrize(("usual", "limit"), [(None, COMMIT_SECONDS), (0.01, 1.0), (0.5, 2.0), (4.0, COMMIT_SECONDS)])
def test_a_command_that_runs_much_longer_than_usual_holds_up_no_reserved_task(
    machine: Machine, usual: float | None, limit: float
) -> None:
    if usual:
        machine.run(usual)
    machine.begin()
    due = on.RenewalDue(lease(untouched=3, committed_at=machine.now), over=False)
    assert machine(due, after=limit - 0.1) == []
    assert machine(due, after=0.2) == [do.Commit(1, give_back=True)]


def test_a_lease_with_nothing_under_way_is_given_back_behind_a_long_command(machine: Machine) -> None:
    machine.begin()
    running, idle = lease(1, idle=False), lease(2, committed_at=machine.now)
    assert machine(on.RenewalDue(idle, over=False)) == []
    machine.now += COMMIT_SECONDS + 0.1
    assert machine(on.RenewalDue(idle, over=False)) == [do.Commit(2, give_back=True)]
    assert machine(on.RenewalDue(replace(running, committed_at=machine.now), over=False)) == []


@pytest.mark.parametrize(("held", "told"), [(False, False), (True, True)])
def test_a_task_is_returned_if_its_lease_is_gone_or_the_consumer_leaves(
    machine: Machine, held: bool, told: bool
) -> None:
    machine(on.TaskStaged())
    machine(on.TaskPicked(1))
    assert machine(on.LeaseChecked(1, held, told)) == [do.ReturnTask()]


def test_a_task_is_returned_if_the_release_of_its_lease_was_not_answered(machine: Machine) -> None:
    machine(on.TaskStaged())
    machine(on.LeaseLeft(1, lost=False))
    machine.supply(lease())
    machine(on.TaskPicked(1))
    assert machine(on.LeaseChecked(1, held=True, told_to_leave=False)) == [do.ReturnTask()]
    machine(on.Committed(lease()))
    assert machine(on.LeaseChecked(1, held=True, told_to_leave=False)) == [do.RunTask()]


def test_the_command_of_a_lost_lease_is_stopped_and_no_other(machine: Machine) -> None:
    machine(on.TaskStaged())
    assert machine(on.LeaseLeft(1, lost=True)) == []
    machine(on.TaskPicked(1))
    assert machine(on.LeaseLeft(2, lost=True)) == []
    assert machine(on.LeaseLeft(1, lost=True)) == [do.StopTask(at_once=True)]
    assert machine(on.LeaseLeft(1, lost=False)) == [do.StopTask(at_once=False)]
    machine.end()
    assert machine(on.LeaseLeft(1, lost=True)) == []


def test_a_task_that_could_not_be_staged_runs_no_command_that_could_be_stopped(machine: Machine) -> None:
    machine(on.TaskStaged(faulty_attempt=1))
    machine(on.TaskPicked(1, runs=False))
    assert machine(on.LeaseChecked(1, held=True, told_to_leave=False)) == [do.RunTask()]
    assert machine(on.LeaseLeft(1, lost=True)) == []
