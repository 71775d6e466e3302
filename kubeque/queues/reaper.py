"""Reap: end the leases of dead consumers, so that other consumers can run their tasks.

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
    """Return None. This is the DeathProbe of clusters that cannot find out whether a consumer has died."""
    return None


#: Longest pause between two polls of a lease, seconds; half the duration of the lease if that is longer. After a longer
#: pause, the observation of the lease starts again.
_LONGEST_LOOK_SECONDS = 30.0
#: Number of lease durations without a change, after which outages of the queue no longer protect a lease. Without this
#: limit, a queue with frequent short outages would protect a dead consumer forever.
_PROTECTED_LEASES = 4


@dataclass(slots=True)
class _Sight:
    #: Epoch and seq of the block.
    version: tuple[int, int]
    #: Time of the last poll that found this version, in seconds of this process's monotonic clock.
    last: float
    #: Seconds for which the version was unchanged while the queue answered, since the last outage of the queue.
    unchanged: float = 0.0
    #: The same seconds, before the last outage too.
    total: float = 0.0


class LeaseWatch:
    """Observes leases and finds those that have not changed for too long. Uses only this process's monotonic clock."""

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
        """Poll a lease. True if it was unchanged for more than `lease_seconds`, its duration, while the queue answered.

        The time between two polls counts at most as a third of `lease_seconds`. If more time has passed, the queue may
        have been down, so that the owner could not extend its lease.

        The observation starts again if a poll of this process got no answer since the last poll of the lease, or if the
        time between the two polls is longer than half of `lease_seconds`, and longer than _LONGEST_LOOK_SECONDS. So the
        owner has the whole duration again after an outage to extend its lease.
        """
        now = self._clock()
        key, version = (block.uid, block.id), (block.epoch, block.seq)
        sight = self._seen.get(key)
        longest = max(lease_seconds / 2, _LONGEST_LOOK_SECONDS)
        if sight is None or sight.version != version or now - sight.last > longest:
            self._seen[key] = _Sight(version, now)
            return False
        if self._silent_at > sight.last:
            sight.unchanged = 0.0
        else:
            seconds = min(now - sight.last, lease_seconds / 3)
            sight.unchanged, sight.total = sight.unchanged + seconds, sight.total + seconds
        sight.last = now
        return sight.unchanged > lease_seconds or sight.total > _PROTECTED_LEASES * lease_seconds

    def forget(self, uids: Iterable[str]) -> None:
        """Forget the leases of the jobs whose uids are not in `uids`."""
        keep = set(uids)
        self._seen = {key: sight for key, sight in self._seen.items() if key[0] in keep}


def list_leased(queue: Queue, job: Job) -> list[Block]:
    """Return at most _LEASES leased blocks of a job. Leave out the blocks that cannot be read."""
    return read_blocks(queue.find_records(job, Find.LEASED, limit=_LEASES))[0]


def reap(queue: Queue, job: Job, *, find_death: DeathProbe = nobody_knows, watch: LeaseWatch | None = None) -> int:
    """End the leases of dead consumers of a job, and return the number of these leases.

    A consumer is dead if `find_death` reports its death, or if `watch` has observed its lease unchanged for too long.
    An expired lease does not prove a death, because no consumer can extend its lease while the queue is down.

    Raises QueueUnavailable, and records the silence of the queue in `watch`.
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
