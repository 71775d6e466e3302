"""All changes of a block.

The functions are pure. They take a block and the time, and return new blocks. The caller stores the result with one
compare-and-set (`queues/backends/backend.py: swap_block`). The backend refuses to change a stale block (fencing). If
the answer to a commit is lost, `settle` compares the nonce, epoch and seq of the stored block. It returns whether the
commit was applied.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto

from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.retries import Verdict
from kubeque.model.job.shape_growth import larger_class, lift_class
from kubeque.model.job.task import Outcome, State, TaskRecord
from kubeque.queues.block import NEVER_RUN, Block, CommandNote


class _BlockDraft:
    """A copy of a block with mutable states and records."""

    def __init__(self, block: Block, *, at: float = 0.0, revision: int = 0) -> None:
        """`at`, `revision`: time and revision of the outcomes of killed rows."""
        self.block = block
        self._at, self._revision = at, revision
        self.states = bytearray(block.states)
        self.records = dict(block.records)

    def put(self, index: int, state: State, record: TaskRecord | None = None) -> None:
        self.states[index - self.block.lo] = state
        if record is not None:
            self.records[index] = record

    def put_back(self, index: int, record: TaskRecord | None = None) -> None:
        """Make a task pending, or end it if its row was killed. `record`: new record; None: unchanged."""
        present = record or self.records.get(index, NEVER_RUN)
        if present.kill:
            self.kill(index, present, present.kill)
        else:
            self.put(index, State.PENDING, record)

    def kill(self, index: int, record: TaskRecord, reason: str) -> None:
        """End a task that does not run, because its row was killed."""
        self.put(index, State.FAILED, record.as_killed(index, self._at, reason, self._revision))

    def reserve(self, count: int) -> None:
        """Reserve `count` pending tasks in order. Reserve a suspect only if no other task is reserved."""
        lo, reserved = self.block.lo, [o for o, state in enumerate(self.states) if state == State.RESERVED]
        if any(self.records.get(lo + offset, NEVER_RUN).suspect for offset in reserved):
            return
        offset = self.states.find(State.PENDING)
        while offset >= 0 and count > 0:
            index = self.block.lo + offset
            record = self.records.get(index, NEVER_RUN)
            if record.kill:  # a consumer of an older version gave the task back
                self.kill(index, record, record.kill)
            elif record.suspect and State.RESERVED in self.states:
                return
            else:
                self.put(index, State.RESERVED, replace(record, attempts=record.attempts + 1))
                count = 0 if record.suspect else count - 1
            offset = self.states.find(State.PENDING, offset + 1)

    def done(self, **changes: object) -> Block:
        return replace(self.block, states=bytes(self.states), records=self.records, **changes)  # type: ignore[arg-type]


def claim(block: Block, job: Job, *, owner: str, nonce: str, now: float, reserve: int) -> Block:
    """Return the ready block with a lease of `owner`. Its first tasks are reserved."""
    draft = _BlockDraft(block, at=now, revision=job.revision)
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

    The commit records outcomes, gives tasks back, reserves the next tasks and extends the lease. With `release` it
    gives back all reserved tasks and the block. Each new block has one task, which moved to a larger size class.
    """
    draft = _BlockDraft(block, at=now, revision=job.revision)
    moved: list[Block] = []
    for outcome in outcomes:
        _record(draft, job, outcome, moved)
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
    """Return the leased block with a note of its owner: which of its tasks the owner runs now.

    `command`: index of the task, and start of its command on the clock of the queue; None: the owner runs none of them.
    A task that is not reserved in this block is not named.
    """
    if not block.owner:
        return block
    if command is not None and block.lo <= command[0] < block.hi and block.state(command[0]) is State.RESERVED:
        return replace(block, note=CommandNote(block.nonce, *command, now))
    return replace(block, note=CommandNote(block.nonce, None, now, now))


