"""Lost answers to operations on leases. A read shows what the queue contains, and nothing is done twice."""

from __future__ import annotations

import pytest

from kubeque.model.errors import LeaseLost, QueueUnavailable
from kubeque.model.job.causes import Cause
from kubeque.model.job.task import State
from kubeque.queues import claim as claims
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import Death, reap
from tests.queues.makers import SHAPES, claim, make_job, only_block, outcome, run_next, states, submit
from tests.queues.unreliable import READS, Fault, Unreliable, once

PENDING, RESERVED, OK = State.PENDING, State.RESERVED, State.OK
FAULTS = pytest.mark.parametrize("fault", list(Fault))


@FAULTS
def test_a_claim_without_an_answer_is_mine_only_if_the_store_says_so(
    flaky_queue: Queue, flaky: Unreliable, fault: Fault
) -> None:
    job = submit(flaky_queue, make_job(4))
    flaky.fail(once("swap_block", fault))
    lease = claims.claim(flaky_queue, job, "anna")
    assert lease is not None
    assert (only_block(flaky_queue, job).nonce, only_block(flaky_queue, job).owner) == (lease.block.nonce, "anna")
    assert flaky.calls["swap_block"] == (1 if fault is Fault.DROP else 2)
    run_next(lease)
    lease.commit()
    assert states(flaky_queue, job)[0] is OK


@pytest.mark.parametrize("steals", [False, True])
@pytest.mark.parametrize("fault", [Fault.DROP, Fault.REFUSE])
def test_a_claim_during_an_outage_is_settled_when_the_queue_is_back(
    flaky_queue: Queue, flaky: Unreliable, fault: Fault, steals: bool
) -> None:
    """Otherwise a lease that no consumer knows would be reaped, and its task charged."""
    job = submit(flaky_queue, make_job(8), size=8)
    if steals:
        claim(flaky_queue, job, "bert")
    flaky.go_away("swap_block", fault=fault)
    lease = claim(flaky_queue, job, "anna")
    assert lease.take() is None
    with pytest.raises(QueueUnavailable):
        lease.commit(reserve=1)
    flaky.come_back()
    if fault is Fault.DROP:
        lease.commit()
        assert lease.take() is not None
    else:
        with pytest.raises(LeaseLost):
            lease.commit()
        assert not lease.held


@FAULTS
def test_a_theft_without_an_answer_is_settled_by_reading(flaky_queue: Queue, flaky: Unreliable, fault: Fault) -> None:
    job = submit(flaky_queue, make_job(8), size=8)
    anna = claim(flaky_queue, job, "anna")
    flaky.fail(once("swap_block", fault))
    bert = claims.claim(flaky_queue, job, "bert")
    assert (bert is not None) == (fault is Fault.DROP)
    if bert is None:
        bert = claim(flaky_queue, job, "bert")
    for lease in (anna, bert):
        while lease.take() or lease.held:
            for index in lease.block.indexes(RESERVED):
                lease.add_outcome(outcome(index))
            lease.commit(reserve=8)
    assert set(states(flaky_queue, job).values()) == {OK}


@FAULTS
@pytest.mark.parametrize("cause", [Cause.OK, Cause.EXIT, Cause.OOM, Cause.LOST])
def test_outcomes_are_recorded_once(flaky_queue: Queue, flaky: Unreliable, cause: Cause, fault: Fault) -> None:
    job = submit(flaky_queue, make_job(4, shapes=SHAPES))
    lease = claim(flaky_queue, job, reserve=2)
    run_next(lease, cause)
    flaky.fail(once("swap_block", fault))
    lease.commit(reserve=1)
    flaky.land()
    assert lease.waiting == 0
    assert flaky.calls["swap_block"] == (1 if fault is Fault.DROP else 2)
    record = next(iter(flaky_queue.tasks(job))).record
    assert len(record.history) == 1
    assert sum(record.charges.values()) == (cause is not Cause.OK)
    assert lease.block == next(b for b in flaky_queue.scan(job) if b.id == "0-0")


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.LATE])
def test_an_outcome_that_came_after_the_unanswered_commit_is_recorded_too(
    flaky_queue: Queue, flaky: Unreliable, fault: Fault
) -> None:
    """The second commit meets the first one in the store: it must not take that for itself."""
    job = submit(flaky_queue, make_job(4))
    lease = claim(flaky_queue, job, reserve=2)
    run_next(lease)
    flaky.go_away("swap_block", fault=fault)
    with pytest.raises(QueueUnavailable):
        lease.commit()
    run_next(lease)
    flaky.land()
    flaky.come_back()
    lease.commit(reserve=1)
    assert states(flaky_queue, job) == {0: OK, 1: OK, 2: RESERVED, 3: PENDING}
    assert lease.waiting == 0
    assert lease.take() == (2, 1)


