"""Kill, reset and remove stay effective if consumers from before come back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.consumer import instructions as do
from kubeque.consumer.events import LeaseView
from kubeque.consumer.rules.lease_review import review_leases
from kubeque.model.errors import JobNotFound, LeaseLost
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import State
from kubeque.queues import claim as claims
from kubeque.queues import transitions
from kubeque.queues.backends.backend import BlockRecord
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import reap
from tests.queues.backend_kinds import Opener
from tests.queues.makers import SHAPES, claim, make_job, outcome, run_next, states, submit
from tests.queues.unreliable import Unreliable

PENDING, RESERVED, OK, FAILED = State.PENDING, State.RESERVED, State.OK, State.FAILED
BREAK = ResetRule(everything=True, break_leases=True)


def one_of_each(queue: Queue) -> Lease:
    """A lease whose tasks are 0: ok, 1: failed by exit, 2: failed of a signal, 3: running, 4: waiting."""
    job = submit(queue, make_job(5), size=5)
    lease = claim(queue, job, "anna", reserve=4)
    run_next(lease)
    run_next(lease, Cause.EXIT)
    run_next(lease, Cause.SIGNAL)
    lease.commit()
    assert lease.take() == (3, 1)
    assert list(states(queue, job).values()) == [OK, FAILED, FAILED, RESERVED, PENDING]
    return lease


# ------------------------------------------------------------------ kill
def test_a_kill_stops_the_job_and_touches_no_block(queue: Queue) -> None:
    lease = one_of_each(queue)
    before = list(queue.scan(lease.job))
    killed = queue.kill("sweep")
    assert not killed.open
    assert list(queue.scan(lease.job)) == before
    assert queue.counts(killed) == Counts(pending=0, running=1, ok=1, failed=2, killed=1)
    lease.commit(release=True)
    assert queue.counts(killed) == Counts(ok=1, failed=2, killed=2)
    assert [view.state for view in queue.tasks(killed)] == ["ok", "failed", "failed", "killed", "killed"]


def test_a_kill_is_said_twice_and_happens_once(queue: Queue) -> None:
    submit(queue, make_job())
    first = queue.kill("sweep")
    assert queue.kill("sweep") == first


def test_what_is_not_there_cannot_be_killed(queue: Queue) -> None:
    with pytest.raises(JobNotFound, match="nobody"):
        queue.kill("nobody")


# ------------------------------------------------------------------ which tasks a reset names
@pytest.mark.parametrize(
    ("rule", "after"),
    [
        (ResetRule(), [OK, PENDING, PENDING, RESERVED, PENDING]),
        (ResetRule(everything=True), [PENDING, PENDING, PENDING, RESERVED, PENDING]),
        (ResetRule(causes=("signal",)), [OK, FAILED, PENDING, RESERVED, PENDING]),
        (ResetRule(causes=("oom",)), [OK, FAILED, FAILED, RESERVED, PENDING]),
        (ResetRule(ranges=((0, 2),)), [PENDING, PENDING, FAILED, RESERVED, PENDING]),
        (ResetRule(ranges=((0, 2),), causes=("signal",)), [PENDING, FAILED, FAILED, RESERVED, PENDING]),
        (ResetRule(break_leases=True), [OK, PENDING, PENDING, PENDING, PENDING]),
        (BREAK, [PENDING] * 5),
    ],
)
def test_a_reset_puts_back_what_its_rule_names(queue: Queue, rule: ResetRule, after: list[State]) -> None:
    lease = one_of_each(queue)
    job = queue.reset("sweep", rule)
    assert (job.run, job.state, job.reset) == (1, JobState.ACTIVE, None)
    assert list(states(queue, job).values()) == after
    assert {block.run for block in queue.scan(job)} == {1}
    if rule.break_leases:
        with pytest.raises(LeaseLost):
            lease.commit()
    else:
        lease.add_outcome(outcome(3))
        lease.commit()
        assert states(queue, job)[3] is OK


def test_a_reset_gives_budgets_back_to_tasks_that_wait_for_a_retry(queue: Queue) -> None:
    # Given a killed job in which one task waits for a retry
    lease = claim(queue, submit(queue, make_job(2), size=2), "anna", reserve=1)
    run_next(lease, Cause.PREEMPTED)
    lease.commit()
    job = queue.kill("sweep")
    assert [view.record.charges for view in queue.tasks(job)] == [{Cause.PREEMPTED: 1}, {}]

    # When a reset names the other task, then the budget stays; when it names all tasks, the budget is full
    job = queue.reset("sweep", ResetRule(ranges=((1, 2),)))
    assert next(view.record.charges for view in queue.tasks(job)) == {Cause.PREEMPTED: 1}
    queue.kill("sweep")
    job = queue.reset("sweep", ResetRule())
    assert [view.record.charges for view in queue.tasks(job)] == [{}, {}]


def test_a_reset_gives_budgets_back_and_remembers_attempts(queue: Queue) -> None:
    one_of_each(queue)
    job = queue.reset("sweep", BREAK)
    records = [view.record for view in queue.tasks(job)]
    assert [record.charges for record in records] == [{}] * 5
    assert [record.attempts for record in records] == [1, 1, 1, 1, 0]
    assert [len(record.history) for record in records] == [1, 1, 1, 0, 0]
    lease = claim(queue, job, reserve=5)
    assert [lease.take() for _ in range(5)] == [(0, 2), (1, 2), (2, 2), (3, 2), (4, 1)]


def test_a_reset_opens_a_job_that_was_killed_stopped_or_closed(queue: Queue) -> None:
    job = submit(queue, make_job())
    queue.kill("sweep")
    assert queue.reset("sweep", ResetRule()).open
    queue.stop(queue.job("sweep"), "it always fails")
    assert (queue.job("sweep").state, queue.job("sweep").reason) == (JobState.STOPPED, "it always fails")
    assert queue.reset("sweep", ResetRule()).reason == ""
    queue.update("sweep", lambda now: close_job(now, Counts(failed=4), 5.0))
    again = queue.reset("sweep", ResetRule(), lambda now: replace(now, revision=2))
    assert (again.open, again.closing, again.run, again.revision) == (True, None, 3, 2)
    assert claims.claim(queue, job, "old") is None, "a consumer that has not heard of the new run takes nothing"
    assert claims.claim(queue, again, "new") is not None


def test_a_command_that_began_after_a_kill_ends_if_the_job_is_reset_at_once(queue: Queue) -> None:
    listed = submit(queue, make_job())
    killed = queue.kill("sweep")
    counts = queue.counts(killed)
    queue.update("sweep", lambda job: close_job(job, counts, 0.0))
    lease = claim(queue, listed, reserve=1)  # its consumer has not read the list of jobs again
    lease.take()
    job = queue.reset("sweep", ResetRule())
    view = LeaseView(1, lease.job, 0, True, False, 0, None, 0.0, pending=3, untouched=0, idle=False)

    assert review_leases([view], [job], lambda job, size: True) == [do.LetGo(1)]
    lease.commit(release=True)
    again = claim(queue, job, "bea", reserve=1)
    view = replace(view, job=again.job)
    assert review_leases([view], [queue.reset("sweep", ResetRule())], lambda job, size: True) != [do.LetGo(1)]


def test_an_old_verdict_does_not_stop_the_new_run(queue: Queue) -> None:
    old = submit(queue, make_job())
    queue.reset("sweep", ResetRule())
    assert queue.stop(old, "it always fails").open


def test_a_reset_misses_no_task_that_is_stolen_or_moved_meanwhile(open_backend: Opener) -> None:
    """Between the reset's reading and its writing, a thief and a mover hide tasks in blocks that it never read."""
    quick = Queue(open_backend())
    job = submit(quick, make_job(9, shapes=SHAPES), size=9)
    anna = claim(quick, job, "anna", reserve=9)
    taken = [anna.take() for _ in range(9)]
    for index in range(5, 9):
        anna.add_outcome(outcome(index, 1, Cause.EXIT))
    for index in range(1, 5):
        anna.untake(index)
    anna.commit(give_back=True)

    class Slow(Unreliable):
        def scan_blocks(self, *args: object, **kwargs: object) -> list[BlockRecord]:
            found = self.backend.scan_blocks(*args, **kwargs)  # type: ignore[arg-type]
            if found and not self.calls["meddled"]:
                self.calls["meddled"] += 1
                assert claims.claim(quick, job, "bert") is not None
                anna.add_outcome(outcome(0, 1, Cause.OOM))
                anna.commit()
            return found

    after = Queue(Slow(open_backend())).reset("sweep", ResetRule())
    assert taken[0] == (0, 1)
    assert {block.run for block in quick.scan(after)} == {1}
    assert FAILED not in states(quick, after).values()


