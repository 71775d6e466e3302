"""Tasks are claimed, kept, recorded, given back and stolen."""

from __future__ import annotations

import random

import pytest

from kubeque.model.errors import LeaseLost
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Tally
from kubeque.model.job.task import State
from kubeque.queues import claim as claims
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from tests.queues.backend_kinds import Opener
from tests.queues.clocks import Clock
from tests.queues.makers import (
    SHAPES,
    claim,
    make_job,
    only_block,
    outcome,
    run_next,
    states,
    submit,
)

PENDING, RESERVED, OK, FAILED = State.PENDING, State.RESERVED, State.OK, State.FAILED


def test_a_claim_leases_a_block_and_reserves_its_first_tasks(queue: Queue) -> None:
    job = submit(queue, make_job(8), size=8)
    before = queue.now()
    lease = claim(queue, job, "anna", reserve=3)
    block = only_block(queue, job)
    assert lease.block == block
    assert (block.owner, block.indexes(RESERVED)) == ("anna", [0, 1, 2])
    assert before + job.lease_seconds - 1 <= block.expires <= queue.now() + job.lease_seconds + 1
    assert [lease.take(), lease.take(), lease.take(), lease.take()] == [(0, 1), (1, 1), (2, 1), None]


def test_there_is_nothing_to_claim_where_all_is_reserved_or_done(queue: Queue) -> None:
    job = submit(queue, make_job(2), size=2)
    lease = claim(queue, job, reserve=2)
    assert claims.claim(queue, job, "bert") is None
    run_next(lease)
    run_next(lease)
    lease.commit()
    assert claims.claim(queue, job, "bert") is None


def test_nothing_of_another_job_or_of_another_class_is_claimed(queue: Queue) -> None:
    job = submit(queue, make_job(2, shapes=SHAPES))
    submit(queue, make_job(2, name="other", uid="uid-2"))
    assert claims.claim(queue, job, "anna", size_classes=[1, 2]) is None
    assert claims.claim(queue, job, "anna", size_classes=[]) is None
    assert claim(queue, job, "anna", size_classes=[0]).block.uid == job.uid
    assert claims.claim(queue, job, "bert") is not None, "its tail can be stolen"
    assert claims.claim(queue, job, "carl") is None


