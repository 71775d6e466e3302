"""A consumer for the chaos test: it claims, "runs" and records tasks of one job until all have ended.

    python -m tests.queues.chaos_consumer QUEUE_URL OWNER JOURNAL

Its journal has one line for each action. Lines are written immediately, because it can be killed or frozen any time.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

from kubeque.model.errors import LeaseLost, QueueUnavailable
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome
from kubeque.queues.claim import claim
from kubeque.queues.lease import Lease
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import LeaseWatch, reap
from kubeque.queues.until_answered import until_answered

JOB = "chaos"
_TASK_SECONDS = 0.03
_RESERVE = 8
_COMMIT_AT = 4
_REAP_EVERY = 0.7


class Consumer:
    """One consumer process."""

    def __init__(self, queue: Queue, owner: str, journal: Path) -> None:
        self._queue = queue
        self._job: Job = until_answered(lambda: queue.job(JOB))
        self._owner = owner
        self._journal = journal.open("a", buffering=1)
        self._watch = LeaseWatch()
        self._reaped_at = 0.0

    def note(self, what: str, detail: object) -> None:
        self._journal.write(json.dumps([what, detail]) + "\n")

    def work(self) -> None:
        """Run tasks until every task has ended."""
        while True:
            try:
                lease = claim(self._queue, self._job, self._owner, reserve=_RESERVE)
                if lease is not None:
                    self._run(lease)
                elif self._queue.counts(self._job).ended == self._job.n:
                    return
                else:
                    time.sleep(random.uniform(0.3, 0.9))
                self._reap()
            except QueueUnavailable as error:
                self.note("unavailable", str(error))
                time.sleep(0.1)
            except LeaseLost:
                self.note("refused", self._owner)

    def _run(self, lease: Lease) -> None:
        waiting: list[list[object]] = []
        while lease.held:
            taken = lease.take()
            if taken is not None:
                waiting.append(self._run_task(lease, *taken))
            if taken is None or len(waiting) >= _COMMIT_AT:
                self._commit(lease)
                self.note("acknowledged", waiting)
                waiting = []
            self._reap()

    def _run_task(self, lease: Lease, index: int, attempt: int) -> list[object]:
        folder = f"{attempt}-{lease.block.nonce}"
        time.sleep(_TASK_SECONDS)
        self.note("ran", [index, attempt, folder])
        cause = Cause.EXIT if index % 50 == 13 else Cause.OK
        lease.add_outcome(Outcome(index, attempt, cause, code=int(cause is not Cause.OK), seconds=0.02, folder=folder))
        return [index, attempt, folder]

    def _commit(self, lease: Lease) -> None:
        """Repeat a commit until the queue answers. Only a refusal ends a lease."""
        while True:
            try:
                return lease.commit(reserve=_RESERVE)
            except QueueUnavailable as error:
                self.note("unavailable", str(error))
                time.sleep(0.1)

    def _reap(self) -> None:
        if time.monotonic() - self._reaped_at > _REAP_EVERY:
            self._reaped_at = time.monotonic()
            try:
                reaped = reap(self._queue, self._job, watch=self._watch)
            except QueueUnavailable as error:
                self.note("unavailable", str(error))
            else:
                if reaped:
                    self.note("reaped", reaped)


def main(url: str, owner: str, journal: str) -> None:
    queue = until_answered(lambda: open_queue(url))
    Consumer(queue, owner, Path(journal)).work()
    queue.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
