"""Charge evictions to the tasks that caused them. Only programs that may read pods learn about evictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job
from kubeque.queues import transitions
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue


def charge_evictions(queue: Queue, job: Job, evictions: Sequence[Eviction], known: set[str]) -> int:
    """Change the cause of attempts whose consumers were evicted for their disk use.

    Return the number of changed blocks.

    `known`: owners that this process has handled. These owners are skipped. This call adds the other owners to `known`.
    Any process may call this function.
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
    """Return the blocks that can contain a task; all blocks of the job if the task is unknown."""
    if index is None:
        return queue.scan(job)
    return takewhile(lambda block: block.lo <= index, queue.scan(job, first=index))
