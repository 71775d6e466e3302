"""Charge the eviction of a consumer to the task that caused it. Only programs that may read pods learn of evictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job
from kubeque.queues import transitions
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue


def charge_evictions(queue: Queue, job: Job, evictions: Sequence[Eviction], known: set[str]) -> int:
    """Set the cause `disk` for attempts of consumers that were evicted for their disk use.

    Return the number of changed blocks.

    `known`: names of evicted consumers that this process has handled. The call skips these consumers, and adds the
    other consumers in `evictions` to `known`. Several processes can call this function at the same time.
    """
    by_owner = {eviction.owner: eviction for eviction in evictions}
    changed = 0
    for eviction in evictions:
        if eviction.owner in known:
            continue
        for block in _blocks_of(queue, job, eviction.running):
            done = queue.change_block(block, lambda stored: transitions.charge_disk(stored, job, by_owner))
            changed += done is not None
        known.add(eviction.owner)
    return changed


def _blocks_of(queue: Queue, job: Job, index: int | None) -> Iterable[Block]:
    """Return the blocks that can contain the task `index`; all blocks of the job if `index` is None."""
    if index is None:
        return queue.scan(job)
    return takewhile(lambda block: block.lo <= index, queue.scan(job, first=index))
