"""A consumer without files and commands. It handles leases as `kubeque.consumer` does, but in one thread."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from kubeque.consumer.idle_polls import idle_pauses
from kubeque.consumer.rules.reservation import COMMIT_SECONDS, reserve_count
from kubeque.model.errors import QueueUnavailable
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome
from kubeque.queues.claim import claim
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue

#: Number of tasks in the mean duration. `kubeque.consumer` uses the same number.
_REMEMBERED = 20


@dataclass
class Consumer:
    """Consumer that claims, runs and records tasks of one job until all tasks have ended."""

    queue: Queue
    job: Job
    owner: str
    #: Function that runs task `index` for at most the given seconds. It returns the remaining seconds of the task.
    run: Callable[[int, float], float]
    #: Function that is called after each commit, with the number of recorded tasks.
    recorded: Callable[[int], None]
    finished: Callable[[], bool]
    #: Number among all consumers; None after the first claim.
    number: int | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def work(self) -> None:
        pauses = idle_pauses()
        while not self.finished():
            lease = self._claim()
            if lease is None:
                self.sleep(next(pauses))
                continue
            pauses = idle_pauses()
            while lease.held:
                self._run_reserved(lease)
                self._commit(lease, reserve=self._reserve())

    def _claim(self) -> Lease | None:
        with suppress(QueueUnavailable):
            number, self.number = self.number, None
            return claim(self.queue, self.job, self.owner, reserve=self._reserve(), number=number)
        return None

    def _reserve(self) -> int:
        return reserve_count(sum(self._recent) / len(self._recent) if self._recent else None)

    def _run_reserved(self, lease: Lease) -> None:
        committed = self.clock()
        while (taken := lease.take()) is not None:
            index, attempt = taken
            began = self.clock()
            left = self.run(index, COMMIT_SECONDS)
            if left > 0 and lease.untouched:
                self._commit(lease, give_back=True)
            while left > 0:  # heartbeats
                left = self.run(index, self.job.heartbeat_seconds)
                if left > 0:
                    self._commit(lease)
            seconds = self.clock() - began
            self._recent.append(seconds)
            folder = f"{attempt}-{lease.block.nonce}"
            lease.add_outcome(Outcome(index, attempt, Cause.OK, 0, began, seconds, folder, 8 << 20, 1, 4096))
            if self.clock() - committed > COMMIT_SECONDS:
                self._commit(lease)
                committed = self.clock()

    def _commit(self, lease: Lease, *, reserve: int = 0, give_back: bool = False) -> None:
        waiting = lease.waiting
        try:
            lease.commit(reserve=reserve, give_back=give_back)
        except QueueUnavailable:
            self.sleep(random.uniform(0.2, 0.5))
        else:
            self.recorded(waiting)
