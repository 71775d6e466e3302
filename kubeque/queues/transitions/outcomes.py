"""Record an outcome in a block: the task ends, becomes pending again, or moves to a larger size class."""

from __future__ import annotations

from dataclasses import replace

from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.retries import Verdict
from kubeque.model.job.shapes import larger_class, lift_class
from kubeque.model.job.task import Outcome, State, TaskRecord
from kubeque.queues.block import NEVER_RUN, Block
from kubeque.queues.transitions.block_draft import BlockDraft


def record_outcome(draft: BlockDraft, job: Job, outcome: Outcome, moved: list[Block]) -> None:
    """Record an outcome in the draft. Ignore an outcome of an attempt that is not reserved in the block.

    `moved`: list to which a new block is added if the task moves to a larger size class.
    """
    block, index = draft.block, outcome.index
    known = draft.records.get(index, NEVER_RUN)
    if not block.lo <= index < block.hi or draft.states[index - block.lo] != State.RESERVED:
        return
    if known.attempts != outcome.attempt:
        return
    record = known.with_outcome(outcome, block.owner)
    if outcome.cause is Cause.OK:
        draft.put(index, State.OK, record)
        return
    cause = outcome.cause
    if cause is Cause.KILLED:
        _end_killed(draft, known, record)
        return
    if known.evicted and cause in (Cause.DISK, Cause.PREEMPTED):  # `disk` was charged before in this size class
        record, cause = replace(record, charges=known.charges), Cause.DISK
    verdict = Verdict.FAIL if outcome.final else job.budgets.verdict(cause, record.charges)
    follow_verdict(draft, job, index, record, verdict, cause, moved)


def _end_killed(draft: BlockDraft, known: TaskRecord, record: TaskRecord) -> None:
    """End a task whose attempt ended by a kill. `known`, `record`: record of the task before and after this outcome.

    If a reset has undone the kill of the row, the task becomes pending again.
    """
    assert record.outcome is not None
    if known.kill:
        draft.put(record.outcome.index, State.FAILED, record)
    else:
        draft.put(record.outcome.index, State.PENDING, replace(record, outcome=known.outcome))


def follow_verdict(
    draft: BlockDraft, job: Job, index: int, record: TaskRecord, verdict: Verdict, cause: Cause, moved: list[Block]
) -> None:
    """Apply the verdict to a task in the draft: the task fails, becomes pending, or moves to a larger size class.

    `record`: new record of the task. `cause`: cause of its failure. `moved`: list to which a new block is added if the
    task moves. A task whose row was killed ends instead of becoming pending or moving.
    """
    block, killed = draft.block, draft.records.get(index, NEVER_RUN).kill
    size_class = larger_class(job.shapes, lift_class(job.shapes, block.size_class, job.floor), cause)
    if verdict is Verdict.FAIL or (verdict is Verdict.MOVE and size_class is None):
        draft.put(index, State.FAILED, record)
    elif killed:
        draft.kill(index, record, killed)
    elif verdict is Verdict.RETRY or size_class is None:
        draft.put(index, State.PENDING, record)
    else:
        draft.put(index, State.MOVED)
        draft.records.pop(index, None)
        moved.append(_alone(block, index, size_class, replace(record, evicted=False)))


def _alone(block: Block, index: int, size_class: int, record: TaskRecord) -> Block:
    """Return a new block in `size_class` with one task, which moved there from `block`."""
    return Block(
        block.uid,
        f"{size_class}-{index}",
        index,
        index + 1,
        size_class,
        bytes([State.PENDING]),
        {index: record},
        run=block.run,
        extra=block.extra,
    )