def _record(draft: _BlockDraft, job: Job, outcome: Outcome, moved: list[Block]) -> None:
    """Record one outcome in the draft. Ignore the outcome unless its attempt is reserved in the block."""
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
    if known.evicted and cause in (Cause.DISK, Cause.PREEMPTED):  # this size was charged before
        record, cause = replace(record, charges=known.charges), Cause.DISK
    verdict = Verdict.FAIL if outcome.final else job.budgets.verdict(cause, record.charges)
    _follow(draft, job, index, record, verdict, cause, moved)


def _end_killed(draft: _BlockDraft, known: TaskRecord, record: TaskRecord) -> None:
    """End a task whose attempt ended by a kill. `known`, `record`: its record before and after this outcome.

    The task waits again if its row is not killed any more, because a reset has undone the kill.
    """
    assert record.outcome is not None
    if known.kill:
        draft.put(record.outcome.index, State.FAILED, record)
    else:
        draft.put(record.outcome.index, State.PENDING, replace(record, outcome=known.outcome))


def _follow(
    draft: _BlockDraft, job: Job, index: int, record: TaskRecord, verdict: Verdict, cause: Cause, moved: list[Block]
) -> None:
    """Apply the verdict to a task in the draft. The task fails, waits again, or moves to a larger size class."""
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
    """Return the one-task block of a task that moved from `block` to `size_class`."""
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


