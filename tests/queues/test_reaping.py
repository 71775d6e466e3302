"""The leases of dead consumers are taken back. The leases of living consumers are not, whatever the clocks say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.model.errors import LeaseLost
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.counts import Tally
from kubeque.model.job.job import Job
from kubeque.model.job.task import State
from kubeque.queues.block import Block
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import DeathProbe, LeaseWatch, _take, reap
from tests.queues.backend_kinds import Opener
from tests.queues.clocks import Clock, Skewed
from tests.queues.makers import SHAPES, claim, make_job, only_block, outcome, run_next, states, submit

PENDING, RESERVED, OK, FAILED = State.PENDING, State.RESERVED, State.OK, State.FAILED
#: Machines whose clocks are wrong, in seconds.
WRONG = pytest.mark.parametrize("seconds", [-600.0, 0.0, 600.0])


def dead(cause: Cause = Cause.LOST, running: int | None = None, message: str = "gone") -> DeathProbe:
    """Return a probe that reports this death for every consumer."""
    return lambda owner: Death(cause, running, message)


def watch_for(queue: Queue, job: Job, watch: LeaseWatch, clock: Clock, seconds: float, *alive: Lease) -> int:
    """Reap every second while the living consumers renew. Return the number of leases that were taken back."""
    taken = 0
    for second in range(int(seconds)):
        clock.tick(1.0)
        if second % 5 == 0:
            for lease in alive:
                lease.commit()
        taken += reap(queue, job, watch=watch)
    return taken


# ------------------------------------------------------------------ dead consumers
def test_a_long_lived_reaper_takes_a_lease_that_stood_still_for_a_whole_lease(queue: Queue) -> None:
    job = submit(queue, make_job(8))
    anna, bert = claim(queue, job, "anna"), claim(queue, job, "bert")
    clock = Clock()
    watch = LeaseWatch(clock)
    assert watch_for(queue, job, watch, clock, 14, bert) == 0
    assert watch_for(queue, job, watch, clock, 4, bert) == 1
    with pytest.raises(LeaseLost):
        anna.commit()
    bert.commit()
    assert bert.held


@WRONG
def test_a_watching_reaper_trusts_no_clock_but_its_own(open_backend: Opener, seconds: float) -> None:
    sound = Queue(open_backend())
    job = submit(sound, make_job(8))
    wrong = Queue(Skewed(open_backend(), seconds))
    lease = claim(wrong, job, "anna")
    clock = Clock()
    watch = LeaseWatch(clock)
    assert watch_for(Queue(Skewed(open_backend(), -seconds)), job, watch, clock, 60, lease) == 0
    assert lease.held
    assert watch_for(sound, job, watch, clock, 20) == 1


def test_a_reaper_that_looks_once_takes_no_lease_because_of_its_age(open_backend: Opener) -> None:
    """The queue may have been down until now, so that no owner could renew."""
    queue = Queue(open_backend())
    job = submit(queue, make_job(8))
    claim(queue, job, "anna")
    claim(queue, job, "bert")
    later = Queue(Skewed(open_backend(), 7200.0))
    assert reap(later, job) == 0
    assert reap(later, job, watch=LeaseWatch()) == 0


def test_a_reaper_that_was_away_itself_begins_its_watch_anew(queue: Queue) -> None:
    job = submit(queue, make_job(4))
    lease = claim(queue, job)
    clock = Clock()
    watch = LeaseWatch(clock)
    reap(queue, job, watch=watch)
    clock.tick(600.0)
    assert reap(queue, job, watch=watch) == 0
    assert watch_for(queue, job, watch, clock, 10) == 0
    lease.commit()


def test_a_watch_forgets_other_jobs(queue: Queue) -> None:
    job = submit(queue, make_job(4))
    claim(queue, job)
    clock = Clock()
    watch = LeaseWatch(clock)
    assert watch_for(queue, job, watch, clock, 14) == 0
    watch.forget([])
    assert watch_for(queue, job, watch, clock, 14) == 0
    watch.forget([job.uid])
    assert watch_for(queue, job, watch, clock, 4) == 1


def test_a_consumer_known_to_be_gone_is_reaped_at_once(queue: Queue) -> None:
    job = submit(queue, make_job(8))
    claim(queue, job, "anna")
    claim(queue, job, "bert")
    assert reap(queue, job, find_death=lambda owner: Death(Cause.PREEMPTED, 0) if owner == "anna" else None) == 1
    assert sorted(block.owner for block in queue.scan(job)) == ["", "bert"]
    assert reap(queue, job, find_death=lambda owner: Death() if owner == "anna" else None) == 0


# ------------------------------------------------------------------ what is charged
def test_reaping_touches_no_outcome(queue: Queue) -> None:
    job = submit(queue, make_job(4))
    lease = claim(queue, job, reserve=3)
    run_next(lease)
    run_next(lease, Cause.EXIT)
    lease.commit()
    reap(queue, job, find_death=dead())
    assert states(queue, job) == {0: OK, 1: FAILED, 2: PENDING, 3: PENDING}
    assert queue.tallies(job) == {0: Tally(ok=1, failed=1, pending=2)}


def test_only_the_task_that_ran_is_charged(queue: Queue) -> None:
    job = submit(queue, make_job(3), size=3)
    claim(queue, job, "anna", reserve=2)
    reap(queue, job, find_death=dead(cause=Cause.PREEMPTED, running=1, message="its node was taken away"))
    records = [view.record for view in queue.tasks(job)]
    assert [record.charges for record in records] == [{}, {Cause.PREEMPTED: 1}, {}]
    assert [record.suspect for record in records] == [False, False, False]
    assert [record.attempts for record in records] == [1, 1, 0]
    assert records[1].history[-1].owner == "anna"
    assert records[1].outcome is not None
    assert records[1].outcome.message == "its node was taken away"


def test_where_one_was_reserved_it_is_charged(queue: Queue) -> None:
    job = submit(queue, make_job(2), size=2)
    claim(queue, job)
    reap(queue, job, find_death=dead())
    assert [view.record.charges for view in queue.tasks(job)] == [{Cause.LOST: 1}, {}]


def test_a_task_that_killed_by_memory_moves_up(queue: Queue) -> None:
    job = submit(queue, make_job(2, shapes=SHAPES), size=2)
    claim(queue, job, reserve=2)
    reap(queue, job, find_death=dead(cause=Cause.OOM, running=0))
    assert [(view.size_class, view.record.charges) for view in queue.tasks(job)] == [(1, {Cause.OOM: 1}), (0, {})]
    assert states(queue, job) == {0: PENDING, 1: PENDING}


def test_suspects_run_alone_until_one_attempt_ended(queue: Queue) -> None:
    job = submit(queue, make_job(4))
    claim(queue, job, reserve=3)
    reap(queue, job, find_death=dead())
    assert [view.record.charges for view in queue.tasks(job)] == [{}] * 4
    assert [view.record.suspect for view in queue.tasks(job)] == [True, True, True, False]

    lease = claim(queue, job, reserve=3)
    assert states(queue, job) == {0: RESERVED, 1: PENDING, 2: PENDING, 3: PENDING}
    lease.commit(reserve=3)
    assert lease.block.indexes(RESERVED) == [0], "nothing is reserved beside a suspect"
    run_next(lease)
    lease.commit(reserve=3)
    assert lease.block.indexes(RESERVED) == [1]
    reap(queue, job, find_death=dead())
    assert [view.record.charges for view in queue.tasks(job)] == [{}, {Cause.LOST: 1}, {}, {}]


def test_a_task_without_suspicion_is_not_run_beside_a_suspect(queue: Queue) -> None:
    job = submit(queue, make_job(5), size=5)
    claim(queue, job, reserve=2)
    reap(queue, job, find_death=dead())
    lease = claim(queue, job, reserve=5)
    run_next(lease)
    lease.commit(reserve=5)
    run_next(lease)
    lease.commit(reserve=5)
    assert states(queue, job) == {0: OK, 1: OK, 2: RESERVED, 3: RESERVED, 4: RESERVED}


def test_a_task_that_kills_its_consumers_fails_and_the_others_end_well(queue: Queue) -> None:
    job = submit(queue, make_job(16), size=16)
    deaths = 0
    while queue.counts(job).ended < job.n:
        lease = claim(queue, job, f"consumer-{deaths}", reserve=4)
        while lease.held and (taken := lease.take()):
            if taken[0] == 2:
                deaths += 1
                reap(queue, job, find_death=dead())
                break
            lease.add_outcome(outcome(*taken))
            lease.commit(reserve=4 if not lease.untouched else 0)
    assert states(queue, job) == {**dict.fromkeys(range(16), OK), 2: FAILED}
    assert deaths <= 1 + 4, "once among others, then alone until its budget is spent"


@pytest.mark.parametrize("lease_seconds", [5.0, 20.0, 180.0])
def test_an_observer_that_looks_every_five_seconds_finds_a_silent_lease_of_any_length(lease_seconds: float) -> None:
    now = 0.0
    watch, block = LeaseWatch(lambda: now), Block("u", "0-0", 0, 1, 0, bytes(1), owner="anna", epoch=1)
    while not watch.silent(block, lease_seconds):
        now += 5.0
        assert now <= max(4 * lease_seconds, 25)
    assert now > lease_seconds


def test_a_lease_that_is_renewed_after_an_outage_of_the_queue_is_not_silent() -> None:
    now = 0.0
    watch, block = LeaseWatch(lambda: now), Block("u", "0-0", 0, 1, 0, bytes(1), owner="anna", epoch=1)
    for seconds in (0.0, 5.0, 25.0):  # the queue was down for the last 25 seconds
        now += seconds
        assert not watch.silent(block, 20.0)
    now += 5.0
    assert not watch.silent(replace(block, seq=1), 20.0)


@pytest.mark.parametrize("lease_seconds", [5.0, 20.0, 180.0])
@pytest.mark.parametrize("outage", [2.0, 20.0, 29.0, 100.0, 1000.0])
@pytest.mark.parametrize("look", [1.0, 5.0])
def test_an_owner_has_time_to_renew_after_an_outage(lease_seconds: float, outage: float, look: float) -> None:
    now = 0.0
    watch, block = LeaseWatch(lambda: now), Block("u", "0-0", 0, 1, 0, bytes(1), owner="anna", epoch=1)
    while now < lease_seconds / 3:  # the owner renews after a third of a lease
        assert not watch.silent(block, lease_seconds)
        now += look
    end = now + outage
    while now < end:
        now += look
        watch.note_silence()
    back = now
    while not watch.silent(block, lease_seconds):
        now += look
    assert now - back >= lease_seconds, "the owner has one whole lease to return"


def test_frequent_short_outages_do_not_protect_a_dead_consumer_forever() -> None:
    now = 0.0
    watch, block = LeaseWatch(lambda: now), Block("u", "0-0", 0, 1, 0, bytes(1), owner="anna", epoch=1)
    polls = 0
    while not watch.silent(block, 20.0):
        now, polls = now + 5.0, polls + 1
        if polls % 3 == 0:
            watch.note_silence()
            now += 1.0
        assert polls < 100


# ------------------------------------------------------------------ zombies
def test_an_outcome_after_the_lease_was_taken_never_counts(queue: Queue) -> None:
    job = submit(queue, make_job(1))
    zombie = claim(queue, job, "anna")
    run_next(zombie, code=0, folder="1-zombie")
    reap(queue, job, find_death=dead())
    bert = claim(queue, job, "bert")
    with pytest.raises(LeaseLost):
        zombie.commit()
    run_next(bert, Cause.OK, folder="2-good")
    bert.commit()
    for _ in range(2):
        with pytest.raises(LeaseLost):
            zombie.commit()
    (view,) = queue.tasks(job)
    assert view.record.outcome is not None
    assert view.record.outcome.folder == "2-good"
    assert [attempt.owner for attempt in view.record.history] == ["anna", "bert"]
    assert zombie.take() is None


def test_an_outcome_before_anybody_took_over_never_counts_either(queue: Queue) -> None:
    job = submit(queue, make_job(1))
    zombie = claim(queue, job, "anna")
    run_next(zombie)
    reap(queue, job, find_death=dead())
    with pytest.raises(LeaseLost):
        zombie.commit()
    assert states(queue, job) == {0: PENDING}


def test_a_consumer_under_the_same_name_has_not_the_old_lease(queue: Queue) -> None:
    job = submit(queue, make_job(1))
    zombie = claim(queue, job, "anna")
    run_next(zombie)
    reap(queue, job, find_death=dead())
    again = claim(queue, job, "anna")
    with pytest.raises(LeaseLost):
        zombie.commit()
    run_next(again)
    again.commit()
    assert states(queue, job) == {0: OK}


def test_an_outcome_that_came_first_stands(queue: Queue) -> None:
    """The reaper read before the commit and writes after it."""
    job = submit(queue, make_job(2), size=2)
    lease = claim(queue, job, "anna", reserve=2)
    seen = only_block(queue, job)
    run_next(lease)
    lease.commit()
    assert _take(queue, job, seen, Death()) == 0, "it lives: its block changed since"
    assert _take(queue, job, seen, Death(Cause.PREEMPTED)) == 1, "known dead: but its outcome stays"
    assert states(queue, job) == {0: OK, 1: PENDING}