def test_a_reset_that_broke_off_is_finished_by_the_next(queue: Queue) -> None:
    submit(queue, make_job(6), size=2)
    half = queue.update("sweep", lambda job: queue._begin_reset(job, ResetRule(), queue.now()))
    assert half.state is JobState.RESETTING
    assert claims.claim(queue, half, "anna") is None, "no block is of the new run yet"
    whole = queue.finish_reset(half)
    assert (whole.state, whole.run) == (JobState.ACTIVE, 1)
    assert queue.finish_reset(half) == whole
    assert claims.claim(queue, whole, "anna") is not None


def test_a_second_reset_waits_for_the_first(queue: Queue) -> None:
    job = one_of_each(queue).job
    queue.update("sweep", lambda job: queue._begin_reset(job, ResetRule(causes=("exit",)), queue.now()))
    after = queue.reset("sweep", ResetRule(causes=("signal",)))
    assert after.run == 2
    assert list(states(queue, job).values()) == [OK, PENDING, PENDING, RESERVED, PENDING]


def test_tasks_may_be_claimed_while_a_reset_passes_over_the_rest(queue: Queue) -> None:
    job = submit(queue, make_job(4), size=2)
    half = queue.update("sweep", lambda job: queue._begin_reset(job, ResetRule(), queue.now()))
    first = next(queue.scan(job))
    queue.change_block(first, lambda block: (transitions.reset(block, ResetRule(), 1), []) if block.run < 1 else None)
    lease = claim(queue, half)
    assert lease.block.id == first.id
    assert claims.claim(queue, half, "bert") is not None, "its tail"
    assert claims.claim(queue, half, "carl") is None


