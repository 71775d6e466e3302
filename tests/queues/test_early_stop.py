"""The early end of a hopeless job, the rising floor class, and when neither happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import Attempt, State, TaskRecord
from kubeque.queues import claim as claims
from kubeque.queues.block import Block
from kubeque.queues.early_stop import Early, end_hopeless, enforce_limits, judge
from kubeque.queues.queue import Queue
from tests.queues.makers import SHAPES, claim, make_job, outcome, states, submit

NOW = 1000.0


def failed(
    count: int, cause: Cause = Cause.EXIT, code: int = 1, *, owner: str = "anna", lo: int = 0, seconds: float = 5.0
) -> Block:
    """Return a block with tasks that have all ended once, in the same way."""
    record = TaskRecord(1, {cause: 1}, (Attempt(1, cause, code, owner, NOW - seconds, seconds),))
    return Block(
        "uid-1",
        f"0-{lo}",
        lo,
        lo + count,
        0,
        bytes([State.FAILED] * count),
        dict.fromkeys(range(lo, lo + count), record),
    )


def running(owner: str, seconds: float, *, lo: int = 500) -> Block:
    """Return a block with one task that has run for `seconds`."""
    return Block("uid-1", f"0-{lo}", lo, lo + 1, 0, bytes([State.RESERVED]), owner=owner, began=NOW - seconds)


def verdict(*content: Block, **fields: object) -> Early:
    return judge(make_job(1000, **{"consumers": 3} | fields), content, NOW)


# ------------------------------------------------------------------ stop
def test_a_job_whose_first_attempts_all_failed_alike_is_stopped() -> None:
    anyway = "; --max-failures 1000 runs all rows anyway"
    assert verdict(failed(10)) == Early(stop=f"the first 10 attempts all ended by exit 1{anyway}")
    assert verdict(failed(10, Cause.SIGNAL, 11)) == Early(stop=f"the first 10 attempts all ended by signal 11{anyway}")


@pytest.mark.parametrize("cause", [Cause.EXIT, Cause.SIGNAL])
def test_an_explicit_limit_of_failures_replaces_the_rule(cause: Cause) -> None:
    assert verdict(failed(40, cause), max_failures=1000) == Early()


def test_with_many_consumers_more_failures_are_awaited() -> None:
    assert verdict(failed(19), consumers=20) == Early()
    assert verdict(failed(20), consumers=20).stop


@pytest.mark.parametrize(
    "content",
    [
        [failed(9)],
        [failed(9), failed(1, code=2, lo=20)],
        [failed(9), failed(1, Cause.SIGNAL, lo=20)],
        [failed(10, Cause.TIMEOUT)],
        [failed(10, Cause.LOST)],
        [failed(10, Cause.PREEMPTED)],
        [failed(10, Cause.STAGE)],
        [failed(10), Block("uid-1", "0-20", 20, 21, 0, bytes([State.OK]))],
        [failed(10), running("bert", 0.1)],
        [failed(10), running("anna", 11.0)],
        [],
    ],
    ids=[
        "too few", "another code", "another cause", "timeouts", "losses", "preemptions", "inputs", "one was ok",
        "a consumer has ended none", "one has run longer than the failures did", "nothing ran",
    ],
)  # fmt: skip
def test_a_job_with_hope_goes_on(content: Iterable[Block]) -> None:
    assert verdict(*content) == Early()


def test_a_consumer_that_ended_some_and_runs_another_does_not_hold_the_verdict() -> None:
    assert verdict(failed(10), running("anna", 9.0)).stop


def test_only_first_attempts_of_this_run_count() -> None:
    """Retries of a few tasks, or failures before a reset, say nothing of the others."""
    once = Attempt(1, Cause.EXIT, 1, "anna", NOW, 5.0)
    retried = TaskRecord(9, {Cause.EXIT: 8}, tuple(replace(once, number=n) for n in range(2, 10)))
    assert verdict(Block("uid-1", "0-0", 0, 9, 0, bytes(9), dict.fromkeys(range(9), retried))) == Early()
    reset = TaskRecord(1, {}, (once,))
    assert verdict(Block("uid-1", "0-0", 0, 50, 0, bytes(50), dict.fromkeys(range(50), reset))) == Early()


def fail_all(queue: Queue, job: Job, count: int, cause: Cause) -> None:
    """End the next `count` attempts of tasks in the first class by `cause`."""
    while count and (lease := claims.claim(queue, job, "anna", size_classes=[0], reserve=count)):
        while count and (taken := lease.take()):
            lease.add_outcome(outcome(*taken, cause))
            count -= 1
        lease.commit(release=True)


def test_a_hopeless_job_is_stopped_once_and_a_reset_gives_it_another_chance(queue: Queue) -> None:
    job = submit(queue, make_job(40), size=20)
    fail_all(queue, job, 9, Cause.EXIT)
    assert end_hopeless(queue, job).open
    fail_all(queue, job, 1, Cause.EXIT)
    stopped = end_hopeless(queue, job)
    reason = "the first 10 attempts all ended by exit 1; --max-failures 40 runs all rows anyway"
    assert (stopped.state, stopped.reason) == (JobState.STOPPED, reason)
    assert queue.counts(stopped) == Counts(failed=10, killed=30)
    again = queue.reset("sweep", ResetRule())
    assert end_hopeless(queue, again).open
    assert end_hopeless(queue, job).open, "a verdict on the old run"


# ------------------------------------------------------------------ floor
def test_where_all_first_attempts_died_of_memory_the_floor_rises_once(queue: Queue) -> None:
    job = submit(queue, make_job(60, shapes=SHAPES, consumers=4), size=60)
    fail_all(queue, job, 19, Cause.OOM)
    assert end_hopeless(queue, job).floor == 0
    fail_all(queue, job, 1, Cause.OOM)
    for _ in range(3):
        job = end_hopeless(queue, job)
        assert (job.floor, job.state) == (1, JobState.ACTIVE), "the same deaths do not raise it again"
    assert queue.tallies(job)[1].pending == 20


def test_the_floor_rises_further_when_the_next_class_is_too_small_as_well(queue: Queue) -> None:
    job = submit(queue, make_job(60, shapes=SHAPES, floor=1), size=60)
    fail_all(queue, job, 20, Cause.OOM)
    assert queue.tallies(job)[2].pending == 20
    assert end_hopeless(queue, job).floor == 2
    job = end_hopeless(queue, queue.job("sweep"))
    assert job.floor == 2, "there is no larger class"


def test_with_many_consumers_more_deaths_are_awaited(queue: Queue) -> None:
    job = submit(queue, make_job(200, shapes=SHAPES, consumers=15), size=200)
    fail_all(queue, job, 29, Cause.OOM)
    assert end_hopeless(queue, job).floor == 0
    fail_all(queue, job, 1, Cause.OOM)
    assert end_hopeless(queue, job).floor == 1


@pytest.mark.parametrize("other", [Cause.OK, Cause.EXIT, Cause.LOST])
def test_the_floor_stays_where_one_ended_otherwise(queue: Queue, other: Cause) -> None:
    job = submit(queue, make_job(60, shapes=SHAPES), size=60)
    fail_all(queue, job, 1, other)
    lease = claim(queue, job, reserve=40)
    while taken := lease.take():
        lease.add_outcome(outcome(*taken, Cause.OOM))
    lease.commit(release=True)
    assert queue.tallies(job)[1].pending >= 39
    assert end_hopeless(queue, job).floor == 0


def test_what_waits_below_the_floor_runs_in_the_floor_class(queue: Queue) -> None:
    job = submit(queue, make_job(60, shapes=SHAPES), size=60)
    fail_all(queue, job, 20, Cause.OOM)
    job = end_hopeless(queue, job)
    lease = claim(queue, job, size_classes=[0])
    taken = lease.take()
    assert taken is not None
    lease.refresh(job)
    lease.add_outcome(outcome(*taken, Cause.OOM))
    lease.commit()
    view = queue.task(job, taken[0])
    assert view is not None
    assert view.size_class == 2
    assert set(states(queue, job).values()) == {State.PENDING}


def test_a_verdict_on_a_job_made_anew_or_reset_is_void(queue: Queue) -> None:
    old = submit(queue, make_job(60, shapes=SHAPES), size=60)
    fail_all(queue, old, 20, Cause.OOM)
    content = list(queue.scan(old))
    queue.remove("sweep")
    new = submit(queue, make_job(60, uid="uid-2", shapes=SHAPES), size=60)
    queue.scan = lambda job: iter(content)  # type: ignore[method-assign]
    assert end_hopeless(queue, old) == new
    assert queue.job("sweep").floor == 0


# ------------------------------------------------------------------ limits
def test_a_job_ends_when_too_many_tasks_failed_or_its_time_is_over(queue: Queue) -> None:
    job = submit(queue, make_job(10, max_failures=2))
    assert enforce_limits(queue, job, Counts(pending=9, failed=1)).open
    stopped = enforce_limits(queue, job, Counts(pending=8, failed=2))
    assert (stopped.state, stopped.reason) == (JobState.STOPPED, "2 tasks failed and max_failures is 2")
    late = submit(queue, make_job(10, name="late", uid="uid-2", deadline=queue.now() - 1))
    assert enforce_limits(queue, late, Counts(pending=10)).reason == "its deadline has passed"
    early = submit(queue, make_job(10, name="early", uid="uid-3", deadline=queue.now() + 100))
    assert enforce_limits(queue, early, Counts(pending=10)).open


def test_a_job_that_has_ended_is_not_stopped_any_more(queue: Queue) -> None:
    job = submit(queue, make_job(10, max_failures=1, deadline=1.0))
    assert enforce_limits(queue, job, Counts(ok=8, failed=2)).open
