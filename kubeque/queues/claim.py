"""Claims: lease a ready block of a job, or steal the tail of another consumer's block."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import replace

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobUnreadable, QueueUnavailable
from kubeque.model.job.job import Job
from kubeque.model.job.task import State
from kubeque.queues import transitions
from kubeque.queues.backends.backend import SLOTS, Conflict, Find, first_slot
from kubeque.queues.backends.records import read_blocks
from kubeque.queues.block import Block
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from kubeque.queues.running_command import RunningCommand

#: Number of ready blocks that a claim reads. The claim leases one of these blocks. A longer list is often stale. With a
#: shorter list, several consumers often choose the same block.
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
    command: RunningCommand | None = None,
) -> Lease | None:
    """Lease a ready block of `job`. If no block is ready, steal the tail of another consumer's block.

    Return the lease. Return None if there is nothing to lease, or if other consumers lease the chosen block first in
    each of _CLAIM_TRIES tries.

    `size_classes`: claim only blocks of these size classes; None: of all size classes. `reserve`: number of tasks to
    reserve.

    `number`: position of this consumer among the consumers that start together, for the first claim of a job. So these
    consumers begin with different blocks. None: choose the first block at random.

    `command`: command that the consumer is running, to record in the block; None: nothing is recorded.

    Raises QueueUnavailable if the queue does not answer. Raises JobUnreadable if the ready blocks are damaged.
    """
    damaged: JobUnreadable | None = None
    claimer = Claimer(queue, job, owner, reserve, command)
    for attempt in range(_CLAIM_TRIES):
        mine = None if number is None or attempt else first_slot(number)
        start = random.randrange(SLOTS) if mine is None else mine
        records = queue.find_records(job, Find.READY, size_classes=size_classes, slot=start, limit=_CANDIDATES)
        blocks, unreadable = read_blocks(records)
        slots = {record.id: record.slot for record in records}
        # Do not lease a block of a different run: it has not been reset yet, or `job` is stale.
        found = {slots[block.id]: block for block in blocks if block.run == job.run}
        damaged = unreadable[0] if unreadable and not found else None
        if damaged is not None:
            continue  # and try other candidates
        if not found:
            return claimer.steal(size_classes)
        lease = claimer.try_claim(found.get(mine) or random.choice(list(found.values())))
        if lease is not None:
            return lease
        queue.sleep(random.uniform(0, 0.01 * 2**attempt))
    if damaged is not None:
        raise damaged
    return None


@dataclass(frozen=True, slots=True)
class Claimer:
    """A consumer that claims blocks of one job."""

    queue: Queue
    job: Job
    #: Name of the consumer.
    owner: str
    #: Number of tasks that a claim reserves.
    reserve: int
    #: Running command of the consumer; None: write no notes into blocks.
    command: RunningCommand | None = None

    def try_claim(self, block: Block) -> Lease | None:
        """Lease a ready block and return the lease. Return None if the stored block has changed since it was read.

        If the queue does not answer, return an unconfirmed lease.
        """
        wanted = self._note(
            transitions.claim(
                block, self.job, owner=self.owner, nonce=secrets.token_hex(4), now=self.queue.now(),
                reserve=self.reserve,
            )
        )  # fmt: skip
        try:
            version = self.queue.swap(wanted)
        except Conflict:
            return None
        except QueueUnavailable:
            return self._ours(wanted)
        return Lease(self.queue, self.job, replace(wanted, version=version), command=self.command)

    def steal(self, size_classes: Sequence[int] | None) -> Lease | None:
        """Lease the tail of another consumer's block and return the lease. Return None if no tail can be stolen."""
        records = self.queue.find_records(self.job, Find.STEALABLE, size_classes=size_classes, limit=_STEAL_CANDIDATES)
        found = [block for block in read_blocks(records)[0] if block.run == self.job.run]
        random.shuffle(found)
        for victim in found:
            halves = transitions.steal(
                victim, self.job, owner=self.owner, nonce=secrets.token_hex(4), now=self.queue.now(),
                reserve=self.reserve,
            )  # fmt: skip
            if halves is None:
                continue
            kept, tail = halves[0], self._note(halves[1])
            try:
                self.queue.swap(kept, [tail])
            except Conflict:
                continue
            except QueueUnavailable:
                pass  # the read below shows whether the swap was applied
            return self._ours(tail)
        return None

    def _note(self, block: Block) -> Block:
        """Return the claimed block with a note of the task that starts next.

        Return the block unchanged if the consumer writes no notes.
        """
        if self.command is None:
            return block
        reserved = block.indexes(State.RESERVED)
        starts = (reserved[0], block.began) if reserved and self.command.may_start() else None
        return transitions.note_command(block, starts, now=block.began)

    def _ours(self, wanted: Block) -> Lease | None:
        """Read the stored block, and return the lease if the block contains the claim `wanted`. Otherwise return None.

        If the queue does not answer, return an unconfirmed lease.
        """
        try:
            fresh = self.queue.get_block(wanted)
        except QueueUnavailable:
            return Lease(self.queue, self.job, wanted, unanswered=True, command=self.command)
        if fresh is None or fresh.nonce != wanted.nonce or fresh.owner != wanted.owner:
            return None
        return Lease(self.queue, self.job, fresh, command=self.command)