def test_the_reset_of_many_failed_tasks_costs_few_calls(flaky_queue: Queue, flaky: Unreliable) -> None:
    job = submit(flaky_queue, make_job(1000), size=250)
    while lease := claims.claim(flaky_queue, job, "anna", reserve=250):
        while taken := lease.take():
            lease.add_outcome(outcome(*taken, Cause.EXIT))
        lease.commit(reserve=250)
    assert flaky_queue.counts(job).failed == 1000
    flaky.calls.clear()
    flaky_queue.reset("sweep", ResetRule())
    assert flaky_queue.counts(job).pending == 1000
    assert flaky.writes <= 2 + 8
    assert sum(flaky.calls.values()) <= 30


# ------------------------------------------------------------------ returning consumers
def test_results_held_over_a_kill_and_a_reset_count_where_the_lease_stood(queue: Queue) -> None:
    job = submit(queue, make_job(2), size=2)
    lease = claim(queue, job, reserve=2)
    run_next(lease)
    queue.kill("sweep")
    job = queue.reset("sweep", ResetRule())
    run_next(lease, Cause.EXIT)
    lease.commit()
    assert states(queue, job) == {0: OK, 1: FAILED}
    assert all(len(view.record.history) == 1 for view in queue.tasks(job))


@pytest.mark.parametrize("taken_over", [False, True])
def test_results_held_over_a_reset_that_breaks_leases_never_count(queue: Queue, taken_over: bool) -> None:
    job = submit(queue, make_job(1))
    zombie = claim(queue, job, "anna")
    run_next(zombie, folder="1-zombie")
    job = queue.reset("sweep", BREAK)
    if taken_over:
        bert = claim(queue, job, "bert")
        run_next(bert, folder="2-good")
        bert.commit()
    with pytest.raises(LeaseLost):
        zombie.commit(release=True)
    (view,) = queue.tasks(job)
    assert view.state == ("ok" if taken_over else "pending")
    assert [attempt.number for attempt in view.record.history] == ([2] if taken_over else [])


