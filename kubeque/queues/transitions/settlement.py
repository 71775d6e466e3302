"""The result of a commit that was refused or whose answer was lost."""

from __future__ import annotations

from enum import Enum, auto

from kubeque.model.job.task import Outcome, State
from kubeque.queues.block import Block


def shows(block: Block, outcome: Outcome) -> bool:
    """True if the stored block shows that `outcome` was recorded.

    `block`: the stored block, under the same lease under which the task began.
    """
    index = outcome.index
    if not block.lo <= index < block.hi or block.state(index) is State.MOVED:
        return True  # a reserved task is never stolen, so the task left the block after its outcome was recorded
    kept = block.record(index).outcome
    return kept is not None and kept.attempt == outcome.attempt


class Settled(Enum):
    """Result of a commit that was refused or that got no answer."""

    APPLIED = auto()
    AGAIN = auto()
    LOST = auto()


def settle(before: Block, fresh: Block | None) -> Settled:
    """Return the result of a commit. `before`: block before the commit. `fresh`: stored block; None if it is deleted.

    APPLIED: the commit was stored; other processes may have changed the block since. AGAIN: the commit was not stored
    and the lease is unchanged, so the caller repeats the commit from `fresh`. LOST: the owner no longer has the lease,
    or the block is deleted.
    """
    if fresh is None or fresh.epoch != before.epoch or fresh.nonce != before.nonce:
        return Settled.LOST
    if fresh.seq == before.seq + 1:
        return Settled.APPLIED
    return Settled.AGAIN if fresh.seq == before.seq and fresh.owner == before.owner else Settled.LOST
