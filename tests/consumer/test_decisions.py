"""The rules of a consumer, each as a sequence of events and the instructions that they must give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.decisions import Decisions
from kubeque.consumer.events import Event, LeaseView
from kubeque.consumer.hosts.place import Place
from kubeque.consumer.instructions import Instruction
from kubeque.model.job.changes import pause_job
from kubeque.model.job.job import Job
from kubeque.model.job.shape_growth import grow_shapes
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import Cause
from kubeque.model.timing import COMMIT_SECONDS, LEAVE_SECONDS, RESULTS_WAIT_SECONDS, SAVE_SECONDS, SETTLE_SECONDS
from kubeque.queues.block import MAX_RESERVE

SHORT, LONG = 0.5, 60.0
GIB = 1 << 30
JOB = Job("sweep", "uid-1", 100, "file:///r")
URGENT = Job("urgent", "uid-2", 10, "file:///r", priority=5)
KEY = (JOB.uid, JOB.revision)


def lease(number: int = 1, **fields: Any) -> LeaseView:
    """A lease with nothing reserved and ten tasks to reserve."""
    view = LeaseView(
        number, JOB, size_class=0, held=True, lost=False, waiting=0, waiting_since=None, committed_at=0.0, pending=10,
        untouched=0, idle=True,
    )  # fmt: skip
    return replace(view, **fields)


class Machine:
    """Decisions with a clock, and the sequences of events that a task causes."""

    def __init__(self, **place: Any) -> None:
        self.decisions = Decisions(Place("me", **place))
        self.now = 1000.0

    def __call__(self, event: Event, after: float = 0.0) -> list[Instruction]:
        self.now += after
        return self.decisions.handle(event, self.now)

    def supply(self, *leases: LeaseView, after: float = 0.0) -> list[Instruction]:
        return self(on.SupplierReady(leases), after)

    def list_jobs(self, *jobs: Job) -> None:
        self(on.JobsListed(jobs))

    def begin(self, number: int = 1) -> None:
        """Stage a task and start its command."""
        self(on.TaskStaged())
        self(on.TaskPicked(number, key=KEY))
        assert self(on.LeaseChecked(number, held=True, told_to_leave=False)) == [do.RunTask()]

    def end(self, seconds: float = SHORT) -> None:
        """End its command."""
        assert self(on.RunEnded(KEY, seconds)) == [do.ResetStop()]

    def save(self, view: LeaseView | None = None, cause: Cause = Cause.OK, early: int = 20) -> list[Instruction]:
        instructions = self(on.TaskSaved(view or lease(), cause, early))
        self(on.TaskLeft())
        return instructions

    def run(self, seconds: float = SHORT, **how: Any) -> list[Instruction]:
        """One task from the reservation to the result."""
        self.begin()
        self.end(seconds)
        return self.save(**how)

    def stays(self) -> bool:
        return self(on.RunnerReady(told_to_leave=False)) == []


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    machine.list_jobs(JOB)
    return machine


# ---------------------------------------------------------------------- claiming and reserving
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


# ---------------------------------------------------------------------- one task runs, the next one is staged
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


# ---------------------------------------------------------------------- when to commit
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


def test_a_lease_that_is_not_held_is_not_renewed(machine: Machine) -> None:
    assert machine(on.RenewalDue(lease(held=False), over=True)) == []


def test_a_job_past_its_deadline_is_judged_before_its_lease_is_renewed(machine: Machine) -> None:
    assert machine(on.RenewalDue(lease(), over=True)) == [do.JudgeJob(1), do.Commit(1)]


# ---------------------------------------------------------------------- jobs come and go
GROWN = replace(JOB, shapes=grow_shapes(Shape(GIB), 2 * GIB))


@pytest.mark.parametrize(
    ("listed", "kept"),
    [
        ((GROWN,), True),
        ((), False),
        ((replace(GROWN, closing=object()),), False),  # type: ignore[arg-type]
        ((replace(GROWN, revision=2),), False),
        ((replace(GROWN, floor=1),), False),
    ],
)
def test_a_lease_is_given_back_if_its_job_is_gone_closed_reset_or_too_large(
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


# ---------------------------------------------------------------------- when to leave
def test_it_leaves_when_told(machine: Machine) -> None:
    assert machine.stays()
    assert machine(on.RunnerReady(told_to_leave=True)) == [do.Leave()]
    assert machine.supply(lease(untouched=1)) == [do.Leave()]
    assert machine(on.HandOverDue()) == [do.ReturnTask()]


def test_it_leaves_after_an_error_of_the_main_thread(machine: Machine) -> None:
    machine(on.RunLoopEnded())
    assert machine.supply(lease(untouched=1)) == [do.Leave()]


def test_it_leaves_once_it_has_found_nothing_for_a_while_and_not_while_a_task_is_saved() -> None:
    machine = Machine(linger_seconds=5.0)
    machine.list_jobs(replace(JOB, closing=object()))  # type: ignore[arg-type]
    machine.begin()
    machine.end()
    assert machine.supply() == [do.Pause()]
    machine.now += 10
    assert machine.stays()
    machine.save()
    assert machine.supply() == [do.Pause()]
    machine.now += 4
    assert machine.stays()
    machine(on.TaskStaged())
    machine.now += 4
    assert machine.stays(), "a task has come"
    machine(on.TaskLeft(staged=True))
    machine.supply()
    machine.supply()
    machine.now += 6
    assert not machine.stays()


def fewer(job: Job, consumers: int) -> Job:
    return replace(job, consumers=consumers)


@pytest.mark.parametrize(("slot", "leaves"), [(0, False), (1, False), (2, True)])
def test_if_fewer_consumers_are_wanted_the_highest_slots_leave(slot: int, leaves: bool) -> None:
    machine = Machine(slot=slot)
    machine.list_jobs(fewer(JOB, 3))
    assert machine(on.FleetReviewed()) == [do.CheckPlace()]
    machine.list_jobs(fewer(JOB, 2))
    assert machine(on.FleetReviewed()) == ([] if leaves else [do.CheckPlace()])
    assert machine.stays() is not leaves
    assert machine.decisions.retired is leaves


@pytest.mark.parametrize(("owners", "leaves"), [({"a", "me", "z"}, False), ({"a", "b", "me"}, True), ({"a"}, False)])
def test_if_fewer_pods_are_wanted_the_last_by_name_leave(owners: set[str], leaves: bool) -> None:
    machine = Machine(size_class=0)
    machine.list_jobs(fewer(JOB, 3))
    machine.list_jobs(fewer(JOB, 2))
    assert machine(on.FleetReviewed()) == [do.ListOwners(2), do.CheckPlace()]
    machine(on.OwnersListed(2, frozenset(owners)))
    assert machine.stays() is not leaves


def test_it_leaves_when_its_home_folder_was_removed(machine: Machine) -> None:
    machine(on.PlaceGone())
    assert not machine.stays()
    assert machine(on.FleetReviewed()) == []


# ---------------------------------------------------------------------- a paused job
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
    machine.decisions = Decisions(Place("me"), list_seconds=1.0)
    assert machine.supply(lease()) == [do.ListJobs()]
    machine.list_jobs(JOB)
    assert machine.supply(lease()) == [do.Commit(1, reserve=1)]
    machine.run()
    assert machine.supply(lease(), after=0.5)[0] != do.ListJobs()
    assert machine.supply(lease(), after=5.0) == [do.Pause()]
    assert machine.supply(lease()) == [do.ListJobs()]


# ---------------------------------------------------------------------- the queue or a store does not answer
def test_an_unanswered_commit_is_not_idleness(machine: Machine) -> None:
    for _ in range(10):
        assert machine.supply(lease(), after=2.0) == [do.Commit(1, reserve=1)]
        machine(on.QueueSilent())
        (instruction,) = machine.supply(lease())
        assert isinstance(instruction, do.AwaitAnswer)
        assert machine.stays()
    machine(on.Committed(lease()))
    assert machine.supply(lease()) == [do.Commit(1, reserve=1)]
    assert machine.supply(lease()) == [do.Pause()]
    machine.now += 4
    assert machine.stays(), "the idle time begins with the answer"
    machine.now += 2
    assert not machine.stays()


def test_pauses_between_tries_grow_to_a_bound(machine: Machine) -> None:
    pauses = []
    for seconds in (0.0, 1.0, 3.0, 3.0, 600.0):
        machine.now += seconds
        machine(on.QueueSilent())
        (instruction,) = machine(on.SupplyFailed())
        assert isinstance(instruction, do.AwaitAnswer)
        pauses.append(instruction.seconds)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.25, 2.0)


def test_leases_are_renewed_by_the_same_pauses_while_the_queue_is_silent(machine: Machine) -> None:
    view = lease(idle=False, committed_at=machine.now - JOB.heartbeat_seconds - 1)
    machine(on.QueueSilent())
    assert machine(on.RenewalDue(view, over=False)) == [do.Commit(1)]
    machine(on.QueueSilent())
    assert machine(on.RenewalDue(view, over=False), after=0.2) == []
    machine(on.QueueSilent(), after=0.1)
    assert machine(on.RenewalDue(view, over=False)) == [do.Commit(1)], "requests of other threads delay nothing"
    assert machine(on.RenewalDue(replace(view, id=2), over=False)) == [do.Commit(2)]


def test_it_keeps_what_it_holds_until_the_queue_answers_or_an_hour_has_passed(machine: Machine) -> None:
    held = (lease(waiting=1),)
    machine(on.PlaceGone())
    assert machine(on.AllSaved(held, told_to_leave=False)) == [do.LetGo(1)]
    machine(on.QueueSilent())
    for _ in range(3):
        wait, again = machine(on.AllSaved(held, told_to_leave=False), after=1000.0)
        assert isinstance(wait, do.AwaitAnswer)
        assert again == do.LetGo(1)
    assert not machine.decisions.gave_up
    assert machine(on.AllSaved(held, told_to_leave=False), after=1000.0) == [do.Leave()]
    assert machine.decisions.gave_up


def test_if_told_to_leave_it_waits_for_the_queue_only_for_the_grace_period(machine: Machine) -> None:
    held = (lease(waiting=1),)
    assert machine(on.AllSaved(held, told_to_leave=True), after=100.0) == [do.LetGo(1)]
    machine(on.QueueSilent())
    assert do.LetGo(1) in machine(on.AllSaved(held, told_to_leave=True), after=LEAVE_SECONDS - 1)
    assert machine(on.AllSaved(held, told_to_leave=True), after=2.0) == [do.Leave()]


def test_a_result_has_the_whole_time_to_be_recorded_however_long_the_queue_was_silent_before(machine: Machine) -> None:
    machine.begin()
    machine(on.QueueSilent())
    machine.now += 2 * RESULTS_WAIT_SECONDS
    machine.end(LONG)
    machine.save()
    assert machine.stays()
    machine.now += RESULTS_WAIT_SECONDS + 1
    assert not machine.stays()


def test_a_job_whose_store_is_silent_holds_up_no_other_job(machine: Machine) -> None:
    machine.list_jobs(URGENT, JOB)
    mine, other = lease(1, job=URGENT, untouched=1), lease(2, untouched=1)
    machine.supply(mine)
    machine(on.LeaseClaimed(1))
    assert machine.supply(mine) == [do.StageTask(1)]
    machine(on.StoreSilent(URGENT.uid))
    assert machine.supply(mine) == [do.AwaitAnswer(0.25)]
    assert machine.supply(mine) == [do.Claim(JOB, reserve=1)]
    machine(on.LeaseClaimed(2))
    assert machine.supply(mine, other) == [do.StageTask(2)]
    assert machine.supply(mine, after=0.3) == [do.StageTask(1)], "the next try"
    machine(on.TaskStaged())
    assert machine.supply(mine) == [do.StageTask(1)]


def test_no_task_begins_whose_result_would_wait_behind_another_for_a_silent_store(machine: Machine) -> None:
    machine(on.LeaseClaimed(1))
    machine(on.StoreSilent(JOB.uid, unsaved=True))
    assert isinstance(machine.supply(lease(untouched=1), after=100.0)[0], do.AwaitAnswer)
    machine(on.StoreAnswered(JOB.uid))
    assert machine.supply(lease(untouched=1)) == [do.StageTask(1)]