def steal(block: Block, job: Job, *, owner: str, nonce: str, now: float, reserve: int) -> tuple[Block, Block] | None:
    """Return a leased block without its tail, and the tail as a block leased by `owner`; None if there is no tail.

    The epoch and seq of the first block do not change. So the next commit of its owner detects that only the range has
    changed.
    """
    spare = block.spare()
    if not spare:
        return None
    cut = spare[len(spare) // 2] - block.lo
    if cut == 0:
        return None  # this is the only task of the block, and the owner reserves it next
    middle = block.lo + cut
    victim = replace(
        block, hi=middle, states=block.states[:cut], records={i: r for i, r in block.records.items() if i < middle}
    )
    tail = Block(
        block.uid, f"{block.size_class}-{middle}", middle, block.hi, block.size_class, block.states[cut:],
        {i: r for i, r in block.records.items() if i >= middle}, run=block.run, extra=block.extra,
    )  # fmt: skip
    return victim, claim(tail, job, owner=owner, nonce=nonce, now=now, reserve=reserve)


def reap(block: Block, job: Job, death: Death, *, now: float) -> tuple[Block, list[Block]]:
    """Return the block without the lease of its dead consumer, and new blocks to write in the same transaction.

    Outcomes are kept, and reserved tasks become pending. Only the running task is charged. If several tasks were
    reserved and the running task is unknown, no task is charged and all of them become suspects. A suspect runs alone
    until one of its attempts ends. If its consumer dies too, the death is charged to the suspect.
    """
    reserved = block.indexes(State.RESERVED)
    running = death.running if death.running in reserved else None
    if running is None and len(reserved) == 1:
        running = reserved[0]
    draft = _BlockDraft(block, at=now, revision=job.revision)
    moved: list[Block] = []
    for index in reserved:
        record = block.record(index)
        if index == running:
            outcome = Outcome(
                index, record.attempts, death.cause, start=block.began, seconds=max(0.0, now - block.began),
                message=death.message, revision=job.revision,
            )  # fmt: skip
            _record(draft, job, outcome, moved)
        else:
            draft.put_back(index, replace(record, suspect=record.suspect or running is None))
    return draft.done(owner="", epoch=block.epoch + 1), moved


def charge_disk(block: Block, job: Job, evictions: Mapping[str, Eviction]) -> tuple[Block, list[Block]] | None:
    """Change the cause of attempts whose consumers were evicted for their disk use to `disk`.

    Return the block and new blocks, or None if no attempt changes. The consumers recorded `preempted`, because they
    cannot know why they had to leave. All evictions at one size count as one charge. A task that waits or has failed
    moves to more disk. A task that runs again moves when that attempt ends. `evictions`: evictions by owner.
    """
    draft, moved = _BlockDraft(block), list[Block]()
    messages = {owner: eviction.message for owner, eviction in evictions.items()}
    for index, record in block.records.items():
        found = [a for a in record.history if a.cause is Cause.PREEMPTED and a.owner in evictions]
        if not found:
            continue
        # Attempts before the last reset are not charged. A task that has moved has more disk by now.
        charged = Cause.PREEMPTED in record.charges and evictions[found[-1].owner].size_class >= block.size_class
        changed = record.as_evicted(messages, charge=charged and not record.evicted)
        state, outcome = block.state(index), record.outcome
        failed = state is State.FAILED and outcome is not None and outcome.attempt == found[-1].number
        if charged and (state is State.PENDING or (failed and not record.is_killed)):
            _follow(draft, job, index, changed, job.budgets.verdict(Cause.DISK, changed.charges), Cause.DISK, moved)
        else:
            draft.put(index, state, replace(changed, evicted=record.evicted or (charged and state is State.RESERVED)))
    return (draft.done(), moved) if draft.records != block.records else None


def kill(block: Block, chosen: Sequence[int], reason: str, *, at: float, revision: int) -> Block | None:
    """Return the block without further attempts of the chosen tasks; None if nothing changes.

    A pending task ends now. A reserved task is marked, and its owner ends the attempt. `chosen`: for each task of the
    job, 1 if it is chosen, else 0. The lease does not change, so the next commit of the owner detects the marks.
    """
    draft = _BlockDraft(block, at=at, revision=revision)
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
    """Return the block for the new run `run`.

    Tasks that the rule selects become pending with full budgets. Their old attempts are kept. Unless the rule breaks
    leases, the lease is kept, running tasks continue, and their outcomes count. A kill of a running row is undone if
    the rule selects the row.
    """
    draft = _BlockDraft(block, at=block.began)
    named = {index for low, high in rule.ranges for index in range(max(low, block.lo), min(high, block.hi))}
    for index, record in block.records.items():
        if record.kill and rule.selects_cause(Cause.KILLED, named=index in named):
            draft.records[index] = replace(record, kill="")
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


def _restore_budgets(draft: _BlockDraft, block: Block, rule: ResetRule, named: set[int]) -> None:
    """Give full budgets to the waiting tasks of a block that a reset names."""
    for index in block.indexes(State.PENDING):
        record = block.record(index)
        if record.charges and rule.restores(named=index in named):
            draft.put(index, State.PENDING, replace(record, charges={}))


def link(block: Block, done: Mapping[int, Outcome]) -> Block:
    """Return a new block in which the tasks in `done` are ok. `done`: outcomes of earlier jobs, by task index."""
    draft = _BlockDraft(block)
    for index in range(block.lo, block.hi):
        if index in done:
            draft.put(index, State.OK, TaskRecord(outcome=done[index]))
    return draft.done()


def shows(block: Block, outcome: Outcome) -> bool:
    """True if `block` contains `outcome`.

    `block`: the stored block. Its lease has not changed since the task began.
    """
    index = outcome.index
    if not block.lo <= index < block.hi or block.state(index) is State.MOVED:
        return True  # a reserved task is never stolen, so it left the block after its outcome was recorded
    kept = block.record(index).outcome
    return kept is not None and kept.attempt == outcome.attempt


class Settled(Enum):
    """Result of a commit that was refused or that got no answer."""

    APPLIED = auto()
    AGAIN = auto()
    LOST = auto()


def settle(before: Block, fresh: Block | None) -> Settled:
    """Return the result of a commit that was made from `before`. `fresh`: the stored block; None if it is gone.

    APPLIED: the commit was stored; other processes may have changed the block since. AGAIN: the commit was not stored
    and the lease is unchanged, so the caller repeats the commit from `fresh`. LOST: the owner no longer has the lease,
    or the block is gone.
    """
    if fresh is None or fresh.epoch != before.epoch or fresh.nonce != before.nonce:
        return Settled.LOST
    if fresh.seq == before.seq + 1:
        return Settled.APPLIED
    return Settled.AGAIN if fresh.seq == before.seq and fresh.owner == before.owner else Settled.LOST
