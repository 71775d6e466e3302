"""Simulate the end of a job with uneven tasks. Compare blocks with stolen tails against blocks of one task.

Consumers, leases and the memory backend are real. Only time is virtual (the clock of the queue's fuzzer), so hours of
work take seconds. The two runs of a pair differ only in the size of their blocks.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from benchmarks.parts.consuming import Consumer
from kubeque.model.job.job import Job
from kubeque.queues.backends.backend import Backend
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.block import block_size, make_blocks
from kubeque.queues.queue import Queue
from tests.queues.fuzz.world import Participant, World

#: Standard deviation of the logarithm of the task lengths. The longest of a thousand tasks takes about 20 times the
#: median.
_SIGMA = 1.0
_STEPS = 10_000_000


@dataclass(frozen=True, slots=True)
class Tail:
    """Two runs of one job, with the virtual seconds until the last task is recorded."""

    mean_seconds: float
    blocks: float
    singles: float
    #: Lower limit for any order of the tasks: all work is shared evenly.
    ideal: float

    @property
    def later(self) -> float:
        """Relative delay of the run with blocks compared with the run with single tasks. Negative: it ends earlier."""
        return self.blocks / self.singles - 1


class _Slow:
    """A backend with slow calls. Other consumers act during a call."""

    def __init__(self, store: MemoryBackend, me: Participant, seconds: float) -> None:
        self._store = store
        self._me = me
        self._seconds = seconds

    def now(self) -> float:
        return self._me.world.time

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._me.pause(self._seconds)
            return method(*args, **kwargs)

        return call


def pair(n: int, consumers: int, mean_seconds: float, *, seed: int, call_seconds: float) -> Tail:
    """Run the job once with blocks and once with single tasks. The tasks are the same."""
    rng = random.Random(seed)
    lengths = [rng.lognormvariate(0, _SIGMA) for _ in range(n)]
    scale = mean_seconds * n / sum(lengths)
    lengths = [length * scale for length in lengths]
    blocks = play(lengths, consumers, block_size(n, consumers), seed=seed, call_seconds=call_seconds)
    singles = play(lengths, consumers, 1, seed=seed, call_seconds=call_seconds)
    return Tail(mean_seconds, blocks, singles, max(max(lengths), sum(lengths) / consumers))


def play(lengths: Sequence[float], consumers: int, block: int, *, seed: int, call_seconds: float) -> float:
    """Run one job. Return the virtual seconds until its last task is recorded."""
    random.seed(seed)
    world, store = World(seed, _STEPS), MemoryBackend()
    job = Job("sweep", "tail", len(lengths), "file:///nowhere", consumers=consumers)
    Queue(store).create(job, make_blocks(job.uid, job.n, block))
    left, waiting, ended_at = list(lengths), job.n, 0.0

    def recorded(count: int) -> None:
        nonlocal waiting, ended_at
        waiting -= count
        ended_at = world.elapsed

    def act(me: Participant) -> None:
        def run(index: int, most: float) -> float:
            now = min(most, left[index])
            me.pause(now)
            left[index] -= now
            return left[index]

        queue = Queue(cast(Backend, _Slow(store, me, call_seconds)), sleep=me.pause)
        consumer = Consumer(
            queue, job, me.name, run, recorded, lambda: waiting == 0, sleep=me.pause, clock=lambda: world.time
        )
        consumer.work()

    for number in range(consumers):
        world.spawn(f"consumer-{number}", act)
    world.run()
    return ended_at
