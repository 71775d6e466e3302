"""The block: a range of tasks leased as one, and every change that may happen to it.

All functions here are pure: they take a block and the time and return new blocks. What they return becomes true by
one compare-and-set of the stored entity (`queues.store`); a change whose base is stale is refused there: the fence.
Lost acknowledgements are settled by `settle`, from (nonce, epoch, seq) inside the entity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from kubeque.model.job import Job, ResetRule
from kubeque.model.resources import grown, lifted
from kubeque.model.retries import Verdict
from kubeque.model.task import Cause, Outcome, State, TaskRecord

#: Tasks in one block at most: an entity stays far below 1 MiB.
MAX_BLOCK = 256
#: Tasks reserved in one commit at most.
MAX_RESERVE = 64
#: Seconds of work that one commit pays for.
COMMIT_SECONDS = 5.0
#: Blocks that one commit may add, for stores that bound a transaction at 25 entities.
MAX_MOVES = 20

_NEVER_RUN = TaskRecord()


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tasks of a block stand where; tasks that moved out are counted where they are."""

    ok: int = 0
    failed: int = 0
    running: int = 0
    pending: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.ok + other.ok, self.failed + other.failed, self.running + other.running, self.pending + other.pending
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Tasks [lo, hi) of one job in one class: leased, renewed and recorded as one entity."""

    #: The job's uid, not its name: an old consumer cannot touch a job made anew.
    uid: str
    #: Unique within the job for ever: `{shape}-{lo}`; ranges only split and tasks only move to higher classes.
    id: str
    lo: int
    hi: int
    #: Class: an index into the job's shapes.
    shape: int
    #: One State per task.
    states: bytes
    #: By task index; absent: never reserved.
    records: Mapping[int, TaskRecord] = field(default_factory=dict)
    #: The job's run that this block has been reset for.
    run: int = 0
    #: Which consumer holds it; empty: nobody.
    owner: str = ""
    #: Drawn at random for each lease; names the attempts' folders.
    nonce: str = ""
    #: Grows by one with every lease and whenever a lease is broken.
    epoch: int = 0
    #: Grows by one with every commit of the owner.
    seq: int = 0
    #: Store clock, seconds: when the lease ends.
    expires: float = 0.0
    #: Store clock, seconds: when the present reservation was made.
    began: float = 0.0
    #: The stored entity's version; 0: not stored yet.
    version: int = 0

    @property
    def leased(self) -> bool:
        return bool(self.owner)

    @property
    def ready(self) -> bool:
        return not self.owner and State.PENDING in self.states

    def state(self, index: int) -> State:
        return State(self.states[index - self.lo])

    def record(self, index: int) -> TaskRecord:
        return self.records.get(index, _NEVER_RUN)

    def indexes(self, *states: State) -> list[int]:
        """The tasks in any of these states, in order."""
        return [self.lo + offset for offset, state in enumerate(self.states) if state in states]

    def tally(self) -> Tally:
        count = self.states.count
        return Tally(count(State.OK), count(State.FAILED), count(State.RESERVED), count(State.PENDING))

    def spare(self) -> list[int]:
        """The tasks that may be stolen: pending ones behind the last reserved one. Empty unless leased."""
        if not self.owner:
            return []
        last = self.states.rfind(State.RESERVED)
        return [index for index in self.indexes(State.PENDING) if index - self.lo > last]


def block_size(n: int, consumers: int) -> int:
    """Tasks per block for a job of `n`: few blocks, and one for each consumer; stealing serves the tail."""
    return max(1, min(MAX_BLOCK, -(-n // max(1, consumers))))


def make_blocks(uid: str, n: int, size: int, *, run: int = 0) -> Iterable[Block]:
    """The blocks of a new job, all pending."""
    for lo in range(0, n, size):
        hi = min(n, lo + size)
        yield Block(uid, f"0-{lo}", lo, hi, 0, bytes(hi - lo), run=run)


def reserve_count(mean_seconds: float | None) -> int:
    """Tasks to reserve at once: those of the next five seconds; one as long as nothing is known."""
    if mean_seconds is None:
        return 1
    return max(1, min(MAX_RESERVE, int(COMMIT_SECONDS / max(mean_seconds, 1e-3))))


class _Draft:
    """A block under change: states and records that can be written."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.states = bytearray(block.states)
        self.records = dict(block.records)

    def put(self, index: int, state: State, record: TaskRecord | None = None) -> None:
        self.states[index - self.block.lo] = state
        if record is not None:
            self.records[index] = record

    def reserve(self, count: int) -> None:
        """Reserve pending tasks in order. A suspect runs alone: with nothing reserved beside it."""
        offset = self.states.find(State.PENDING)
        while offset >= 0 and count > 0:
            index = self.block.lo + offset
            record = self.records.get(index, _NEVER_RUN)
            if record.suspect and State.RESERVED in self.states:
                return
            self.put(index, State.RESERVED, replace(record, attempts=record.attempts + 1))
            count = 0 if record.suspect else count - 1
            offset = self.states.find(State.PENDING, offset + 1)

    def done(self, **changes: object) -> Block:
        return replace(self.block, states=bytes(self.states), records=self.records, **changes)  # type: ignore[arg-type]


