"""Whole jobs: they are created atomically, ordered in their fleet, and counted and listed in pages."""

from __future__ import annotations

import random
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from kubeque.model.errors import JobExists, JobNotFound, QueueUnavailable
from kubeque.model.job.causes import Cause
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts, Tally
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import Closing, JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.retries import Budgets
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import State
from kubeque.queues import claim as claims
from kubeque.queues.backends.backend import BlockRecord
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.block import Block, make_blocks
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from tests.queues.backend_kinds import Opener
from tests.queues.makers import NASTY, SHAPES, claim, make_job, outcome, run_next, states, submit
from tests.queues.unreliable import Fault, Unreliable


# ------------------------------------------------------------------ made, found, changed
def test_a_job_is_found_as_it_was_made(queue: Queue) -> None:
    job = make_job(
        3, name="sweep " + NASTY.replace("\x00", ""), uid="x" * 12, priority=-3, created=12.5, reason=NASTY, run=2,
        shapes=(Shape(), Shape(1 << 40, 5)), budgets=Budgets({Cause.OOM: 9, Cause.INTERNAL: 0}),
        allow_failed="10%", deadline=99.25,
        reset=ResetRule(True, ("oom",), ((1, 2), (3, 4)), True), max_failures=7, token="t", delivered=True,
        closing=Closing(False, Counts(1, 2, 3, 4, 5), 6.5), floor=1, series="s", state=JobState.STOPPED,
    )  # fmt: skip
    assert submit(queue, job) == job
    assert queue.job(job.name) == job
    assert states(queue, job) == dict.fromkeys(range(3), State.PENDING)


def test_a_taken_name_is_refused_and_nothing_of_the_new_job_is_left(queue: Queue) -> None:
    first = submit(queue, make_job(4))
    second = make_job(9, uid="uid-2")
    with pytest.raises(JobExists, match="'sweep'"):
        submit(queue, second)
    assert queue.job("sweep") == first
    assert list(queue.scan(second)) == []


def test_of_many_that_make_one_job_at_once_one_does(open_backend: Opener) -> None:
    start = threading.Barrier(4)
    made: list[Job] = []

    def make(number: int) -> None:
        queue = Queue(open_backend())
        start.wait()
        with suppress(JobExists):
            made.append(submit(queue, make_job(5, uid=f"uid-{number}"), size=2))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue = Queue(open_backend())
    assert made == [queue.job("sweep")]
    for number in range(4):
        left = list(queue.scan(make_job(5, uid=f"uid-{number}")))
        assert len(left) == (3 if made[0].uid == f"uid-{number}" else 0)


def test_nobody_sees_a_job_before_it_is_whole(flaky_queue: Queue, flaky: Unreliable) -> None:
    job = make_job(4)
    seen: list[list[Job]] = []

    def content() -> Iterator[Block]:
        for block in make_blocks(job.uid, job.n, 1):
            seen.append(flaky_queue.jobs())
            yield block

    flaky_queue.create(job, content())
    assert seen == [[]] * 4
    assert flaky_queue.jobs() == [job]


def test_a_job_whose_blocks_cannot_be_kept_is_not_made(flaky_queue: Queue, flaky: Unreliable) -> None:
    flaky.plan = lambda operation, number: Fault.REFUSE if operation == "insert_blocks" else None
    with pytest.raises(QueueUnavailable):
        submit(flaky_queue, make_job(4))
    assert flaky_queue.find("sweep") is None


def test_a_job_that_is_not_there_is_named(queue: Queue) -> None:
    assert queue.find("nobody") is None
    for ask in (queue.job, queue.kill, lambda name: queue.reset(name, ResetRule())):
        with pytest.raises(JobNotFound, match="'nobody'"):
            ask("nobody")
    assert queue.remove("nobody") is None


def test_changes_of_two_at_once_both_happen(open_backend: Opener) -> None:
    one, other = Queue(open_backend()), Queue(open_backend())
    submit(one, make_job())
    asked = 0

    def change(job: Job) -> Job:
        nonlocal asked
        asked += 1
        if asked == 1:
            other.update("sweep", lambda job: replace(job, consumers=9))
        return replace(job, priority=5)

    assert one.update("sweep", change).consumers == 9
    assert (one.job("sweep").priority, asked) == (5, 2)


def test_a_change_that_wants_nothing_writes_nothing(flaky_queue: Queue, flaky: Unreliable) -> None:
    submit(flaky_queue, make_job())
    flaky.calls.clear()
    assert flaky_queue.update("sweep", lambda job: None) == make_job()
    assert flaky.writes == 0


def test_an_older_kubeque_reads_a_newer_job() -> None:
    wire = make_job().to_wire() | {"a key of tomorrow": 1}
    assert Job.from_wire(wire) == make_job()


