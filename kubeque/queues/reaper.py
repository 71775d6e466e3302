"""Reap: take back the leases of dead consumers.

It is idempotent and needs no leader: consumers, `watch`, Airflow sensors and commands may reap at the same time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kubeque.model.errors import QueueUnavailable
from kubeque.model.job.job import Job
from kubeque.model.job.task import Death
from kubeque.queues import transitions
from kubeque.queues.backends.backend import Find
from kubeque.queues.backends.records import read_blocks
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue

log = logging.getLogger(__name__)
_LEASES = 1000
#: Returns how the owner of a lease died; None if it is alive or unknown.
DeathProbe = Callable[[str], Death | None]


def nobody_knows(owner: str) -> Death | None:
    """Return None. For clusters that know nothing about consumers except their leases."""
    return None


#: Seconds between two polls, or half a lease if that is longer, after which the observation of a lease starts again.
_LONGEST_LOOK_SECONDS = 30.0


@dataclass(slots=True)
class _Sight:
    #: Epoch and seq of the block.
    version: tuple[int, int]
    #: Last poll that found this version, seconds of the own monotonic clock.
    last: float
    #: Seconds for which it was unchanged while the queue answered.
    unchanged: float = 0.0


class LeaseWatch:
    """Leases as one process observed them, by its own monotonic clock. The result does not depend on other clocks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str], _Sight] = {}
        #: Last poll that the queue did not answer, seconds of the clock.
        self._silent_at = float("-inf")
        #: Owners whose evictions this process has charged.
        self.evicted: set[str] = set()

    def note_silence(self) -> None:
        """Record that the queue did not answer a poll."""
        self._silent_at = self._clock()

    def silent(self, block: Block, lease_seconds: float) -> bool:
        """True if this lease was unchanged for `lease_seconds` while the queue answered.

        The time between two polls counts as at most a third of a lease, because the queue may have been down in a
        longer time, so that the owner could not renew its lease. The observation starts again, so that the owner has a
        whole lease to renew, in two cases: the time was much longer; or it was longer than a third of a lease and the
        queue did not answer this process.
        """
        now = self._clock()
        key, version = (block.uid, block.id), (block.epoch, block.seq)
        sight = self._seen.get(key)
        if sight is None or sight.version != version or self._missed(sight, now, lease_seconds):
            self._seen[key] = _Sight(version, now)
            return False
        sight.unchanged += min(now - sight.last, lease_seconds / 3)
        sight.last = now
        return sight.unchanged > lease_seconds

    def _missed(self, sight: _Sight, now: float, lease_seconds: float) -> bool:
        """True if the queue may have been down since the last poll that found the lease."""
        down = self._silent_at > sight.last and now - sight.last > lease_seconds / 3
        return down or now - sight.last > max(lease_seconds / 2, _LONGEST_LOOK_SECONDS)

    def forget(self, uids: Iterable[str]) -> None:
        """Forget the leases of all jobs except these."""
        keep = set(uids)
        self._seen = {key: sight for key, sight in self._seen.items() if key[0] in keep}


def list_leased(queue: Queue, job: Job) -> list[Block]:
    """Return the leased blocks of a job that can be read, at most _LEASES."""
    return read_blocks(queue.find_records(job, Find.LEASED, limit=_LEASES))[0]


def reap(queue: Queue, job: Job, *, find_death: DeathProbe = nobody_knows, watch: LeaseWatch | None = None) -> int:
    """Take back the leases of dead consumers and return their number.

    A consumer is dead if `find_death` or `watch` reports its death. The first contact with a queue that was down
    therefore takes back no lease because of its age: the owner could not renew it.
    """
    try:
        held = list_leased(queue, job)
    except QueueUnavailable:
        if watch is not None:
            watch.note_silence()
        raise
    reaped = 0
    for block in held:
        death = find_death(block.owner)
        if death is None and watch is not None and watch.silent(block, job.lease_seconds):
            death = Death()
        if death is not None:
            reaped += _take(queue, job, block, death)
    return reaped


def _take(queue: Queue, job: Job, seen: Block, death: Death) -> int:
    def change(block: Block) -> tuple[Block, list[Block]] | None:
        same = block.owner == seen.owner and block.epoch == seen.epoch
        if not same or (death == Death() and block.seq != seen.seq):
            return None
        return transitions.reap(block, job, death, now=queue.now())

    taken = queue.change_block(seen, change)
    if taken is not None:
        log.info("%s: tasks %d to %d taken back from %s (%s)", job.name, seen.lo, seen.hi - 1, seen.owner, death.cause)
    return taken is not None