@pytest.mark.parametrize("worked_on", [False, True])
def test_results_of_a_removed_job_never_count_in_its_successor(queue: Queue, worked_on: bool) -> None:
    zombie = claim(queue, submit(queue, make_job(1)), "anna")
    run_next(zombie, folder="1-zombie")
    queue.remove("sweep")
    new = submit(queue, make_job(1, uid="uid-2"))
    if worked_on:
        claim(queue, new, "anna")
    before = list(queue.scan(new))
    with pytest.raises(LeaseLost):
        zombie.commit()
    assert list(queue.scan(new)) == before
    assert list(queue.scan(zombie.job)) == []
    assert queue.stop(zombie.job, "it always fails").open
    assert queue.finish_reset(replace(zombie.job, state=JobState.RESETTING, reset=BREAK, run=9)) == new


def test_a_zombie_thief_of_a_removed_job_gets_nothing(queue: Queue) -> None:
    old = submit(queue, make_job(4))
    claim(queue, old, "anna")
    queue.remove("sweep")
    new = submit(queue, make_job(4, uid="uid-2"))
    assert claims.claim(queue, old, "zombie") is None
    assert reap(queue, old, find_death=lambda owner: Death()) == 0
    assert states(queue, new) == dict.fromkeys(range(4), PENDING)


def test_ok_survives_everything_but_a_reset_that_says_so(queue: Queue) -> None:
    lease = one_of_each(queue)
    queue.kill("sweep")
    reap(queue, lease.job, find_death=lambda owner: Death())
    for rule in (ResetRule(), ResetRule(causes=("ok",)), ResetRule(break_leases=True), ResetRule(ranges=((1, 5),))):
        job = queue.reset("sweep", rule)
        assert states(queue, job)[0] is OK
    assert states(queue, queue.reset("sweep", ResetRule(ranges=((0, 1),))))[0] is PENDING


def test_a_reset_that_a_kill_broke_off_is_finished_before_the_next_begins(queue: Queue) -> None:
    """Else rows that were to run again under another spec would stay as they are."""
    job = one_of_each(queue).job
    queue.update("sweep", lambda job: queue._begin_reset(job, BREAK, queue.now()))
    killed = queue.kill("sweep")
    assert queue.finish_reset(killed).state is JobState.KILLED
    assert list(states(queue, job).values()) == [PENDING] * 5
    after = queue.reset("sweep", ResetRule())
    assert (after.run, after.state) == (2, JobState.ACTIVE)
    assert {block.run for block in queue.scan(after)} == {2}


def test_what_ended_has_as_long_again_after_a_reset_and_what_runs_has_not(queue: Queue) -> None:
    given = queue.now() + 50
    job = submit(queue, make_job(4, deadline=given, deadline_seconds=100.0))
    assert queue.reset("sweep", ResetRule()).deadline == given, "it has not ended"
    queue.stop(queue.job("sweep"), "its time is over")
    again = queue.reset("sweep", ResetRule())
    assert again.deadline is not None
    assert given + 40 < again.deadline <= queue.now() + 100
    assert (again.open, again.uid) == (True, job.uid)
