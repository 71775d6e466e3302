"""The changes of a block by a consumer: claim it, commit outcomes, steal its tail."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome, State
from kubeque.queues.block import Block, CommandNote
from kubeque.queues.transitions.block_draft import BlockDraft
from kubeque.queues.transitions.outcomes import record_outcome


def claim(block: Block, job: Job, *, owner: str, nonce: str, now: float, reserve: int) -> Block:
    """Return the ready block as leased by `owner`, with at most `reserve` of its first pending tasks reserved.

    `now`: time on the clock of the queue, Unix seconds.
    """
    draft = BlockDraft(block, at=now, revision=job.revision)
    draft.reserve(reserve)
    return draft.done(
        owner=owner, nonce=nonce, epoch=block.epoch + 1, seq=0, expires=now + job.lease_seconds, began=now, note=None
    )


def commit(
    block: Block,
    job: Job,
    outcomes: Sequence[Outcome],
    *,
    now: float,
    reserve: int = 0,
    give_back: Collection[int] = (),
    release: bool = False,
) -> tuple[Block, list[Block]]:
    """Return the block after a commit of its owner, and new blocks that must be stored in the same transaction.

    The commit records `outcomes`, gives back the tasks `give_back`, reserves `reserve` tasks and extends the lease. If
    `release` is True, it gives back all reserved tasks and the block. The block is also given back if it has no pending
    or reserved task left. Each new block has one task, which moved to a larger size class.
    """
    draft = BlockDraft(block, at=now, revision=job.revision)
    moved: list[Block] = []
    for outcome in outcomes:
        record_outcome(draft, job, outcome, moved)
    for index in block.indexes(State.RESERVED) if release else give_back:
        if draft.states[index - block.lo] == State.RESERVED:
            draft.put_back(index)
    if not release:
        draft.reserve(reserve)
    held = not release and any(state in draft.states for state in (State.PENDING, State.RESERVED))
    fresh = reserve > 0 or not held
    return draft.done(
        owner=block.owner if held else "",
        seq=block.seq + 1,
        expires=now + job.lease_seconds,
        began=now if fresh else block.began,
        note=None,
    ), moved


def note_command(block: Block, command: tuple[int, float] | None, *, now: float) -> Block:
    """Return the leased block with a note that names the task that the owner runs now.

    `command`: index of the task, and start of its command on the clock of the queue, Unix seconds; None: the owner runs
    no task of this block. The note names a task only if it is reserved in this block. A block without an owner is
    returned unchanged.
    """
    if not block.owner:
        return block
    if command is not None and block.lo <= command[0] < block.hi and block.state(command[0]) is State.RESERVED:
        return replace(block, note=CommandNote(block.nonce, *command, now))
    return replace(block, note=CommandNote(block.nonce, None, now, now))


def steal(block: Block, job: Job, *, owner: str, nonce: str, now: float, reserve: int) -> tuple[Block, Block] | None:
    """Return a leased block without its tail, and the tail as a new block that `owner` leases.

    Return None if the block has no tasks that may be stolen. The tail begins in the middle of these tasks. The epoch
    and seq of the first block do not change. So the next commit of its owner detects that only the range has changed.
    """
    spare = block.spare()
    if not spare:
        return None
    cut = spare[len(spare) // 2] - block.lo
    if cut == 0:
        return None  # the block has only this task, and the owner reserves it next
    middle = block.lo + cut
    victim = replace(
        block, hi=middle, states=block.states[:cut], records={i: r for i, r in block.records.items() if i < middle}
    )
    tail = Block(
        block.uid, f"{block.size_class}-{middle}", middle, block.hi, block.size_class, block.states[cut:],
        {i: r for i, r in block.records.items() if i >= middle}, run=block.run, extra=block.extra,
    )  # fmt: skip
    return victim, claim(tail, job, owner=owner, nonce=nonce, now=now, reserve=reserve)
