"""Lost answers to operations on jobs. A read shows what the queue contains, and nothing is done twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.model.errors import JobExists, JobNotFound
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import State
from kubeque.queues.block import make_blocks
from kubeque.queues.queue import Queue
from tests.queues.makers import make_job, states, submit
from tests.queues.unreliable import Fault, Unreliable, once

PENDING = State.PENDING
FAULTS = pytest.mark.parametrize("fault", list(Fault))


@FAULTS
@pytest.mark.parametrize("operation", ["insert_blocks", "insert_job"])
def test_a_job_is_made_once(flaky_queue: Queue, flaky: Unreliable, operation: str, fault: Fault) -> None:
    flaky.fail(once(operation, fault))
    job = submit(flaky_queue, make_job(10), size=3)
    flaky.land()
    assert flaky_queue.jobs() == [job]
    assert states(flaky_queue, job) == dict.fromkeys(range(10), PENDING)


def test_a_job_that_others_changed_before_the_answer_is_not_taken_for_another(
    flaky_queue: Queue, flaky: Unreliable
) -> None:
    other = Queue(flaky.backend)
    job = make_job(4)

    def plan(operation: str, number: int) -> Fault | None:
        if (operation, number) == ("insert_job", 1):
            other.update(job.name, lambda now: replace(now, priority=7))
        return once("insert_job", Fault.DROP)(operation, number)

    flaky.fail(plan)
    submit(flaky_queue, job)
    assert flaky_queue.job(job.name).priority == 7
    assert states(flaky_queue, job) == dict.fromkeys(range(4), PENDING)


def test_a_job_removed_before_the_answer_does_not_come_back(flaky_queue: Queue, flaky: Unreliable) -> None:
    def plan(operation: str, number: int) -> Fault | None:
        if (operation, number) == ("scan_blocks", 0):
            Queue(flaky.backend).remove("sweep")
        return once("insert_job", Fault.DROP)(operation, number)

    flaky.fail(plan)
    submit(flaky_queue, make_job(4))
    assert flaky_queue.find("sweep") is None


@FAULTS
@pytest.mark.parametrize("operation", ["swap_job", "get_job"])
def test_a_kill_is_done_once(flaky_queue: Queue, flaky: Unreliable, operation: str, fault: Fault) -> None:
    submit(flaky_queue, make_job())
    flaky.fail(once(operation, fault))
    assert flaky_queue.kill("sweep").state is JobState.KILLED
    flaky.land()
    assert flaky_queue.job("sweep").state is JobState.KILLED


@FAULTS
@pytest.mark.parametrize("operation", ["swap_job", "get_job", "swap_block", "get_block"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_reset_is_done_once(flaky_queue: Queue, flaky: Unreliable, operation: str, number: int, fault: Fault) -> None:
    job = submit(flaky_queue, make_job(6), size=2)
    flaky.fail(once(operation, fault, number=number))
    after = flaky_queue.reset("sweep", ResetRule())
    flaky.land()
    assert (after.run, after.state) == (1, JobState.ACTIVE)
    assert flaky_queue.job("sweep") == after
    assert {block.run for block in flaky_queue.scan(job)} == {1}


def test_a_reset_that_somebody_else_finished_before_the_answer_is_not_begun_again(
    flaky_queue: Queue, flaky: Unreliable
) -> None:
    submit(flaky_queue, make_job(6))
    other = Queue(flaky.backend)

    def plan(operation: str, number: int) -> Fault | None:
        if (operation, number) == ("get_job", 1):
            other.finish_reset(other.job("sweep"))
            other.update("sweep", lambda job: replace(job, priority=3))
        return once("swap_job", Fault.DROP)(operation, number)

    flaky.fail(plan)
    assert flaky_queue.reset("sweep", ResetRule()).run == 1


def test_a_change_of_a_job_made_anew_meanwhile_is_not_repeated(flaky_queue: Queue, flaky: Unreliable) -> None:
    submit(flaky_queue, make_job(4))
    other = Queue(flaky.backend)

    def plan(operation: str, number: int) -> Fault | None:
        if (operation, number) == ("get_job", 1):
            other.remove("sweep")
            submit(other, make_job(4, uid="uid-2"))
        return once("swap_job", Fault.DROP)(operation, number)

    flaky.fail(plan)
    with pytest.raises(JobNotFound):
        flaky_queue.kill("sweep")
    assert flaky_queue.job("sweep").open


@FAULTS
@pytest.mark.parametrize("operation", ["delete_job", "delete_blocks"])
def test_a_job_is_removed_once(flaky_queue: Queue, flaky: Unreliable, operation: str, fault: Fault) -> None:
    job = submit(flaky_queue, make_job())
    flaky.fail(once(operation, fault))
    assert flaky_queue.remove("sweep") == job
    flaky.land()
    assert flaky_queue.find("sweep") is None
    assert list(flaky_queue.scan(job)) == []


def test_a_job_made_anew_before_the_answer_is_not_removed(flaky_queue: Queue, flaky: Unreliable) -> None:
    old = submit(flaky_queue, make_job())
    new = make_job(uid="uid-2")

    def plan(operation: str, number: int) -> Fault | None:
        if (operation, number) == ("get_job", 2):
            submit(Queue(flaky.backend), new)
        return once("delete_job", Fault.DROP)(operation, number)

    flaky.fail(plan)
    flaky_queue.remove("sweep")
    assert flaky_queue.find("sweep") == new
    assert states(flaky_queue, new) == dict.fromkeys(range(4), PENDING)
    assert list(flaky_queue.scan(old)) == []


@FAULTS
def test_a_taken_name_leaves_no_blocks_behind(flaky_queue: Queue, flaky: Unreliable, fault: Fault) -> None:
    """Both looked, both found the name free, and the other was first."""
    submit(Queue(flaky.backend), make_job())
    late = make_job(uid="uid-2")
    flaky.fail(once("delete_blocks", fault))
    flaky_queue.find = lambda name: None  # type: ignore[method-assign]
    with pytest.raises(JobExists):
        flaky_queue.create(late, make_blocks(late.uid, 4, 2))
    assert list(flaky_queue.scan(late)) == []
