"""Results that a restored queue does not name are recorded, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.model.errors import LeaseLost
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.task import Outcome, State
from kubeque.queues.adoption import adopt_outcomes, adoptable_tasks
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import reap
from tests.queues.makers import claim, make_job, run_next, states, submit

NOW = 1_000_000.0


def stored(index: int, attempt: int, nonce: str = "lost") -> Outcome:
    return Outcome(index, attempt, Cause.OK, code=0, folder=f"{attempt}-{nonce}", seconds=2.0)


@pytest.fixture
def clock() -> list[float]:
    return [NOW]


@pytest.fixture
def queue(clock: list[float]) -> Queue:
    return Queue(MemoryBackend(lambda: clock[0]))


def test_a_pending_row_gets_the_result_and_its_number(queue: Queue) -> None:
    job = submit(queue, make_job(4), size=4)
    assert adopt_outcomes(queue, job, {1: stored(1, 3)}) == 1
    task = queue.task(job, 1)
    assert task is not None
    assert (task.record.attempts, task.record.charges, len(task.record.history)) == (3, {}, 1)
    assert task.record.outcome is not None
    assert task.record.outcome.folder == "3-lost"
    assert states(queue, job) == {0: State.PENDING, 1: State.OK, 2: State.PENDING, 3: State.PENDING}
    assert adopt_outcomes(queue, job, {1: stored(1, 3)}) == 0, "the same result is not recorded twice"
    lease = claim(queue, job, reserve=4)
    assert 1 not in lease.block.indexes(State.RESERVED)


def test_a_row_with_a_newer_attempt_is_left(queue: Queue) -> None:
    job = submit(queue, make_job(1), size=1)
    lease = claim(queue, job, reserve=1)
    run_next(lease)
    lease.commit()
    assert adopt_outcomes(queue, job, {0: stored(0, 1)}) == 0
    assert adopt_outcomes(queue, job, {0: stored(0, 2)}) == 1


def test_a_lease_that_has_not_expired_is_left_and_an_expired_one_ends(queue: Queue, clock: list[float]) -> None:
    job = submit(queue, make_job(3), size=3)
    lease = claim(queue, job, reserve=2)
    assert adopt_outcomes(queue, job, {0: stored(0, 1), 2: stored(2, 1)}) == 0
    clock[0] += job.lease_seconds + 1
    assert adopt_outcomes(queue, job, {0: stored(0, 1), 2: stored(2, 1)}) == 2
    assert states(queue, job) == {0: State.OK, 1: State.PENDING, 2: State.OK}
    run_next(lease)
    with pytest.raises(LeaseLost):
        lease.commit()
    task = queue.task(job, 1)
    assert task is not None
    assert (task.record.attempts, task.record.charges) == (1, {})


def test_only_the_result_of_the_last_lease_has_a_known_number(queue: Queue) -> None:
    job = submit(queue, make_job(2), size=2)
    lease = claim(queue, job, reserve=1)
    (block,) = queue.scan(job)
    assert [task.nonce for task in adoptable_tasks(block)] == ["", ""], "its consumer may be alive"
    reap(queue, job, find_death=lambda owner: Death())
    (block,) = queue.scan(job)
    assert [(task.attempts, task.nonce) for task in adoptable_tasks(block)] == [(1, lease.block.nonce), (0, "")]
    assert adopt_outcomes(queue, job, {0: stored(0, 1, lease.block.nonce)}) == 1
    task = queue.task(job, 0)
    assert task is not None
    assert [(each.number, each.cause) for each in task.record.history] == [(1, Cause.OK)]


def test_a_killed_mark_and_a_held_block_stay(queue: Queue, clock: list[float]) -> None:
    job = submit(queue, make_job(2), size=2)
    claim(queue, job, reserve=2)
    queue.kill_rows(job, bytearray([1, 0]), "killed by ada")
    clock[0] += job.lease_seconds + 1
    assert adopt_outcomes(queue, job, {1: stored(1, 1)}) == 1
    assert states(queue, job) == {0: State.FAILED, 1: State.OK}
    assert replace(queue.job(job.name)).open
