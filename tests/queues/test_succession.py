"""A job is replaced under its name. Whichever request is lost, the old job or the new job exists."""

from __future__ import annotations

import pytest

from kubeque.model.errors import JobExists, LeaseLost
from kubeque.model.job.job import Job
from kubeque.model.job.task import State
from kubeque.queues.block import make_blocks
from kubeque.queues.queue import Queue
from kubeque.queues.succession import replace_job
from tests.queues.makers import claim, make_job, run_next, states, submit
from tests.queues.unreliable import Fault, Unreliable, once


def make_anew(queue: Queue, before: Job, after: Job) -> Job:
    return replace_job(queue, before, after, make_blocks(after.uid, after.n, 3))


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("operation", ["insert_blocks", "swap_job", "get_job", "delete_blocks"])
def test_the_new_job_takes_the_place_of_the_old_one(
    flaky_queue: Queue, flaky: Unreliable, operation: str, fault: Fault
) -> None:
    before, after = submit(flaky_queue, make_job(4)), make_job(7, uid="uid-2")
    flaky.fail(once(operation, fault))

    assert make_anew(flaky_queue, before, after) == after

    flaky.land()
    assert flaky_queue.jobs() == [after]
    assert states(flaky_queue, after) == dict.fromkeys(range(7), State.PENDING)
    assert list(flaky_queue.scan(before)) == []


def test_who_held_tasks_of_the_old_job_records_nothing_any_more(queue: Queue) -> None:
    before, after = submit(queue, make_job(4)), make_job(4, uid="uid-2")
    lease = claim(queue, before)
    make_anew(queue, before, after)

    run_next(lease)
    with pytest.raises(LeaseLost):
        lease.commit()
    assert queue.counts(after).pending == 4


def test_of_two_who_make_it_anew_one_is_told_and_leaves_nothing(queue: Queue) -> None:
    before, mine, theirs = submit(queue, make_job(4)), make_job(4, uid="uid-2"), make_job(4, uid="uid-3")
    make_anew(queue, before, theirs)
    with pytest.raises(JobExists, match="removed or replaced by another program"):
        make_anew(queue, before, mine)
    assert queue.jobs() == [theirs]
    assert list(queue.scan(mine)) == []
