"""Reap: take back the leases of dead consumers.

Reaping is idempotent and needs no leader. Consumers, `watch`, Airflow sensors and commands may reap at the same time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import QueueUnavailable
from kubeque.model.job.causes import Death
from kubeque.model.job.job import Job
from kubeque.queues import transitions
from kubeque.queues.backends.backend import Find
from kubeque.queues.backends.records import read_blocks
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue

log = logging.getLogger(__name__)
_LEASES = 1000
#: Function that returns how the owner of a lease died; None if the owner is alive or unknown.
DeathProbe = Callable[[str], Death | None]


def nobody_knows(owner: str) -> Death | None:
    """Return None. This is the DeathProbe of clusters that cannot tell whether a consumer has died."""
    return None


#: Longest pause in seconds between two polls of a lease (half a lease if that is longer). After a longer pause, the
#: observation of the lease starts again.
_LONGEST_LOOK_SECONDS = 30.0


@dataclass(slots=True)
class _Sight:
    #: Epoch and seq of the block.
    version: tuple[int, int]
    #: Time of the last poll that found this version, in seconds of this process's monotonic clock.
    last: float
    #: Seconds for which the version was unchanged while the queue answered.
    unchanged: float = 0.0


class LeaseWatch:
    """The leases that one process has observed. It uses only the monotonic clock of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str], _Sight] = {}
        #: Time of the last poll that the queue did not answer, in seconds of the clock.
        self._silent_at = float("-inf")
        #: Owners whose evictions this process has charged.
        self.evicted: set[str] = set()

    def note_silence(self) -> None:
        """Record that the queue did not answer a poll."""
        self._silent_at = self._clock()

    def silent(self, block: Block, lease_seconds: float) -> bool:
        """True if this lease was unchanged for `lease_seconds` while the queue answered.

        The time between two polls counts as at most a third of a lease. If it was longer, the queue may have been down,
        and the owner could not renew its lease. If it was much longer, the observation starts again, so that the owner
        has a whole lease to renew. The observation also starts again if the time was longer than a third of a lease and
        the queue did not answer this process.
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
        """True if the queue may have been down for a long time since the last poll that found the lease."""
        down = self._silent_at > sight.last and now - sight.last > lease_seconds / 3
        return down or now - sight.last > max(lease_seconds / 2, _LONGEST_LOOK_SECONDS)

    def forget(self, uids: Iterable[str]) -> None:
        """Forget the leases of all jobs except these."""
        keep = set(uids)
        self._seen = {key: sight for key, sight in self._seen.items() if key[0] in keep}


def list_leased(queue: Queue, job: Job) -> list[Block]:
    """Return the readable leased blocks of a job, at most _LEASES."""
    return read_blocks(queue.find_records(job, Find.LEASED, limit=_LEASES))[0]


def reap(queue: Queue, job: Job, *, find_death: DeathProbe = nobody_knows, watch: LeaseWatch | None = None) -> int:
    """Take back the leases of dead consumers and return the number of these leases.

    A consumer is dead if `find_death` reports its death, or if `watch` has seen its lease unchanged for too long.
    An expired lease is not enough, because owners cannot renew their leases while a queue is down.
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