def test_fleets_are_served_by_priority_and_then_in_order_of_submission(queue: Queue) -> None:
    for number, (fleet, priority) in enumerate([("gpu", 0), ("gpu", 5), ("local", 9), ("gpu", 5), ("gpu", -1)]):
        job = make_job(
            1, name=f"job-{number}", uid=f"uid-{number}", fleet=fleet, priority=priority, created=100.0 - number
        )
        submit(queue, job)
    assert [job.name for job in queue.jobs("gpu")] == ["job-3", "job-1", "job-0", "job-4"]
    assert [job.name for job in queue.jobs()] == ["job-2", "job-3", "job-1", "job-0", "job-4"]
    queue.update("job-4", lambda job: replace(job, priority=100, fleet="local"))
    assert [job.name for job in queue.jobs("local")] == ["job-4", "job-2"]


def test_a_fleet_does_not_list_what_has_ended_until_it_runs_again(queue: Queue) -> None:
    job = submit(queue, make_job(1, fleet="gpu"))
    queue.update(job.name, lambda now: close_job(now, Counts(ok=1), at=9.0))
    assert queue.jobs("gpu") == []
    assert [found.name for found in queue.jobs()] == [job.name]
    queue.reset(job.name, ResetRule(everything=True))
    assert [found.name for found in queue.jobs("gpu")] == [job.name]


# ------------------------------------------------------------------ counted and listed
def run_some(lease: Lease, count: int) -> None:
    """End at most `count` of the reserved tasks, each with a random cause."""
    while count and (taken := lease.take()):
        lease.add_outcome(outcome(*taken, random.choice([Cause.OK, Cause.EXIT, Cause.OOM])))
        count -= 1


def test_counts_are_those_of_the_tasks(queue: Queue) -> None:
    job = submit(queue, make_job(20, shapes=SHAPES), size=7)
    random.seed(5)
    for turn in range(6):
        lease = claim(queue, job, f"consumer-{turn}", reserve=4)
        run_some(lease, 3)
        lease.commit(reserve=1)
    views = [view.state for view in queue.tasks(job)]
    counts = queue.counts(job)
    states = ("pending", "running", "ok", "failed", "killed", "held")
    assert counts.to_wire() == {state: views.count(state) for state in states}
    assert (counts.total, sum(queue.tallies(job).values(), Tally()).pending) == (20, counts.pending)


def test_every_task_is_listed_once_and_in_order_whatever_moved_or_was_stolen(queue: Queue) -> None:
    job = submit(queue, make_job(60, shapes=SHAPES), size=20)
    random.seed(3)
    for turn in range(12):
        if lease := claims.claim(queue, job, f"consumer-{turn}", reserve=3):
            run_some(lease, 2)
            lease.commit(reserve=turn % 3)
    assert len(list(queue.scan(job))) > 10
    views = list(queue.tasks(job))
    assert [view.index for view in views] == list(range(60))
    for index in (0, 17, 59):
        assert queue.task(job, index) == views[index]
    assert queue.task(job, 60) is None


def test_tasks_listed_while_blocks_are_split_show_once(open_backend: Opener) -> None:
    queue = Queue(open_backend())
    job = submit(queue, make_job(8), size=4)
    claim(queue, job, "anna", reserve=0)
    claim(queue, job, "bert", reserve=0)

    class Meddled(Unreliable):
        def scan_blocks(self, *args: object, limit: int = 0, **kwargs: object) -> list[BlockRecord]:
            page = self.backend.scan_blocks(*args, limit=1, **kwargs)  # type: ignore[arg-type]
            claims.claim(queue, job, "carl")
            return page

    assert [view.index for view in Queue(Meddled(open_backend())).tasks(job)] == list(range(8))


@pytest.mark.timeout(120)
def test_a_job_of_a_million_tasks_is_made_counted_and_listed_in_pages(open_backend: Opener) -> None:
    """Nothing costs a call per task, and nobody holds all of them."""
    n = 1_000_000
    watched = Unreliable(open_backend())
    queue = Queue(watched)
    job = submit(queue, make_job(n), size=256)
    assert queue.counts(job) == Counts(pending=n)
    assert queue.task(job, 4321) is not None
    lease = claim(queue, job, reserve=3)
    run_next(lease)
    lease.commit()
    assert queue.counts(job) == Counts(pending=n - 3, running=2, ok=1)
    tracemalloc.start()
    try:
        if not isinstance(watched.backend, MemoryBackend):
            listed = sum(
                1 for _, view in zip(range(100_000), queue.tasks(job), strict=False) if view.record is not None
            )
            assert listed == 100_000
            assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()
    assert sum(1 for _ in queue.scan(job)) == -(-n // 256)
    assert sum(watched.calls.values()) < 100
    queue.remove("sweep")
    assert list(queue.scan(job)) == []
