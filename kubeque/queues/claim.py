"""Claims: lease a ready block of a job, or steal the tail of another consumer's block."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import replace

from kubeque.model.errors import JobUnreadable, QueueUnavailable
from kubeque.model.job.job import Job
from kubeque.queues import transitions
from kubeque.queues.backends.backend import SLOTS, Conflict, Find, first_slot
from kubeque.queues.backends.records import read_blocks
from kubeque.queues.block import Block
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue

#: Number of ready blocks to choose from. A longer list is often stale. With a shorter list, consumers collide.
_CANDIDATES = 3
_STEAL_CANDIDATES = 10
_CLAIM_TRIES = 8


def claim(
    queue: Queue,
    job: Job,
    owner: str,
    *,
    size_classes: Sequence[int] | None = None,
    reserve: int = 1,
    number: int | None = None,
) -> Lease | None:
    """Lease a ready block of `job`. If no block is ready, steal the tail of another consumer's block.

    Return None if there is nothing to lease.

    `size_classes`: claim only blocks of these size classes. `number`: number of the consumer among the consumers that
    start together. It is given at the first claim of a job, so that the consumers begin with different blocks.

    Raises QueueUnavailable if the queue does not answer. Raises JobUnreadable if the ready blocks are damaged.
    """
    damaged: JobUnreadable | None = None
    for attempt in range(_CLAIM_TRIES):
        mine = None if number is None or attempt else first_slot(number)
        start = random.randrange(SLOTS) if mine is None else mine
        records = queue.find_records(job, Find.READY, size_classes=size_classes, slot=start, limit=_CANDIDATES)
        # A block of a different run has not been reset yet, or `job` is stale.
        blocks, unreadable = read_blocks(records)
        slots = {record.id: record.slot for record in records}
        found = {slots[block.id]: block for block in blocks if block.run == job.run}
        damaged = unreadable[0] if unreadable and not found else None
        if damaged is not None:
            continue  # and try other candidates
        if not found:
            return _steal(queue, job, owner, size_classes, reserve)
        lease = _try_claim(queue, job, found.get(mine) or random.choice(list(found.values())), owner, reserve)
        if lease is not None:
            return lease
        queue.sleep(random.uniform(0, 0.01 * 2**attempt))
    if damaged is not None:
        raise damaged
    return None


def _try_claim(queue: Queue, job: Job, block: Block, owner: str, reserve: int) -> Lease | None:
    nonce = secrets.token_hex(4)
    wanted = transitions.claim(block, job, owner=owner, nonce=nonce, now=queue.now(), reserve=reserve)
    try:
        return Lease(queue, job, replace(wanted, version=queue.swap(wanted)))
    except Conflict:
        return None
    except QueueUnavailable:
        return _ours(queue, job, wanted)


def _steal(queue: Queue, job: Job, owner: str, size_classes: Sequence[int] | None, reserve: int) -> Lease | None:
    records = queue.find_records(job, Find.STEALABLE, size_classes=size_classes, limit=_STEAL_CANDIDATES)
    found = [block for block in read_blocks(records)[0] if block.run == job.run]
    random.shuffle(found)
    for victim in found:
        nonce = secrets.token_hex(4)
        halves = transitions.steal(victim, job, owner=owner, nonce=nonce, now=queue.now(), reserve=reserve)
        if halves is None:
            continue
        kept, tail = halves
        try:
            queue.swap(kept, [tail])
        except Conflict:
            continue
        except QueueUnavailable:
            pass  # the read below shows whether the swap was applied
        return _ours(queue, job, tail)
    return None


def _ours(queue: Queue, job: Job, wanted: Block) -> Lease | None:
    """Return the lease if the stored block contains this claim, or if the queue does not answer. Otherwise None."""
    try:
        fresh = queue.get_block(wanted)
    except QueueUnavailable:
        return Lease(queue, job, wanted, unanswered=True)
    ours = fresh is not None and fresh.nonce == wanted.nonce and fresh.owner == wanted.owner
    return Lease(queue, job, fresh) if fresh is not None and ours else None