def claim(block: Block, job: Job, *, owner: str, nonce: str, now: float, reserve: int) -> Block:
    """A ready block becomes `owner`'s, with its first tasks reserved."""
    draft = _Draft(block)
    draft.reserve(reserve)
    return draft.done(
        owner=owner, nonce=nonce, epoch=block.epoch + 1, seq=0, expires=now + job.lease_seconds, began=now
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
    """One commit of the owner: outcomes recorded, tasks given back, the next ones reserved, the lease renewed.

    `release` gives back all that is still reserved and the block itself. Returns the block and the one-task blocks of
    tasks that moved to a higher class: all of them become true together or not at all.
    """
    draft = _Draft(block)
    moved: list[Block] = []
    for outcome in outcomes:
        _record(draft, job, outcome, moved)
    for index in block.indexes(State.RESERVED) if release else give_back:
        if draft.states[index - block.lo] == State.RESERVED:
            draft.put(index, State.PENDING)
    if not release:
        draft.reserve(reserve)
    held = not release and any(state in draft.states for state in (State.PENDING, State.RESERVED))
    fresh = reserve > 0 or not held
    return draft.done(
        owner=block.owner if held else "",
        seq=block.seq + 1,
        expires=now + job.lease_seconds,
        began=now if fresh else block.began,
    ), moved


def _record(draft: _Draft, job: Job, outcome: Outcome, moved: list[Block]) -> None:
    """Write one outcome into the draft; what fits nowhere any more is dropped (its task is not reserved)."""
    block, index = draft.block, outcome.index
    if draft.states[index - block.lo] != State.RESERVED:
        return
    record = draft.records.get(index, _NEVER_RUN).ended(outcome, block.owner)
    if outcome.cause is Cause.OK:
        draft.put(index, State.OK, record)
        return
    verdict = job.budgets.verdict(outcome.cause, record.charges)
    shape = grown(job.shapes, lifted(job.shapes, block.shape, job.floor), outcome.cause)
    if verdict is Verdict.FAIL or (verdict is Verdict.MOVE and shape is None):
        draft.put(index, State.FAILED, record)
    elif verdict is Verdict.RETRY or shape is None:
        draft.put(index, State.PENDING, record)
    else:
        draft.put(index, State.MOVED)
        draft.records.pop(index, None)
        moved.append(_alone(block, index, shape, record))


def _alone(block: Block, index: int, shape: int, record: TaskRecord) -> Block:
    """The one-task block of a task that left `block` for class `shape`."""
    return Block(
        block.uid, f"{shape}-{index}", index, index + 1, shape, bytes([State.PENDING]), {index: record}, run=block.run
    )


def steal(block: Block, job: Job, *, owner: str, nonce: str, now: float, reserve: int) -> tuple[Block, Block] | None:
    """Split the untouched tail off a leased block: (what the victim keeps, what the thief gets).

    The victim's epoch and seq stay, so that its next commit sees that only the range changed. None: nothing to steal.
    """
    spare = block.spare()
    if not spare:
        return None
    cut = spare[len(spare) // 2] - block.lo
    middle = block.lo + cut
    victim = replace(
        block, hi=middle, states=block.states[:cut], records={i: r for i, r in block.records.items() if i < middle}
    )
    tail = Block(
        block.uid, f"{block.shape}-{middle}", middle, block.hi, block.shape, block.states[cut:],
        {i: r for i, r in block.records.items() if i >= middle}, run=block.run,
    )  # fmt: skip
    return victim, claim(tail, job, owner=owner, nonce=nonce, now=now, reserve=reserve)


@dataclass(frozen=True, slots=True)
class Death:
    """What is known of a consumer's end."""

    cause: Cause = Cause.LOST
    #: The task its command was running, where its journal tells.
    running: int | None = None
    message: str = "its consumer vanished"


def reap(block: Block, job: Job, death: Death, *, now: float) -> tuple[Block, list[Block]]:
    """Take a dead consumer's lease away. Outcomes stay; reserved tasks wait again.

    Only the task known to have been running is charged; where that is unknown and there are several, none is, and they
    become suspects, which run alone until one attempt ends: the next death then names exactly one.
    """
    reserved = block.indexes(State.RESERVED)
    running = death.running if death.running in reserved else None
    if running is None and len(reserved) == 1:
        running = reserved[0]
    draft = _Draft(block)
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
            draft.put(index, State.PENDING, replace(record, suspect=record.suspect or running is None))
    return draft.done(owner="", epoch=block.epoch + 1), moved


def reset(block: Block, rule: ResetRule, run: int) -> Block:
    """The block in run `run`: what the rule names waits again, with its budgets whole and its attempts remembered.

    A lease stays unless the rule breaks leases: what runs now runs on and its outcome counts.
    """
    draft = _Draft(block)
    for index in block.indexes(State.FAILED, State.OK, *([State.RESERVED] if rule.break_leases else [])):
        if _is_reset(rule, index, block.state(index), block.record(index)):
            draft.put(index, State.PENDING, replace(block.record(index), charges={}, suspect=False))
    if rule.break_leases and block.owner:
        return draft.done(run=run, owner="", epoch=block.epoch + 1)
    return draft.done(run=run)


def _is_reset(rule: ResetRule, index: int, state: State, record: TaskRecord) -> bool:
    if state is State.RESERVED:
        return True
    named = any(low <= index < high for low, high in rule.ranges)
    if state is State.OK:
        return rule.everything or named
    if rule.ranges and not named and not rule.everything:
        return False
    return not rule.causes or (record.outcome is not None and record.outcome.cause in rule.causes)


class Settled(Enum):
    """What became of a commit that was refused, or whose answer was lost."""

    APPLIED = auto()
    AGAIN = auto()
    LOST = auto()


def settle(before: Block, fresh: Block | None) -> Settled:
    """Compare what the store holds (`fresh`) with the block that a commit was made from (`before`).

    APPLIED: the commit is in the store, whatever others changed since. AGAIN: it is not, and the lease still is ours:
    make it anew from `fresh`. LOST: the lease is somebody else's, or the block is gone.
    """
    if fresh is None or fresh.epoch != before.epoch or fresh.nonce != before.nonce:
        return Settled.LOST
    if fresh.seq == before.seq + 1:
        return Settled.APPLIED
    return Settled.AGAIN if fresh.seq == before.seq and fresh.owner == before.owner else Settled.LOST
