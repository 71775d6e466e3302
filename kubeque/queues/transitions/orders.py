"""The changes of a block that users request: kill rows, reset tasks, link results of earlier jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kubeque.model.job.causes import Cause
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import Outcome, State, TaskRecord
from kubeque.queues.block import NEVER_RUN, Block
from kubeque.queues.transitions.block_draft import BlockDraft


def kill(block: Block, chosen: Sequence[int], reason: str, *, at: float, revision: int) -> Block | None:
    """Return the block in which the chosen tasks are killed; None if the block does not change.

    A pending task ends now. A reserved task is marked as killed, and its owner ends the attempt. `chosen`: for each
    task of the job, 1 if it is chosen, else 0. `reason`: message of the outcomes. `at`: time of the kill, Unix seconds.
    The lease does not change, so the next commit of the owner detects the marks.
    """
    draft = BlockDraft(block, at=at, revision=revision)
    for index in block.indexes(State.PENDING, State.RESERVED):
        record = block.record(index)
        if index >= len(chosen) or not chosen[index] or record.kill:
            continue
        if block.state(index) is State.PENDING:
            draft.kill(index, record, reason)
        else:
            draft.put(index, State.RESERVED, replace(record, kill=reason))
    return draft.done() if draft.records != block.records else None


def reset(block: Block, rule: ResetRule, run: int) -> Block:
    """Return the block as reset to the run `run` of its job.

    Tasks that the rule selects become pending with full budgets. The records of their old attempts are kept. A kill of
    a running row is undone if the rule selects the row.

    If `rule.break_leases` is False, the lease is kept, running tasks continue, and their outcomes count. If it is True,
    the lease ends, and reserved tasks become pending.
    """
    draft = BlockDraft(block, at=block.began)
    named = {index for low, high in rule.ranges for index in range(max(low, block.lo), min(high, block.hi))}
    for index, record in block.records.items():
        if record.kill and rule.selects_cause(Cause.KILLED, named=index in named):
            draft.records[index] = replace(record, kill="", charges={})
    for index in block.indexes(State.FAILED, State.OK, *([State.RESERVED] if rule.break_leases else [])):
        state, record = block.state(index), draft.records.get(index, NEVER_RUN)
        chosen = rule.selects(record.outcome, ok=state is State.OK, named=index in named)
        if state is State.RESERVED or chosen:
            draft.put_back(index, replace(record, charges={}, suspect=False, evicted=False))
    _restore_budgets(draft, block, rule, named)
    held = block.held and not rule.go
    if rule.break_leases and block.owner:
        return draft.done(run=run, held=held, owner="", epoch=block.epoch + 1)
    return draft.done(run=run, held=held)


def _restore_budgets(draft: BlockDraft, block: Block, rule: ResetRule, named: set[int]) -> None:
    """Give full budgets to the pending tasks in the ranges of the rule. If it has no ranges, to all pending tasks."""
    for index in block.indexes(State.PENDING):
        record = block.record(index)
        if record.charges and rule.restores(named=index in named):
            draft.put(index, State.PENDING, replace(record, charges={}))


def link(block: Block, done: Mapping[int, Outcome]) -> Block:
    """Return the block of a new job with the tasks in `done` as ok. `done`: outcomes in earlier jobs, by task index."""
    draft = BlockDraft(block)
    for index in range(block.lo, block.hi):
        if index in done:
            draft.put(index, State.OK, TaskRecord(outcome=done[index]))
    return draft.done()


#: States of tasks whose results can be adopted.
ADOPTABLE = (State.PENDING, State.RESERVED, State.OK, State.FAILED)


def adopt(block: Block, outcomes: Mapping[int, Outcome], *, now: float) -> tuple[Block, list[Block]] | None:
    """Return the block with ok outcomes from the store, after an older copy of the queue was restored.

    Return None if the block does not change. `outcomes`: outcomes by the index of the task. A task with a newer attempt
    does not change. A block with a lease that has not expired does not change either. An expired lease ends, and its
    other reserved tasks become pending without a charge. `now`: time on the clock of the queue, Unix seconds.
    """
    if block.leased and block.expires >= now:
        return None
    draft = BlockDraft(block, at=now)
    for index in block.indexes(*ADOPTABLE):
        outcome, record = outcomes.get(index), block.record(index)
        known = record.outcome.attempt if record.outcome is not None and block.state(index) is State.OK else -1
        if outcome is not None and outcome.attempt >= record.attempts and outcome.attempt != known:
            earlier = tuple(each for each in record.history if each.number != outcome.attempt)
            fresh = replace(record, attempts=outcome.attempt, history=earlier)
            draft.put(index, State.OK, fresh.with_outcome(outcome, ""))
    if draft.records == block.records:
        return None
    for index in block.indexes(State.RESERVED):
        if draft.states[index - block.lo] == State.RESERVED:
            draft.put_back(index)
    return draft.done(owner="", epoch=block.epoch + block.leased), []
