"""Rows of a job are killed one by one: what has not begun ends at once, and what runs ends at the next heartbeat."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.counts import Counts
from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import Outcome, State
from kubeque.queues import claim as claims
from kubeque.queues import transitions
from kubeque.queues.backends.backend import Backend, BlockRecord
from kubeque.queues.block import make_blocks
from kubeque.queues.integrity import Audit
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import reap
from kubeque.queues.state_letters import read_failed, read_letters
from tests.queues.backend_kinds import Opener
from tests.queues.makers import SHAPES, claim, make_job, run_next, states, submit
from tests.queues.newer import rewrite_blocks
from tests.queues.unreliable import Unreliable

PENDING, RESERVED, OK, FAILED = State.PENDING, State.RESERVED, State.OK, State.FAILED
REASON = "killed by a user"


def kill(queue: Queue, job: Job, rows: Iterable[int]) -> Job:
    chosen = bytearray(job.n)
    for index in rows:
        chosen[index] = 1
    return queue.kill_rows(job, chosen, REASON)


def faults(queue: Queue, job: Job) -> list[object]:
    return list(Audit(job, queue.now()).look(queue.scan_records(job)).compare(queue.tallies(job)).close().findings)


def shown(queue: Queue, job: Job) -> list[str]:
    return [str(view.state) for view in queue.tasks(job)]


def test_rows_that_wait_end_at_once_and_uncharged(queue: Queue) -> None:
    job = submit(queue, make_job(6), size=3)
    after = kill(queue, job, [1, 3, 4])
    assert shown(queue, after) == ["pending", "killed", "pending", "killed", "killed", "pending"]
    assert queue.counts(after) == Counts(pending=3, killed=3)
    assert (after.open, after.needs, after.kills) == (True, "0.3", 1)
    record = list(queue.tasks(after))[3].record
    assert (record.attempts, record.charges, record.history) == (0, {}, ())
    assert record.outcome is not None
    assert (record.outcome.cause, record.outcome.message) == (Cause.KILLED, REASON)
    assert faults(queue, after) == []
    ran = []
    for _ in range(2):
        lease = claim(queue, after, reserve=3)
        while lease.untouched:
            ran.append(run_next(lease))
        lease.commit()
    assert sorted(ran) == [0, 2, 5]
    counts = queue.counts(after)
    assert counts == Counts(ok=3, killed=3)
    assert after.may_close(counts)
    assert not after.succeeds(counts)


def test_a_job_of_which_no_row_was_killed_needs_no_newer_version(queue: Queue) -> None:
    job = submit(queue, make_job(2))
    lease = claim(queue, job, reserve=2)
    run_next(lease)
    run_next(lease)
    lease.commit()
    assert kill(queue, job, [0, 1]).kills == 0, "its rows had ended"
    assert states(queue, job) == {0: OK, 1: OK}


def test_the_owner_ends_a_running_row_with_its_next_commit_and_keeps_the_lease(
    flaky_queue: Queue, flaky: Unreliable
) -> None:
    # Given a consumer that runs row 0 and has reserved rows 1 and 2
    job = submit(flaky_queue, make_job(5), size=5)
    lease = claim(flaky_queue, job, reserve=3)
    assert lease.take() == (0, 1)
    # When rows 0, 1 and 4 are killed
    kill(flaky_queue, job, [0, 1, 4])
    assert states(flaky_queue, job) == {0: RESERVED, 1: RESERVED, 2: RESERVED, 3: PENDING, 4: FAILED}
    # Then its heartbeat, with one refused write and one read, ends row 1 and names row 0
    flaky.calls.clear()
    lease.commit()
    assert (flaky.calls["swap_block"], flaky.calls["get_block"]) == (2, 1)
    assert (lease.held, lease.killed) == (True, frozenset({0}))
    assert shown(flaky_queue, job) == ["running", "killed", "running", "pending", "killed"]
    # When its command has ended
    lease.add_outcome(Outcome(0, 1, Cause.KILLED, start=5.0, seconds=2.0, message="killed by a user while it ran"))
    lease.commit(reserve=4)
    # Then the attempt is recorded and not charged, and the other rows run
    assert states(flaky_queue, job) == {0: FAILED, 1: FAILED, 2: RESERVED, 3: RESERVED, 4: FAILED}
    record = next(iter(flaky_queue.tasks(job))).record
    assert [(a.number, a.cause, a.seconds) for a in record.history] == [(1, Cause.KILLED, 2.0)]
    assert (record.charges, record.kill) == ({}, "")
    assert lease.killed == frozenset()
    assert [lease.take(), lease.take()] == [(2, 1), (3, 1)]
    assert flaky_queue.counts(job) == Counts(running=2, killed=3)
    flaky.calls.clear()
    lease.commit()
    assert (flaky.calls["swap_block"], flaky.calls["get_block"]) == (1, 0)
    assert faults(flaky_queue, job) == []


def test_a_killed_row_that_ends_first_keeps_its_outcome(queue: Queue) -> None:
    job = submit(queue, make_job(2), size=2)
    lease = claim(queue, job, reserve=2)
    run_next(lease)
    run_next(lease, Cause.EXIT)
    kill(queue, job, [0, 1])
    lease.commit()
    assert shown(queue, job) == ["ok", "failed"]
    assert queue.counts(job) == Counts(ok=1, failed=1)


@pytest.mark.parametrize("cause", [Cause.LOST, Cause.OOM, Cause.PREEMPTED])
def test_a_killed_row_does_not_run_again_after_a_failure_of_the_machine(queue: Queue, cause: Cause) -> None:
    job = submit(queue, make_job(1, shapes=SHAPES))
    lease = claim(queue, job)
    run_next(lease, cause)
    kill(queue, job, [0])
    lease.commit()
    assert shown(queue, job) == ["killed"]
    record = next(iter(queue.tasks(job))).record
    assert [attempt.cause for attempt in record.history] == [cause]


def test_a_killed_row_does_not_run_again_when_its_consumer_dies_or_leaves(queue: Queue) -> None:
    job = submit(queue, make_job(4), size=2)
    anna, bert = claim(queue, job, "anna", reserve=2), claim(queue, job, "bert", reserve=2)
    anna.take()
    bert.take()
    after = kill(queue, job, range(4))
    assert reap(queue, job, find_death=lambda owner: Death() if owner == "anna" else None) == 1
    bert.commit(release=True)
    assert shown(queue, job) == ["killed"] * 4
    assert [view.record.suspect for view in queue.tasks(job)] == [False] * 4
    assert queue.counts(after) == Counts(killed=4)
    assert faults(queue, after) == []


def test_a_row_that_an_older_consumer_gave_back_after_its_kill_is_not_reserved(queue: Queue, backend: Backend) -> None:
    job = submit(queue, make_job(2), size=2)
    lease = claim(queue, job, reserve=2)
    kill(queue, job, [0])

    def give_back(wire: dict[str, object]) -> None:  # an older version keeps what it does not know
        wire.update(states="00", owner="")

    rewrite_blocks(backend, job.uid, give_back)
    (block,) = queue.scan(job)
    assert lease.lost or block.states == bytes(2)
    after = transitions.claim(block, job, owner="bert", nonce="n", now=1.0, reserve=2)
    assert after.indexes(RESERVED) == [1]
    assert after.record(0).is_killed


def test_held_rows_are_killed_and_do_not_run_after_go(queue: Queue) -> None:
    job = make_job(5, canaries=1)
    queue.create(job, make_blocks(job.uid, 5, 2, canaries=[0]))
    kill(queue, job, [1, 2])
    assert queue.counts(job) == Counts(pending=1, killed=2, held=2)
    lease = claim(queue, job)
    run_next(lease)
    lease.commit()
    assert job.waits_for_go(queue.counts(job))
    kill(queue, job, [3, 4])
    counts = queue.counts(job)
    assert counts == Counts(ok=1, killed=4)
    assert job.may_close(counts)


def test_a_reset_undoes_a_kill(queue: Queue) -> None:
    job = submit(queue, make_job(4), size=4)
    lease = claim(queue, job)
    assert lease.take() == (0, 1)
    kill(queue, job, [0, 1, 2])
    assert shown(queue, queue.reset("sweep", ResetRule(causes=("exit",)))) == ["running", "killed", "killed", "pending"]
    assert shown(queue, queue.reset("sweep", ResetRule(ranges=((1, 2),)))) == [
        "running", "pending", "killed", "pending",
    ]  # fmt: skip
    after = queue.reset("sweep", ResetRule(causes=("killed",)))
    assert shown(queue, after) == ["running", "pending", "pending", "pending"]
    lease.commit()
    assert (lease.held, lease.killed) == (True, frozenset())
    lease.add_outcome(Outcome(0, 1, Cause.OK, 0))
    lease.commit()
    assert shown(queue, after) == ["ok", "pending", "pending", "pending"]


def test_a_row_whose_kill_was_undone_while_its_command_was_ended_runs_again(queue: Queue) -> None:
    job = submit(queue, make_job(1))
    lease = claim(queue, job)
    lease.take()
    kill(queue, job, [0])
    lease.commit()
    lease.add_outcome(Outcome(0, 1, Cause.KILLED, seconds=1.0))
    after = queue.reset("sweep", ResetRule())
    lease.commit()
    (view,) = queue.tasks(after)
    assert (view.state, view.record.charges, [a.cause for a in view.record.history]) == ("pending", {}, ["killed"])


def test_a_reset_of_a_row_that_is_being_killed_keeps_it_if_it_ends_ok_meanwhile(queue: Queue) -> None:
    job = submit(queue, make_job(3), size=3)
    lease = claim(queue, job, reserve=3)
    lease.take()
    lease.take()
    kill(queue, job, [0, 1, 2])
    lease.add_outcome(Outcome(0, 1, Cause.OK, 0))
    lease.add_outcome(Outcome(1, 1, Cause.KILLED))
    lease.commit()
    after = queue.reset("sweep", ResetRule(ranges=((0, 3),), keep_ok=True))
    assert shown(queue, after) == ["ok", "pending", "pending"]


def test_a_row_whose_kill_was_undone_has_full_budgets(queue: Queue) -> None:
    job = submit(queue, make_job(1))
    lease = claim(queue, job)
    run_next(lease, Cause.PREEMPTED)
    lease.commit(reserve=1)
    assert next(iter(queue.tasks(job))).record.charges == {"preempted": 1}
    lease.take()
    kill(queue, job, [0])
    (view,) = queue.tasks(queue.reset("sweep", ResetRule(ranges=((0, 1),), keep_ok=True)))
    assert (view.state, view.record.charges, view.is_being_killed) == ("running", {}, False)


def test_a_reset_that_breaks_leases_leaves_other_kills_alone(queue: Queue) -> None:
    job = submit(queue, make_job(2), size=2)
    lease = claim(queue, job, reserve=2)
    lease.take()
    kill(queue, job, [0, 1])
    after = queue.reset("sweep", ResetRule(ranges=((1, 2),), break_leases=True))
    assert shown(queue, after) == ["killed", "pending"]


def test_the_release_of_a_killed_job_records_the_interrupted_attempt(flaky_queue: Queue, flaky: Unreliable) -> None:
    job = submit(flaky_queue, make_job(2), size=2)
    lease = claim(flaky_queue, job, reserve=2)
    lease.take()
    killed = flaky_queue.kill("sweep")
    lease.add_interrupted(0, 3.0)
    lease.add_interrupted(0, 3.5)
    flaky.calls.clear()
    lease.commit(release=True)
    assert flaky.writes == 1
    lease.add_interrupted(0, 4.0)
    assert lease.waiting == 0
    first, second = flaky_queue.tasks(killed)
    assert [(a.number, a.cause, a.seconds) for a in first.record.history] == [(1, Cause.KILLED, 3.0)]
    assert (first.state, first.record.charges, first.record.outcome) == ("killed", {}, None)
    assert (second.state, second.record.history) == ("killed", ())
    assert flaky_queue.counts(killed) == Counts(killed=2)


def test_killed_rows_are_no_failures(queue: Queue) -> None:
    job = submit(queue, make_job(3, allow_failed="2"))
    after = kill(queue, job, [0, 2])
    (record,) = queue.scan_records(after)
    assert (read_letters(record), list(read_failed(record))) == ("k-k", [])
    assert after.succeeds(Counts(ok=1, killed=2))
    assert not after.succeeds(Counts(killed=3))


def test_an_eviction_does_not_revive_a_killed_row(queue: Queue) -> None:
    job = submit(queue, make_job(1, shapes=SHAPES))
    lease = claim(queue, job)
    run_next(lease, Cause.PREEMPTED)
    lease.commit()
    kill(queue, job, [0])
    (block,) = queue.scan(job)
    changed = transitions.charge_disk(block, job, {"anna": Eviction("anna", 0, 0, "no disk")})
    assert changed is not None
    assert changed[0].record(0).is_killed
    assert not changed[1]


def test_a_kill_misses_no_row_that_is_stolen_meanwhile(open_backend: Opener) -> None:
    quick = Queue(open_backend())
    job = submit(quick, make_job(6), size=6)
    anna = claim(quick, job, "anna")

    class Slow(Unreliable):
        def scan_blocks(self, *args: object, **kwargs: object) -> list[BlockRecord]:
            found = self.backend.scan_blocks(*args, **kwargs)  # type: ignore[arg-type]
            if found and not self.calls["meddled"]:
                self.calls["meddled"] += 1
                assert claims.claim(quick, job, "bert") is not None
            return found

    kill(Queue(Slow(open_backend())), job, range(6))
    anna.commit(reserve=6)
    assert [view.state for view in quick.tasks(job) if not view.record.kill] == ["killed"] * 5


def test_the_kill_of_many_rows_costs_few_calls(flaky_queue: Queue, flaky: Unreliable) -> None:
    job = submit(flaky_queue, make_job(1000), size=250)
    flaky.calls.clear()
    kill(flaky_queue, job, range(0, 1000, 2))
    assert flaky_queue.counts(job) == Counts(pending=500, killed=500)
    assert flaky.writes <= 2 + 4
    assert sum(flaky.calls.values()) <= 20


def test_a_replaced_or_reset_job_is_left_alone(queue: Queue) -> None:
    job = submit(queue, make_job(2))
    now = queue.reset("sweep", ResetRule())
    assert kill(queue, job, [0]).run == now.run
    queue.remove("sweep")
    other = submit(queue, make_job(2, uid="uid-2"))
    assert kill(queue, job, [0]).uid == "uid-2"
    assert shown(queue, other) == ["pending", "pending"]
