"""A race: many consumer processes empty one queue as fast as possible. The queue is kubeque's or the baseline's."""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from typing import Any, cast

from benchmarks.parts.consuming import Consumer
from benchmarks.parts.counting import Counting
from benchmarks.task_per_entity import consume, open_tasks
from kubeque.model.job.job import Job
from kubeque.queues.backends.backend import Backend
from kubeque.queues.block import block_size, make_blocks
from kubeque.queues.open import open_backend, open_queue
from kubeque.queues.queue import Queue

#: Maximum time for processes to start and to connect, seconds.
_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Race:
    """Settings of a race."""

    #: "kubeque" or "usual".
    side: str
    url: str
    #: Address of the Datastore emulator; empty for other backends.
    emulator: str
    tasks: int
    consumers: int
    #: Seconds after which consumers claim no further task.
    seconds: float
    #: Number of tasks in a block; 0: kubeque's choice.
    block: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Report of one consumer. Times are seconds on the monotonic clock."""

    tasks: int
    began: float
    ended: float
    cpu_seconds: float
    calls: Counter[str]


@dataclass(frozen=True, slots=True)
class Speed:
    """Result of a race."""

    #: Number of recorded tasks.
    tasks: int
    #: Seconds from the common start to the last recorded task.
    seconds: float
    #: CPU seconds of all consumers.
    cpu_seconds: float
    #: Number of kubeque's calls by operation, and number of refused writes. Empty for the baseline.
    calls: Counter[str]

    @property
    def per_second(self) -> float:
        return self.tasks / self.seconds


def context() -> ForkServerContext:
    """Return a context that forks its processes from a server process. The server has all libraries loaded."""
    made = multiprocessing.get_context("forkserver")
    backends = [f"kubeque.queues.backends.{name}" for name in ("datastore", "postgres", "sqlite")]
    made.set_forkserver_preload(["benchmarks.parts.racing", "google.cloud.datastore", "psycopg", *backends])
    return made


def race(what: Race) -> Speed:
    """Submit the tasks, start all consumers at the same time, and check that every task was recorded once."""
    with_emulator(what.emulator)
    job = submit(what)
    processes = context()
    start, left = processes.Barrier(what.consumers), processes.Value("q", what.tasks)
    said: Any = processes.Queue()
    running = [
        processes.Process(target=_consumer, args=(what, job, number, start, left, said), daemon=True)
        for number in range(what.consumers)
    ]
    for process in running:
        process.start()
    heard: list[Part] = [said.get(timeout=_START_SECONDS + what.seconds) for _ in running]
    for process in running:
        process.join()
    done = sum(part.tasks for part in heard)
    check(what, job, done)
    seconds = max(part.ended for part in heard) - min(part.began for part in heard)
    if done < what.tasks:
        seconds = max(seconds, what.seconds)
    calls = sum((part.calls for part in heard), Counter[str]())
    return Speed(done, seconds, sum(part.cpu_seconds for part in heard), calls)


def warm(emulator: str) -> None:
    """Make the emulator compile the queries of both sides. Use a separate project, because the emulator keeps data."""
    race(Race("kubeque", "datastore://kubeque-warm", emulator, 40, 2, 10.0, block=2))
    race(Race("usual", "datastore://kubeque-warm", emulator, 20, 2, 10.0))


def submit(what: Race) -> Job | None:
    """Submit the tasks. For kubeque, return the job."""
    if what.side == "usual":
        tasks = open_tasks(what.url)
        tasks.submit(what.tasks)
        tasks.close()
        return None
    queue = open_queue(what.url)
    job = Job("sweep", "race", what.tasks, "file:///nowhere", consumers=what.consumers)
    queue.create(job, make_blocks(job.uid, job.n, what.block or block_size(job.n, what.consumers)))
    queue.close()
    return job


def check(what: Race, job: Job | None, done: int) -> None:
    """Exit unless the number of stored tasks equals the number that the consumers reported (`done`)."""
    if job is None:
        tasks = open_tasks(what.url)
        kept = tasks.counts().get("complete", 0)
        tasks.close()
    else:
        queue = open_queue(what.url)
        kept = queue.counts(job).ok
        queue.close()
    if kept != done or done > what.tasks:
        raise SystemExit(f"{what}: {done} tasks were recorded and {kept} are there")


def _consumer(what: Race, job: Job | None, number: int, start: Any, left: Any, said: Any) -> None:
    with_emulator(what.emulator)
    done, last = 0, 0.0

    def recorded(count: int) -> None:
        nonlocal done, last
        with left.get_lock():
            left.value -= count
        done, last = done + count, time.monotonic()

    def finished() -> bool:
        return left.value <= 0 or time.monotonic() > end

    calls, work = _prepare(what, job, number, recorded, finished)
    start.wait(_START_SECONDS)
    began = last = time.monotonic()
    end = began + what.seconds
    cpu = _cpu()
    try:
        work()
    finally:
        said.put(Part(done, began, last, _cpu() - cpu, calls))


def _prepare(
    what: Race, job: Job | None, number: int, recorded: Callable[[int], None], finished: Callable[[], bool]
) -> tuple[Counter[str], Callable[[], None]]:
    """Connect to the queue. Return the counter of calls, and the function that does the work."""
    owner = f"consumer-{number}"
    if job is None:
        tasks = open_tasks(what.url)
        return Counter(), lambda: consume(tasks, owner, recorded, finished)
    counting = Counting(open_backend(what.url))
    consumer = Consumer(Queue(cast(Backend, counting)), job, owner, lambda index, most: 0.0, recorded, finished, number)
    return counting.calls, consumer.work


def with_emulator(host: str) -> None:
    """Set the environment variable with which libraries find the emulator."""
    if host:
        os.environ["DATASTORE_EMULATOR_HOST"] = host


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
