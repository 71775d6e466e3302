"""When a consumer leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.model.job.job import Job
from tests.consumer.rules.machine import JOB, Machine, lease


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
    assert machine(on.FleetReviewed()) == [do.CheckHome()]
    machine.list_jobs(fewer(JOB, 2))
    assert machine(on.FleetReviewed()) == ([] if leaves else [do.CheckHome()])
    assert machine.stays() is not leaves
    assert machine.decisions.retired is leaves


@pytest.mark.parametrize(("owners", "leaves"), [({"a", "me", "z"}, False), ({"a", "b", "me"}, True), ({"a"}, False)])
def test_if_fewer_pods_are_wanted_the_last_by_name_leave(owners: set[str], leaves: bool) -> None:
    machine = Machine(size_class=0)
    machine.list_jobs(fewer(JOB, 3))
    machine.list_jobs(fewer(JOB, 2))
    assert machine(on.FleetReviewed()) == [do.ListOwners(2), do.CheckHome()]
    machine(on.OwnersListed(2, frozenset(owners)))
    assert machine.stays() is not leaves


def test_it_leaves_when_its_home_folder_was_removed(machine: Machine) -> None:
    machine(on.HomeGone())
    assert not machine.stays()
    assert machine(on.FleetReviewed()) == []


@pytest.mark.parametrize(("asked", "leaves"), [(("me",), True), (("you", "me "), False), ((), False)])
def test_it_leaves_after_its_task_if_a_job_asks_it_to(machine: Machine, asked: tuple[str, ...], leaves: bool) -> None:
    machine.list_jobs(JOB)
    machine.begin()
    machine.list_jobs(replace(JOB, leaving=asked))
    machine.end()
    assert machine.stays() is not leaves
    machine.list_jobs(JOB)
    assert machine.stays() is not leaves, "the end of the request does not keep it"
