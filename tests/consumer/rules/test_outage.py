"""The instructions of a consumer while the queue or a store does not answer."""

from __future__ import annotations

from dataclasses import replace

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.rules.leaving import LEAVE_SECONDS
from kubeque.model.job.lease_durations import RESULTS_WAIT_SECONDS
from tests.consumer.rules.machine import JOB, LONG, URGENT, Machine, lease


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
    machine(on.HomeGone())
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


def test_no_command_begins_while_four_attempts_of_any_jobs_wait_for_their_stores(machine: Machine) -> None:
    # Given three attempts that wait, one of them in a thread of its own, and a task that was staged before
    machine(on.StoreSilent(JOB.uid, unsaved=True))
    for _ in range(3):
        assert machine.may_begin()
        machine.begin()
        machine.end()
    machine(on.TaskStaged())
    assert machine.may_begin()
    # When the fourth one ends, then the next one waits, however long it takes, and the consumer stays
    machine.begin()
    machine.end()
    assert not machine.may_begin()
    machine.now += RESULTS_WAIT_SECONDS / 2
    assert not machine.may_begin()
    assert machine.stays()
    # When one of them is saved, then the next one begins
    machine.save()
    assert machine.may_begin()


def test_a_store_may_be_silent_for_the_results_wait_of_its_job(machine: Machine) -> None:
    for limit in (10.0, 2 * RESULTS_WAIT_SECONDS):
        machine(on.StoreSilent(JOB.uid, unsaved=True, limit=limit))
        assert machine.stays()
        machine.now += limit - 1
        assert machine.stays()
        machine(on.StoreAnswered(JOB.uid))
    machine(on.StoreSilent(JOB.uid, limit=10.0))
    machine.now += 11
    assert not machine.stays()
    assert machine.decisions.gave_up
