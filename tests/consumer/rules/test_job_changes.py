"""The instructions of a consumer when a job ends, changes, is paused, or is more urgent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.decisions import Decisions
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.model.job.causes import Cause
from kubeque.model.job.changes import pause_job
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape, grow_shapes
from tests.consumer.rules.machine import GIB, JOB, URGENT, Machine, lease

GROWN = replace(JOB, shapes=grow_shapes(Shape(GIB), 2 * GIB))


@pytest.mark.parametrize(
    ("listed", "kept"),
    [
        ((GROWN,), True),
        ((), False),
        ((replace(GROWN, closing=object()),), False),  # type: ignore[arg-type]
        ((replace(GROWN, revision=2),), False),
        ((replace(GROWN, floor=1),), False),
        ((replace(GROWN, run=1),), True),
        ((replace(GROWN, run=1, oldest_run=1),), False),
    ],
)
def test_a_lease_is_given_back_if_its_job_is_gone_closed_killed_reset_or_too_large(
    listed: tuple[Job, ...], kept: bool
) -> None:
    machine = Machine(size_class=0)
    machine.list_jobs(*listed)
    expected = do.Refresh(1, listed[0]) if kept else do.LetGo(1)
    assert machine(on.LeasesReviewed((lease(job=GROWN),))) == [expected]


def test_a_less_urgent_job_makes_way_until_the_urgent_one_has_nothing_left(machine: Machine) -> None:
    machine.list_jobs(URGENT, JOB)
    held = lease(untouched=1)
    assert machine(on.LeasesReviewed((held,))) == [do.Refresh(1, JOB), do.LookForBetter(held, (URGENT,))]
    assert machine(on.BetterJobsSeen((held,))) == [do.Commit(1, give_back=True)]
    assert machine.supply(lease()) == [do.Claim(URGENT, reserve=1)]
    machine(on.NothingClaimed())
    assert machine.supply(lease()) == [do.Claim(JOB, reserve=1)]
    machine(on.NothingClaimed())
    assert machine.supply(lease()) == [do.Pause()]
    assert machine.supply(lease()) == [do.Commit(1, reserve=1)]


def test_the_leases_of_a_closed_job_are_released_and_none_is_claimed(machine: Machine) -> None:
    closed = replace(JOB, closing=object())  # type: ignore[arg-type]
    views = (lease(1), lease(2, job=URGENT), lease(3))
    assert machine(on.JobClosed(closed, views)) == [do.LetGo(1), do.LetGo(3)]
    assert machine.supply() == [do.Pause()]


PAUSED = pause_job(JOB, 5.0)


def test_no_task_of_a_paused_job_is_claimed_reserved_or_staged_and_others_are(machine: Machine) -> None:
    machine.list_jobs(PAUSED, URGENT)
    assert machine.supply(lease(untouched=2)) == [do.Claim(URGENT, 1)]
    machine.list_jobs(PAUSED)
    assert machine.supply(lease(untouched=2)) == [do.Pause()]
    machine.list_jobs(JOB)
    assert machine.supply(lease(untouched=0)) == [do.Commit(1, reserve=1)]


def test_a_staged_task_of_a_paused_job_is_returned_and_the_running_one_ends(machine: Machine) -> None:
    machine.list_jobs(JOB)
    machine.begin()
    machine(on.TaskStaged())
    machine.list_jobs(PAUSED)
    machine.end()
    machine(on.TaskPicked(1))
    assert machine(on.LeaseChecked(1, held=True, told_to_leave=False, uid=JOB.uid)) == [do.ReturnTask()]
    assert machine(on.LeaseChecked(2, held=True, told_to_leave=False, uid=URGENT.uid)) == [do.RunTask()]


@pytest.mark.parametrize(("fields", "back"), [({"untouched": 2, "idle": False}, 1), ({}, 1), ({"idle": False}, 0)])
def test_a_paused_job_gets_its_reserved_tasks_and_idle_blocks_back(
    machine: Machine, fields: dict[str, Any], back: int
) -> None:
    machine.list_jobs(PAUSED)
    expected = [do.Refresh(1, PAUSED), *[do.Commit(1, give_back=True)] * back]
    assert machine(on.LeasesReviewed((lease(**fields),))) == expected


def test_jobs_are_read_before_a_reservation_unless_they_were_read_just_now() -> None:
    machine = Machine()
    machine.decisions = Decisions(ConsumerProfile("me"), list_seconds=1.0)
    assert machine.supply(lease()) == [do.ListJobs()]
    machine.list_jobs(JOB)
    assert machine.supply(lease()) == [do.Commit(1, reserve=1)]
    machine.run()
    assert machine.supply(lease(), after=0.5)[0] != do.ListJobs()
    assert machine.supply(lease(), after=5.0) == [do.Pause()]
    assert machine.supply(lease()) == [do.ListJobs()]


def test_a_kill_of_rows_makes_the_owner_commit_and_end_the_running_row(machine: Machine) -> None:
    machine.begin()
    now = replace(JOB, kills=1)
    machine.list_jobs(now)
    held = lease(idle=False)
    assert machine(on.LeasesReviewed((held,))) == [do.Refresh(1, now), do.Commit(1)]
    assert machine(on.LeasesReviewed((replace(held, job=now),))) == [do.Refresh(1, now)]
    judge = do.JudgeJob(1, hopeless=False)
    assert machine(on.Committed(replace(held, killed=frozenset({7})))) == [judge], "another row"
    assert machine(on.Committed(replace(held, killed=frozenset({0})))) == [do.StopTask(at_once=False), judge]
    machine.end()
    assert machine.save(held, Cause.KILLED) == [do.Commit(1)]
    assert machine(on.Committed(replace(held, idle=True))) == [judge], "a kill is no failure of the job"


def test_a_killed_row_does_not_start(machine: Machine) -> None:
    machine(on.TaskStaged())
    machine(on.TaskPicked(1, index=3))
    checked = on.LeaseChecked(1, held=True, told_to_leave=False, killed=True)
    assert machine(checked) == [do.ReturnTask()]
    view = lease(killed=frozenset({3}), committed_at=machine.now)
    assert machine(on.RenewalDue(view, over=False), after=0.5) == []
    assert machine(on.RenewalDue(view, over=False), after=0.5) == [do.Commit(1)]
