"""The changes of a block after its consumer died or was evicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome, State
from kubeque.queues.block import Block
from kubeque.queues.transitions.block_draft import BlockDraft
from kubeque.queues.transitions.outcomes import follow_verdict, record_outcome


def reap(block: Block, job: Job, death: Death, *, now: float) -> tuple[Block, list[Block]]:
    """Return the block without the lease of its dead consumer, and new blocks to store in the same transaction.

    Recorded outcomes are kept, and reserved tasks become pending. The death is charged only to the running task: the
    task that `death` names, or the only reserved task. If the running task is unknown, no task is charged, and all
    reserved tasks become suspects. A suspect runs alone until one of its attempts ends.
    """
    reserved = block.indexes(State.RESERVED)
    running = death.running if death.running in reserved else None
    if running is None and len(reserved) == 1:
        running = reserved[0]
    draft = BlockDraft(block, at=now, revision=job.revision)
    moved: list[Block] = []
    for index in reserved:
        record = block.record(index)
        if index == running:
            outcome = Outcome(
                index, record.attempts, death.cause, start=block.began, seconds=max(0.0, now - block.began),
                message=death.message, revision=job.revision,
            )  # fmt: skip
            record_outcome(draft, job, outcome, moved)
        else:
            draft.put_back(index, replace(record, suspect=record.suspect or running is None))
    return draft.done(owner="", epoch=block.epoch + 1), moved


def charge_disk(block: Block, job: Job, evictions: Mapping[str, Eviction]) -> tuple[Block, list[Block]] | None:
    """Set the cause `disk` for the attempts of consumers that were evicted because they used too much disk.

    `evictions`: evictions, keyed by the name of the evicted consumer. Return the block and new blocks to store in the
    same transaction; None if no attempt changes.

    The consumers recorded `preempted`, because an evicted consumer does not know the reason. `disk` is charged once for
    all evictions of a task in one size class. A pending or failed task moves to a size class with more disk. A task
    that already runs again moves only if its new attempt ends with the cause `disk` or `preempted`.
    """
    draft, moved = BlockDraft(block), list[Block]()
    messages = {owner: eviction.message for owner, eviction in evictions.items()}
    for index, record in block.records.items():
        found = [a for a in record.history if a.cause is Cause.PREEMPTED and a.owner in evictions]
        if not found:
            continue
        # Attempts before the last reset are not charged. A task that has moved already has more disk.
        charged = Cause.PREEMPTED in record.charges and evictions[found[-1].owner].size_class >= block.size_class
        changed = record.as_evicted(messages, charge=charged and not record.evicted)
        state, outcome = block.state(index), record.outcome
        failed = state is State.FAILED and outcome is not None and outcome.attempt == found[-1].number
        if charged and (state is State.PENDING or (failed and not record.is_killed)):
            follow_verdict(
                draft, job, index, changed, job.budgets.verdict(Cause.DISK, changed.charges), Cause.DISK, moved
            )
        else:
            draft.put(index, state, replace(changed, evicted=record.evicted or (charged and state is State.RESERVED)))
    return (draft.done(), moved) if draft.records != block.records else None
