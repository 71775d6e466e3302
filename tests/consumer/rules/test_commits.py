"""When a consumer commits outcomes and renews its leases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.decisions import SETTLE_SECONDS
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.rules.reservation import COMMIT_SECONDS
from kubeque.model.job.causes import Cause
from tests.consumer.rules.machine import JOB, Machine, lease


def test_an_outcome_waits_for_the_commit_that_reserves_the_next_task(machine: Machine) -> None:
    assert machine.run() == []


def test_the_last_outcome_of_a_block_is_committed_at_once(machine: Machine) -> None:
    assert machine.run(view=lease(pending=0, untouched=2)) == []
    assert machine.run(view=lease(pending=0)) == [do.Commit(1)]


def test_the_first_failures_are_committed_at_once_until_one_task_was_ok(machine: Machine) -> None:
    assert machine.run(cause=Cause.EXIT, early=2) == [do.Commit(1)]
    assert machine.run(cause=Cause.EXIT, early=2) == [do.Commit(1)]
    assert machine.run(cause=Cause.EXIT, early=2) == []
    assert machine.run() == []
    assert machine.run(cause=Cause.EXIT, early=9) == []


def test_each_failure_is_committed_at_once_if_a_number_of_them_ends_the_job(machine: Machine) -> None:
    limited = lease(job=replace(JOB, max_failures=3))
    machine.run(view=limited)
    assert machine.run(view=limited, cause=Cause.OOM, early=0) == [do.Commit(1)]
    assert machine.run(view=limited) == []


def test_a_new_run_of_the_job_begins_with_first_failures_again(machine: Machine) -> None:
    machine.run()
    assert machine.run(view=lease(job=replace(JOB, run=1)), cause=Cause.EXIT) == [do.Commit(1)]


def test_a_leaving_consumer_commits_nothing_more_before_it_gives_up_its_leases(machine: Machine) -> None:
    machine.begin()
    machine.end()
    assert machine(on.RunnerReady(told_to_leave=True)) == [do.Leave()]
    assert machine.save(lease(pending=0), Cause.EXIT) == []
    views = (lease(1), lease(2, held=False, lost=True), lease(3, waiting=1))
    assert machine(on.AllSaved(views, told_to_leave=True)) == [do.LetGo(1), do.LetGo(3)]


def test_after_a_commit_the_job_is_judged_by_its_first_attempts_only_while_all_failed_here(machine: Machine) -> None:
    assert machine(on.Committed(lease())) == [do.JudgeJob(1)]
    machine.run(cause=Cause.EXIT)
    assert machine(on.Committed(lease())) == [do.JudgeJob(1, hopeless=True)]
    machine.run()
    assert machine(on.Committed(lease())) == [do.JudgeJob(1)]


@pytest.mark.parametrize(
    ("since_commit", "waiting_for", "expected"),
    [
        (JOB.heartbeat_seconds + 1, None, [do.Commit(1)]),
        (JOB.heartbeat_seconds - 1, None, []),
        (COMMIT_SECONDS + 1, SETTLE_SECONDS, [do.Commit(1)]),
        (COMMIT_SECONDS + 1, SETTLE_SECONDS / 2, []),
        (COMMIT_SECONDS - 1, SETTLE_SECONDS, []),
    ],
)
def test_a_lease_is_renewed_after_a_heartbeat_and_an_outcome_recorded_after_a_few_seconds(
    machine: Machine, since_commit: float, waiting_for: float | None, expected: list[Instruction]
) -> None:
    view = lease(
        idle=False, committed_at=machine.now - since_commit, waiting=int(waiting_for is not None),
        waiting_since=None if waiting_for is None else machine.now - waiting_for,
    )  # fmt: skip
    assert machine(on.RenewalDue(view, over=False)) == expected


@pytest.mark.parametrize(("misnamed", "since_commit"), [(True, 6.0), (True, 4.0), (False, 6.0)])
def test_a_block_that_names_a_wrong_running_task_is_corrected_after_a_few_seconds(
    machine: Machine, misnamed: bool, since_commit: float
) -> None:
    view = lease(idle=False, committed_at=machine.now - since_commit, misnamed=misnamed)
    expected = [do.Commit(1)] if misnamed and since_commit > COMMIT_SECONDS else []
    assert machine(on.RenewalDue(view, over=False)) == expected


def test_a_lease_that_is_not_held_is_not_renewed(machine: Machine) -> None:
    assert machine(on.RenewalDue(lease(held=False), over=True)) == []


def test_a_job_past_its_deadline_is_judged_before_its_lease_is_renewed(machine: Machine) -> None:
    assert machine(on.RenewalDue(lease(), over=True)) == [do.JudgeJob(1), do.Commit(1)]