def test_consumers_that_start_together_find_a_block_each(queue: Queue) -> None:
    job = submit(queue, make_job(128), size=4)
    numbers = random.sample(range(32), 32)
    assert {number: claim(queue, job, number=number).block.lo // 4 for number in numbers} == {n: n for n in range(32)}
    assert claims.claim(queue, job, "bert", number=7) is not None, "where its own is taken, another's tail is stolen"


def test_two_claimers_of_one_task_and_one_gets_it(open_backend: Opener) -> None:
    one, other = (Queue(open_backend(), sleep=lambda _: None) for _ in range(2))
    job = submit(one, make_job(1))
    (seen,) = one.scan(job)
    first = claims.Claimer(one, job, "anna", 1).try_claim(seen)
    second = claims.Claimer(other, job, "bert", 1).try_claim(seen)
    assert first is not None
    assert second is None
    assert only_block(one, job).owner == "anna"


def test_outcomes_are_recorded_with_who_ran_them(queue: Queue) -> None:
    job = submit(queue, make_job(3), size=3)
    lease = claim(queue, job, "anna", reserve=3)
    run_next(lease, code=0, seconds=1.5, folder="1-ab", peak_memory=7, files=2, size=99, out={"score": 0.5})
    run_next(lease, Cause.EXIT, code=3, message="exit 3")
    lease.commit()
    good, bad, _ = (view.record for view in queue.tasks(job))
    assert good.outcome == outcome(
        0, code=0, seconds=1.5, folder="1-ab", peak_memory=7, files=2, size=99, out={"score": 0.5}
    )
    assert bad.outcome == outcome(1, 1, Cause.EXIT, code=3, message="exit 3")
    assert [(a.number, a.cause, a.code, a.owner) for a in bad.history] == [(1, Cause.EXIT, 3, "anna")]
    assert states(queue, job) == {0: OK, 1: FAILED, 2: RESERVED}
    assert queue.tallies(job) == {0: Tally(ok=1, failed=1, running=1)}


def test_one_commit_records_and_reserves_the_next(queue: Queue) -> None:
    job = submit(queue, make_job(5), size=5)
    lease = claim(queue, job, reserve=2)
    run_next(lease)
    version = lease.block.version
    lease.commit(reserve=2)
    assert states(queue, job) == {0: OK, 1: RESERVED, 2: RESERVED, 3: RESERVED, 4: PENDING}
    assert lease.block.version == only_block(queue, job).version
    assert lease.block.version != version
    assert lease.take() == (1, 1)


def test_a_heartbeat_moves_the_end_of_the_lease_and_nothing_else(queue: Queue) -> None:
    job = submit(queue, make_job(3), size=3)
    lease = claim(queue, job)
    before = lease.block
    lease.commit()
    after = only_block(queue, job)
    assert after.expires >= before.expires
    assert (after.states, after.owner, after.epoch, after.began) == (before.states, "anna", before.epoch, before.began)
    assert after.seq == before.seq + 1


def test_what_was_not_begun_is_given_back_and_numbered_anew(queue: Queue) -> None:
    job = submit(queue, make_job(3), size=3)
    lease = claim(queue, job, reserve=3)
    assert lease.take() == (0, 1)
    lease.commit(give_back=True)
    assert states(queue, job) == {0: RESERVED, 1: PENDING, 2: PENDING}
    assert lease.take() is None
    lease.commit(reserve=1)
    assert lease.take() == (1, 2), "no attempt number is used twice"


def test_a_task_that_was_begun_and_never_ran_can_be_given_back(queue: Queue) -> None:
    job = submit(queue, make_job(1))
    lease = claim(queue, job)
    assert lease.take() == (0, 1)
    lease.untake(0)
    lease.commit(give_back=True)
    assert states(queue, job) == {0: PENDING}


def test_a_block_of_which_nothing_has_begun_is_given_back_with_its_last_task(queue: Queue) -> None:
    job = submit(queue, make_job(1))
    anna = claim(queue, job, "anna")
    anna.commit(give_back=True)
    assert not anna.held
    assert claim(queue, job, "bert").take() == (0, 2)


def test_a_block_of_which_something_runs_stays_when_the_rest_is_given_back(queue: Queue) -> None:
    job = submit(queue, make_job(4), size=4)
    anna = claim(queue, job, "anna", reserve=4)
    assert anna.take() == (0, 1)
    anna.commit(give_back=True)
    bert = claim(queue, job, "bert", reserve=4)
    assert (anna.held, bert.take()) == (True, (2, 2))


def test_a_released_block_can_be_claimed_by_others(queue: Queue) -> None:
    job = submit(queue, make_job(4))
    lease = claim(queue, job, "anna", reserve=2)
    run_next(lease)
    lease.commit(release=True)
    assert not lease.held
    assert states(queue, job) == {0: OK, 1: PENDING, 2: PENDING, 3: PENDING}
    assert claim(queue, job, "bert").take() == (1, 2)


def test_a_released_lease_reserves_nothing_more(queue: Queue) -> None:
    """A heartbeat of another thread may come after the release; a task reserved by nobody would wait for ever."""
    job = submit(queue, make_job(4))
    lease = claim(queue, job, reserve=2)
    lease.commit(release=True)
    lease.commit(reserve=2)
    assert lease.take() is None
    assert states(queue, job) == dict.fromkeys(range(4), PENDING)
    assert claims.claim(queue, job, "bert") is not None


def test_an_outcome_after_the_release_is_not_recorded(queue: Queue) -> None:
    job = submit(queue, make_job(4))
    lease = claim(queue, job)
    assert lease.take() == (0, 1)
    lease.commit(release=True)
    lease.add_outcome(outcome(0))
    with pytest.raises(LeaseLost):
        lease.commit()
    assert states(queue, job) == dict.fromkeys(range(4), PENDING)


def test_a_block_whose_tasks_all_ended_is_nobodys(queue: Queue) -> None:
    job = submit(queue, make_job(2), size=2)
    lease = claim(queue, job, reserve=2)
    run_next(lease)
    run_next(lease)
    lease.commit()
    assert not lease.held
    assert only_block(queue, job).owner == ""
    lease.commit(reserve=1)
    assert states(queue, job) == {0: OK, 1: OK}


def test_an_outcome_of_another_attempt_does_not_count(queue: Queue) -> None:
    job = submit(queue, make_job(2), size=2)
    lease = claim(queue, job, reserve=2)
    lease.add_outcome(outcome(0, attempt=2))
    lease.add_outcome(outcome(1, attempt=1))
    lease.commit()
    assert states(queue, job) == {0: RESERVED, 1: OK}


def test_the_untouched_tail_of_a_lease_is_stolen(queue: Queue) -> None:
    job = submit(queue, make_job(8), size=8)
    anna = claim(queue, job, "anna", reserve=2)
    bert = claim(queue, job, "bert", reserve=2)
    assert bert.block.indexes(RESERVED) == [5, 6]
    assert (bert.block.lo, bert.block.hi) == (5, 8)
    assert sorted((b.id, b.owner) for b in queue.scan(job)) == [("0-0", "anna"), ("0-5", "bert")]
    run_next(anna)
    anna.commit(reserve=1)
    assert anna.held, "her lease is unbroken"
    assert states(queue, job) == {0: OK, **dict.fromkeys((1, 2, 5, 6), RESERVED), **dict.fromkeys((3, 4, 7), PENDING)}


def test_tasks_are_stolen_until_each_has_one_and_every_one_runs_once(queue: Queue) -> None:
    job = submit(queue, make_job(7), size=7)
    held = [claim(queue, job, f"consumer-{n}") for n in range(7)]
    assert claims.claim(queue, job, "late") is None
    assert sorted(run_next(lease) for lease in held) == list(range(7))
    for lease in held:
        lease.commit(release=True)
    assert set(states(queue, job).values()) == {OK}


def test_outcomes_behind_the_stolen_part_go_along(queue: Queue) -> None:
    job = submit(queue, make_job(6), size=6)
    anna = claim(queue, job, "anna", reserve=6)
    taken = [anna.take() for _ in range(6)]
    for index, attempt in taken[1:5]:  # type: ignore[misc]
        anna.add_outcome(outcome(index, attempt, Cause.EXIT if index == 4 else Cause.OK))
    anna.untake(5)
    anna.commit(give_back=True)
    bert = claim(queue, job, "bert")
    assert bert.take() == (5, 2)
    assert states(queue, job) == {0: RESERVED, 1: OK, 2: OK, 3: OK, 4: FAILED, 5: RESERVED}


def test_the_only_task_of_a_lease_is_not_stolen(queue: Queue) -> None:
    job = submit(queue, make_job(1))
    anna = claim(queue, job, "anna", reserve=0)
    assert claims.claim(queue, job, "bert") is None
    anna.commit(reserve=1)
    assert anna.take() == (0, 1)


def test_a_theft_between_read_and_write_makes_the_commit_anew(open_backend: Opener) -> None:
    one, other = (Queue(open_backend(), sleep=lambda _: None) for _ in range(2))
    job = submit(one, make_job(8), size=8)
    anna = claim(one, job, "anna", reserve=2)
    claim(other, job, "bert")
    run_next(anna)
    anna.commit(reserve=1, give_back=True)
    assert anna.block.hi == 5
    assert states(one, job)[0] is OK


@pytest.mark.parametrize("seed", range(3))
def test_thieves_at_once_never_share_a_task(open_backend: Opener, seed: int) -> None:
    random.seed(seed)
    queues = [Queue(open_backend(), sleep=lambda _: None) for _ in range(3)]
    job = submit(queues[0], make_job(30), size=30)
    held, ran = [], []
    for turn in range(200):
        queue = queues[turn % 3]
        if lease := claims.claim(queue, job, f"consumer-{turn}"):
            held.append(lease)
        lease = random.choice(held)
        while taken := lease.take():
            ran.append(taken[0])
            lease.add_outcome(outcome(*taken))
        lease.commit(reserve=random.randint(0, 2))
        held = [lease for lease in held if lease.held] or held
    assert sorted(ran) == list(range(30))
    assert set(states(queues[0], job).values()) == {OK}


def test_a_block_may_hold_a_task_in_every_state(queue: Queue) -> None:
    job = submit(queue, make_job(5, shapes=SHAPES), size=5)
    lease = claim(queue, job, reserve=4)
    run_next(lease)
    run_next(lease, Cause.EXIT)
    run_next(lease, Cause.OOM)
    lease.commit()
    block = next(queue.scan(job))
    assert [block.state(index) for index in range(5)] == [OK, FAILED, State.MOVED, RESERVED, PENDING]
    assert states(queue, job) == {0: OK, 1: FAILED, 2: PENDING, 3: RESERVED, 4: PENDING}
    assert queue.tallies(job) == {0: Tally(1, 1, 1, 1), 1: Tally(pending=1)}
    assert [(view.index, view.state, view.size_class, view.owner) for view in queue.tasks(job)] == [
        (0, "ok", 0, ""), (1, "failed", 0, ""), (2, "pending", 1, ""), (3, "running", 0, "anna"), (4, "pending", 0, ""),
    ]  # fmt: skip


def test_a_lease_tells_since_when_an_outcome_waits(queue: Queue) -> None:
    job = submit(queue, make_job(3), size=3)
    claim(queue, job, reserve=2)
    clock = Clock()
    lease = Lease(queue, job, only_block(queue, job), clock=clock)
    assert lease.waiting_since is None
    clock.tick(10)
    run_next(lease)
    clock.tick(2)
    run_next(lease)
    assert lease.waiting_since == clock.time - 2
    lease.commit(reserve=1)
    assert lease.waiting_since is None