@FAULTS
def test_a_task_that_may_have_been_given_back_is_not_begun(flaky_queue: Queue, flaky: Unreliable, fault: Fault) -> None:
    job = submit(flaky_queue, make_job(2), size=2)
    lease = claim(flaky_queue, job, reserve=2)
    assert lease.take() == (0, 1)
    flaky.go_away("swap_block", fault=fault)
    with pytest.raises(QueueUnavailable):
        lease.commit(give_back=True)
    assert lease.take() is None, "the store may have given it to somebody else"
    flaky.land()
    flaky.come_back()
    lease.commit()
    assert lease.take() == (None if fault in (Fault.DROP, Fault.LATE) else (1, 1))


def test_reserved_tasks_are_begun_while_the_store_is_away(flaky_queue: Queue, flaky: Unreliable) -> None:
    job = submit(flaky_queue, make_job(3), size=3)
    lease = claim(flaky_queue, job, reserve=3)
    run_next(lease)
    flaky.silent = True
    with pytest.raises(QueueUnavailable):
        lease.commit()
    run_next(lease)
    run_next(lease)
    flaky.come_back()
    lease.commit()
    assert states(flaky_queue, job) == {0: OK, 1: OK, 2: OK}


@FAULTS
def test_a_release_without_an_answer_lets_go_once(flaky_queue: Queue, flaky: Unreliable, fault: Fault) -> None:
    job = submit(flaky_queue, make_job(4))
    lease = claim(flaky_queue, job, reserve=2)
    run_next(lease)
    flaky.fail(once("swap_block", fault))
    lease.commit(release=True)
    assert not lease.held
    assert only_block(flaky_queue, job).owner == ""
    assert states(flaky_queue, job)[0] is OK


def test_an_outcome_after_an_unanswered_release_is_dropped(flaky_queue: Queue, flaky: Unreliable) -> None:
    job = submit(flaky_queue, make_job(4))
    lease = claim(flaky_queue, job, reserve=2)
    index = run_next(lease)
    taken = lease.take()
    assert taken is not None
    flaky.go_away("swap_block", fault=Fault.DROP)
    with pytest.raises(QueueUnavailable):
        lease.commit(release=True)
    lease.add_outcome(outcome(*taken))
    flaky.come_back()
    with pytest.raises(LeaseLost):
        lease.commit()
    assert states(flaky_queue, job)[index] is OK, "lease lost does not mean not recorded"
    assert states(flaky_queue, job)[taken[0]] is PENDING


def test_more_moves_than_one_transaction_takes_go_in_several(flaky_queue: Queue, flaky: Unreliable) -> None:
    job = submit(flaky_queue, make_job(64, shapes=SHAPES), size=64)
    lease = claim(flaky_queue, job, reserve=64)
    for _ in range(50):
        run_next(lease, Cause.OOM)
    flaky.fail(lambda operation, number: Fault.DROP if operation == "swap_block" else None)
    lease.commit(release=True)
    assert flaky.calls["swap_block"] == 3
    assert not lease.held
    assert flaky_queue.tallies(job)[1].pending == 50
    assert set(states(flaky_queue, job).values()) == {PENDING}


def test_a_lease_survives_any_silence(flaky_queue: Queue, flaky: Unreliable) -> None:
    job = submit(flaky_queue, make_job(2), size=2)
    lease = claim(flaky_queue, job, reserve=2)
    run_next(lease)
    flaky.silent = True
    for _ in range(50):
        with pytest.raises(QueueUnavailable):
            lease.commit()
    assert lease.held
    flaky.come_back()
    lease.commit()
    assert states(flaky_queue, job) == {0: OK, 1: RESERVED}


# ------------------------------------------------------------------ the dead
@FAULTS
@pytest.mark.parametrize("cause", [Cause.LOST, Cause.OOM])
def test_a_dead_consumer_is_charged_once(flaky_queue: Queue, flaky: Unreliable, cause: Cause, fault: Fault) -> None:
    job = submit(flaky_queue, make_job(4, shapes=SHAPES))
    lease = claim(flaky_queue, job, reserve=2)
    flaky.fail(once("swap_block", fault))
    reap(flaky_queue, job, find_death=lambda owner: Death(cause, running=0))
    flaky.land()
    assert next(iter(flaky_queue.tasks(job))).record.charges == {cause: 1}
    assert states(flaky_queue, job) == dict.fromkeys(range(4), PENDING)
    with pytest.raises(LeaseLost):
        lease.commit()


@pytest.mark.parametrize("operation", [name for name in READS if name != "now"])
def test_a_question_without_an_answer_is_an_error_that_says_so(
    flaky_queue: Queue, flaky: Unreliable, operation: str
) -> None:
    """Nothing is made up, and asking again answers."""
    job = submit(flaky_queue, make_job())
    block = claim(flaky_queue, job).block
    queue = flaky_queue
    asked = {
        "get_job": lambda: queue.find("sweep"), "list_jobs": queue.jobs, "get_block": lambda: queue.get_block(block),
        "find_blocks": lambda: claims.claim(queue, job, "bert"), "tally": lambda: queue.counts(job),
        "scan_blocks": lambda: list(queue.tasks(job)),
    }  # fmt: skip
    flaky.fail(once(operation, Fault.REFUSE))
    with pytest.raises(QueueUnavailable):
        asked[operation]()
    assert asked[operation]()
