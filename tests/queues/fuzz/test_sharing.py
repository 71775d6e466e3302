"""Few tasks are shared evenly among idle consumers. The duration of a sweep is measured in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.model.job.causes import Cause
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.block import block_size, make_blocks
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from tests.queues.fuzz.checker import Checker
from tests.queues.fuzz.deciding import DecidingConsumer
from tests.queues.fuzz.view import View, Weather
from tests.queues.fuzz.world import Participant, World
from tests.queues.makers import make_job

#: Virtual seconds between the starts of two consumers, and of one call of the queue.
START_SECONDS, CALL_SECONDS = 0.1, 0.005
#: Virtual seconds between two steps of a consumer.
STEP_SECONDS = 0.02
_MAX_STEPS = 100_000


class QuickView(View):
    """A queue with calls that all take the same short time."""

    def _delay(self, rng: Random) -> float:
        return CALL_SECONDS


class QuickConsumer(DecidingConsumer):
    """A consumer that is never told to leave and saves quickly."""

    leave_chance = fault_chance = 0.0

    def _saving_seconds(self) -> float:
        return 0.02

    def _next_due(self) -> float:
        return self._world.time + STEP_SECONDS


def makespan(durations: Sequence[float], consumers: int, seed: int = 0) -> float:
    """Return the virtual seconds that consumers take for tasks of these durations."""
    world, backend = World(seed, _MAX_STEPS), MemoryBackend(lambda: world.time)
    checker, n = Checker(backend), len(durations)
    job = make_job(n, consumers=consumers)
    Queue(backend).create(job, make_blocks(job.uid, n, block_size(n, consumers)))
    checker.look(Participant(world, "maker", 0.0))

    def fate(lease: Lease, index: int) -> tuple[float, Cause, int | None]:
        return durations[index], Cause.OK, 0

    def work(me: Participant) -> None:
        queue = Queue(QuickView(backend, me, Weather(), checker.look), sleep=me.pause, clock=lambda: world.time)
        QuickConsumer(me, queue, checker, ConsumerProfile(me.name, linger_seconds=1.0), fate).work()

    def await_end(me: Participant) -> None:
        while checker.open_tasks():
            me.pause(0.05)
        world.over = True

    for number in range(consumers):
        world.spawn(f"consumer-{number}", work, delay=number * START_SECONDS)
    world.spawn("closer", await_end)
    world.run()
    assert not checker.open_tasks()
    return world.elapsed


@pytest.mark.parametrize("seconds", [1.0, 3.0, 4.5])
@pytest.mark.parametrize(
    ("n", "consumers", "rounds"), [(3, 2, 2), (4, 2, 2), (5, 2, 3), (6, 2, 3), (7, 3, 3), (8, 4, 2)]
)
def test_few_long_tasks_are_shared_evenly(n: int, consumers: int, rounds: int, seconds: float) -> None:
    assert makespan([seconds] * n, consumers) < rounds * seconds + 0.9


@pytest.mark.parametrize(
    ("durations", "ideal"),
    [
        ([3.0] * 4 + [0.1] * 4, 6.2),
        ([0.1, 0.1, 4.0, 4.0, 4.0, 4.0, 0.1, 0.1], 8.2),
        ([0.1, 4.0, 4.0, 4.0, 4.0, 0.1, 0.1, 0.1], 8.2),
        ([0.2] * 8 + [4.0] * 8, 16.8),
        ([4.0] * 8 + [0.2] * 8, 16.8),
    ],
)
def test_no_consumer_idles_for_long_while_another_holds_tasks(durations: list[float], ideal: float) -> None:
    assert makespan(durations, consumers=2) < ideal + 2.0


@pytest.mark.parametrize("seconds", [0.05, 0.8])
def test_the_commits_of_short_tasks_cost_no_time(seconds: float) -> None:
    assert makespan([seconds] * 100, consumers=2) < 50 * (seconds + 0.04) + 0.5
