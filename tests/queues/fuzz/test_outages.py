"""Outages of the queue alone: no consumer leaves, every task runs once, and nothing is charged."""

from __future__ import annotations

import random
from random import Random

import pytest

from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.model.errors import QueueUnavailable
from kubeque.model.job.causes import Cause
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.block import block_size, make_blocks
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import LeaseWatch, reap
from tests.queues.fuzz.checker import Checker, require
from tests.queues.fuzz.deciding import DecidingConsumer
from tests.queues.fuzz.view import View, Weather
from tests.queues.fuzz.world import Participant, World
from tests.queues.makers import make_job

#: Further seeds, for `make soak`.
SEEDS, SOAK = 12, 2000
_MAX_STEPS = 200_000
#: Seconds of a task; the lease of 15 seconds ends during many of them.
_DURATIONS = [0.1, 1.0, 4.0, 12.0, 40.0]


class QuickView(View):
    """A queue with calls that take little time or get no answer."""

    def _delay(self, rng: Random) -> float:
        return rng.uniform(0.001, 0.02)


class LoyalConsumer(DecidingConsumer):
    """A consumer that is never told to leave."""

    leave_chance = fault_chance = 0.0


def run(seed: int) -> None:
    """Run a job during outages. Raises Violation if a task runs twice or is charged."""
    random.seed(seed)
    world, backend, rng = World(seed, _MAX_STEPS), MemoryBackend(lambda: world.time), Random(seed)
    checker, n, consumers = Checker(backend), rng.randint(1, 12), rng.randint(1, 3)
    begins = [rng.uniform(0.5, 60.0) for _ in range(rng.randint(1, 3))]
    weather = Weather(outages=tuple((begin, begin + rng.choice([2.0, 8.0, 20.0, 45.0, 400.0])) for begin in begins))
    durations = [rng.choice(_DURATIONS) for _ in range(n)]
    job = make_job(n, consumers=consumers)
    Queue(backend).create(job, make_blocks(job.uid, n, block_size(n, consumers)))
    checker.look(Participant(world, "maker", 0.0))

    def fate(lease: Lease, index: int) -> tuple[float, Cause, int | None]:
        return durations[index], Cause.OK, 0

    def open_queue(me: Participant) -> Queue:
        return Queue(QuickView(backend, me, weather, checker.look), sleep=me.pause, clock=lambda: world.time)

    def work(me: Participant) -> None:
        LoyalConsumer(me, open_queue(me), checker, ConsumerProfile(me.name, linger_seconds=5.0), fate).work()
        require(not [task for task in checker.open_tasks() if "PENDING" in task], "a consumer left before the end")

    def watch_leases(me: Participant) -> None:
        queue, watch = open_queue(me), LeaseWatch(lambda: world.time)
        while checker.open_tasks():
            me.pause(rng.choice([1.0, 5.0]))
            try:
                reap(queue, job, watch=watch)
            except QueueUnavailable:
                continue
        world.over = True

    for number in range(consumers):
        world.spawn(f"consumer-{number}", work, delay=rng.uniform(0.0, 0.4))
    world.spawn("watcher", watch_leases)
    world.run()
    assert not checker.open_tasks()
    assert checker.run_twice() == []
    assert all(view.record.charges == {} for view in Queue(backend).tasks(job))


@pytest.mark.timeout(300)
def test_an_outage_makes_no_task_run_twice() -> None:
    for seed in range(SEEDS):
        run(seed)


@pytest.mark.soak
@pytest.mark.parametrize("start", range(SEEDS, SEEDS + SOAK, 100))
def test_thousands_of_outages_make_no_task_run_twice(start: int) -> None:
    for seed in range(start, start + 100):
        run(seed)
