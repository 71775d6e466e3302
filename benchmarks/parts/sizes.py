"""Measure how the cost to submit, count and reset a job depends on its size."""

from __future__ import annotations

import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from benchmarks.parts.counting import Counting
from benchmarks.parts.racing import context, with_emulator
from benchmarks.parts.servers import Place
from benchmarks.task_per_entity import open_tasks
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import Outcome, State, TaskRecord
from kubeque.queues.backends.backend import Backend
from kubeque.queues.block import Block, block_size, make_blocks
from kubeque.queues.open import open_backend, open_queue
from kubeque.queues.queue import Queue

_CONSUMERS = 100
_COUNTINGS = 9


@dataclass(frozen=True, slots=True)
class Size:
    """Results for a job of `n` tasks."""

    n: int
    submit_seconds: float
    #: Peak memory of the submitting process.
    memory_bytes: int
    #: Time of one count: the median of several measurements.
    count_seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """Result of a reset of all tasks."""

    n: int
    seconds: float
    calls: Counter[str]


def kubeque_size(place: Place, n: int) -> Size:
    """Submit and count a job of kubeque in a new process."""
    return cast(Size, apart(_kubeque_size, place, n))


def usual_size(place: Place, n: int) -> Size:
    """Submit and count the tasks of the baseline in a new process."""
    return cast(Size, apart(_usual_size, place, n))


def kubeque_reset(place: Place, n: int) -> Reset:
    """Reset a job in a new process. All tasks of the job have failed."""
    return cast(Reset, apart(_kubeque_reset, place, n))


def apart(work: Callable[..., Any], place: Place, *args: Any) -> Any:
    """Call a function in a new process and return its result."""
    with context().Pool(1) as pool:
        return pool.apply(work, (place, *args))


def _kubeque_size(place: Place, n: int) -> Size:
    with_emulator(place.emulator)
    queue = open_queue(place.url)
    job = Job("sweep", "sizes", n, "file:///nowhere", consumers=_CONSUMERS)
    began = time.perf_counter()
    queue.create(job, make_blocks(job.uid, n, block_size(n, _CONSUMERS)))
    seconds = time.perf_counter() - began
    return Size(n, seconds, memory(), timed(lambda: queue.counts(job).total, n))


def _usual_size(place: Place, n: int) -> Size:
    with_emulator(place.emulator)
    tasks = open_tasks(place.url)
    began = time.perf_counter()
    tasks.submit(n)
    seconds = time.perf_counter() - began
    return Size(n, seconds, memory(), timed(lambda: sum(tasks.counts().values()), n))


def _kubeque_reset(place: Place, n: int) -> Reset:
    with_emulator(place.emulator)
    counting = Counting(open_backend(place.url))
    queue = Queue(cast(Backend, counting))
    job = Job("sweep", "reset", n, "file:///nowhere", consumers=_CONSUMERS)
    queue.create(job, map(failed, make_blocks(job.uid, n, block_size(n, _CONSUMERS))))
    counting.calls.clear()
    began = time.perf_counter()
    after = queue.reset(job.name, ResetRule())
    seconds, calls = time.perf_counter() - began, Counter(counting.calls)
    if queue.counts(after).pending != n:
        raise SystemExit(f"reset: {queue.counts(after)}")
    return Reset(n, seconds, calls)


def failed(block: Block) -> Block:
    """Return the block after one failure of each task."""
    outcomes = [Outcome(i, 1, Cause.EXIT, 1, 1.7e9, 1.0, "1-0badcafe") for i in range(block.lo, block.hi)]
    records = {o.index: replace(TaskRecord(), attempts=1).with_outcome(o, "consumer-1") for o in outcomes}
    return replace(block, states=bytes([State.FAILED]) * (block.hi - block.lo), records=records)


def timed(count: Callable[[], int], n: int) -> float:
    """Return the seconds of one count: the median of several measurements. A slow backend is measured only once."""
    seconds: list[float] = []
    while len(seconds) < _COUNTINGS and sum(seconds) < 2:
        began = time.perf_counter()
        found = count()
        seconds.append(time.perf_counter() - began)
        if found != n:
            raise SystemExit(f"{found} of {n} tasks were counted")
    return statistics.median(seconds)


def memory() -> int:
    """Return the peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
