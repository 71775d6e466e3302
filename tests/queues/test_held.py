"""Canaries: a few tasks run first. The other tasks are held until a user runs `kubeque go`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import GO_ON, ResetRule
from kubeque.model.job.task import Outcome, State
from kubeque.queues import claim as claims
from kubeque.queues import transitions
from kubeque.queues.block import make_blocks, spread
from kubeque.queues.integrity import Audit
from kubeque.queues.queue import Queue
from tests.queues.makers import SHAPES, claim, make_job, run_next, states

FIRST = [0, 6, 12]


def held_job(queue: Queue, n: int = 13) -> Job:
    """A job of 13 tasks. The first, the middle and the last task are canaries."""
    job = make_job(n, canaries=len(FIRST), shapes=SHAPES, consumers=2)
    return queue.create(job, make_blocks(job.uid, n, 4, canaries=FIRST))


def run_all(queue: Queue, job: Job, cause: Cause = Cause.OK) -> list[int]:
    """Run all tasks that can be claimed, and return their indexes."""
    ran = []
    while (lease := claims.claim(queue, job, "anna", reserve=64)) is not None:
        while lease.untouched:
            ran.append(run_next(lease, cause))
        lease.commit()
    return sorted(ran)


def faults(queue: Queue, job: Job) -> list[object]:
    return list(Audit(job, queue.now()).look(queue.scan_records(job)).compare(queue.tallies(job)).close().findings)


@pytest.mark.parametrize(
    ("n", "count", "chosen"),
    [
        (10, 1, [0]),
        (10, 2, [0, 9]),
        (10, 3, [0, 4, 9]),
        (3, 3, [0, 1, 2]),
        (2, 5, [0, 1]),
        (1_000_000, 2, [0, 999_999]),
    ],
)
def test_canaries_are_the_first_the_last_and_evenly_between(n: int, count: int, chosen: list[int]) -> None:
    assert spread(range(n), count) == chosen


@pytest.mark.parametrize("canaries", [[], [0], [2], [0, 1], [8, 9], [0, 4, 9], list(range(9))])
def test_every_task_is_in_one_block_and_canaries_are_alone(canaries: list[int]) -> None:
    blocks = list(make_blocks("uid-1", 10, 4, canaries=canaries))
    assert [index for block in blocks for index in range(block.lo, block.hi)] == list(range(10))
    assert [block.lo for block in blocks if not block.held] == (canaries or [0, 4, 8])
    assert len({block.id for block in blocks}) == len(blocks)


def test_only_canaries_run_until_somebody_says_go(queue: Queue) -> None:
    # Given a job of which three tasks run first
    job = held_job(queue)
    assert queue.counts(job) == Counts(pending=3, held=10)
    assert not job.waits_for_go(queue.counts(job))

    # When consumers take all they get
    assert run_all(queue, job) == FIRST

    # Then the others are held, and nothing is left to take, steal or start consumers for
    counts = queue.counts(job)
    assert counts == Counts(ok=3, held=10)
    assert job.waits_for_go(counts)
    assert sum(tally.pending for tally in queue.tallies(job).values()) == 0
    assert [view.index for view in queue.tasks(job) if view.state != "held"] == FIRST
    assert faults(queue, job) == []

    # When somebody says go
    after = queue.reset("sweep", GO_ON)

    # Then they run, and the canaries do not run again
    assert (after.canaries, queue.counts(after)) == (0, Counts(pending=10, ok=3))
    assert run_all(queue, after) == [index for index in range(13) if index not in FIRST]
    assert queue.counts(after) == Counts(ok=13)
    assert {view.record.attempts for view in queue.tasks(after)} == {1}
    assert faults(queue, after) == []


def test_go_leaves_canaries_that_failed_as_they_are(queue: Queue) -> None:
    job = held_job(queue)
    run_all(queue, job, Cause.EXIT)
    after = queue.reset("sweep", GO_ON)
    assert queue.counts(after) == Counts(pending=10, failed=3)


def test_a_canary_that_still_runs_keeps_its_lease_over_the_go(queue: Queue) -> None:
    job = held_job(queue)
    lease = claim(queue, job)
    queue.reset("sweep", GO_ON)
    run_next(lease)
    lease.commit()
    assert queue.counts(queue.job("sweep")) == Counts(pending=12, ok=1)


def test_a_canary_that_needs_more_memory_goes_on_in_its_class(queue: Queue) -> None:
    job = held_job(queue)
    lease = claim(queue, job)
    run_next(lease, Cause.OOM)
    lease.commit()
    assert queue.counts(job) == Counts(pending=3, held=10)
    assert run_all(queue, job) == FIRST


def test_a_reset_of_a_held_job_runs_failed_canaries_again_and_holds_the_rest(queue: Queue) -> None:
    job = held_job(queue)
    run_all(queue, job, Cause.EXIT)
    after = queue.reset("sweep", ResetRule())
    assert (after.canaries, queue.counts(after)) == (3, Counts(pending=3, held=10))
    assert run_all(queue, after) == FIRST
    assert queue.counts(after) == Counts(ok=3, held=10)


def test_what_was_held_is_killed_with_its_job_and_runs_after_a_reset(queue: Queue) -> None:
    job = held_job(queue)
    run_all(queue, job)
    killed = queue.kill("sweep")
    assert queue.counts(killed) == Counts(ok=3, killed=10)
    assert {view.state for view in queue.tasks(killed)} == {"ok", "killed"}
    after = queue.reset("sweep", ResetRule())
    assert queue.counts(after) == Counts(pending=10, ok=3)


def test_nothing_is_lost_from_the_counts_in_the_middle_of_a_go(queue: Queue) -> None:
    job = held_job(queue)
    run_all(queue, job)
    half = queue.update("sweep", lambda job: queue._begin_reset(job, GO_ON, queue.now()))
    first = next(block for block in queue.scan(half) if block.held)
    queue.change_block(first, lambda block: (transitions.reset(block, GO_ON, 1), []) if block.held else None)
    assert queue.counts(half) == Counts(pending=4, ok=3, held=6)
    assert queue.counts(queue.finish_reset(half)) == Counts(pending=10, ok=3)


def test_tasks_that_were_done_before_count_also_where_they_are_held(queue: Queue) -> None:
    job = make_job(13, canaries=3)
    done = {index: Outcome(index, 0, Cause.OK, linked="file:///before") for index in (1, 2, 7)}
    queue.create(job, (transitions.link(block, done) for block in make_blocks(job.uid, 13, 4, canaries=FIRST)))
    assert queue.counts(job) == Counts(pending=3, ok=3, held=7)
    assert [index for index, state in states(queue, job).items() if state is State.OK] == [1, 2, 7]


def test_a_held_block_that_nobody_will_be_asked_about_is_found(queue: Queue) -> None:
    job = held_job(queue)
    assert faults(queue, replace(job, canaries=0)) != []
