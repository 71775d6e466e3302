"""The block: a range of tasks leased as one, and what can be said of it. Changes to it are in `queues.changes`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubeque.model.job.task import State, Tally, TaskRecord

#: Tasks in one block at most: an entity stays far below 1 MiB.
MAX_BLOCK = 256
#: Tasks reserved in one commit at most.
MAX_RESERVE = 64
#: Seconds of work that one commit pays for.
COMMIT_SECONDS = 5.0
#: Blocks that one commit may add, for stores that bound a transaction at 25 entities.
MAX_MOVES = 20

NEVER_RUN = TaskRecord()


@dataclass(frozen=True, slots=True)
class Block:
    """Tasks [lo, hi) of one job in one class: leased, renewed and recorded as one entity."""

    #: The job's uid, not its name: an old consumer cannot touch a job made anew.
    uid: str
    #: Unique within the job for ever: `{size_class}-{lo}`; ranges only split and tasks only move to higher classes.
    id: str
    lo: int
    hi: int
    #: Class: an index into the job's shapes.
    size_class: int
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
    #: Nothing in it may run yet: its job's canaries have to be looked at first. Such a block is never leased.
    held: bool = False
    #: Version of the stored record; 0: not stored yet.
    version: int = 0
    #: Stored entries that only a newer kubeque knows.
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def leased(self) -> bool:
        return bool(self.owner)

    @property
    def ready(self) -> bool:
        return not self.owner and not self.held and State.PENDING in self.states

    @property
    def has_unknown_states(self) -> bool:
        """True if a task is in a state that only a newer kubeque knows, which may count it in its own way."""
        return max(self.states, default=0) > State.MOVED

    def state(self, index: int) -> State:
        return State(self.states[index - self.lo])

    def record(self, index: int) -> TaskRecord:
        return self.records.get(index, NEVER_RUN)

    def indexes(self, *states: State) -> list[int]:
        """The tasks in any of these states, in order."""
        return [self.lo + offset for offset, state in enumerate(self.states) if state in states]

    def tally(self) -> Tally:
        """What it adds to the counts; of a held block nothing is pending, so nobody starts consumers for it."""
        count = self.states.count
        pending = 0 if self.held else count(State.PENDING)
        return Tally(count(State.OK), count(State.FAILED), count(State.RESERVED), pending)

    def spare(self) -> list[int]:
        """The tasks that may be stolen: pending ones behind the last reserved one. Empty unless leased."""
        if not self.owner:
            return []
        last = self.states.rfind(State.RESERVED)
        return [index for index in self.indexes(State.PENDING) if index - self.lo > last]


def block_size(n: int, consumers: int) -> int:
    """Tasks per block for a job of `n`: few blocks, and one for each consumer; stealing serves the tail."""
    return max(1, min(MAX_BLOCK, -(-n // max(1, consumers))))


def make_blocks(uid: str, n: int, size: int, *, run: int = 0, canaries: Sequence[int] = ()) -> Iterable[Block]:
    """The blocks of a new job, all pending. Of `canaries`, in order, each is a block of its own; then the rest is held.

    A block of one task is never split: what counts as held stays exact also where counts are no snapshot.
    """
    if not canaries:
        yield from _cut(uid, 0, n, size, run)
        return
    lo = 0
    for canary in canaries:
        yield from _cut(uid, lo, canary, size, run, held=True)
        yield from _cut(uid, canary, canary + 1, 1, run)
        lo = canary + 1
    yield from _cut(uid, lo, n, size, run, held=True)


def _cut(uid: str, first: int, end: int, size: int, run: int, *, held: bool = False) -> Iterable[Block]:
    for lo in range(first, end, size):
        hi = min(end, lo + size)
        yield Block(uid, f"0-{lo}", lo, hi, 0, bytes(hi - lo), run=run, held=held)


def spread(tasks: Sequence[int], count: int) -> list[int]:
    """`count` of these tasks: the first, the last, and what lies evenly between."""
    if count >= len(tasks):
        return list(tasks)
    if count == 1:
        return [tasks[0]]
    return [tasks[step * (len(tasks) - 1) // (count - 1)] for step in range(count)]


def reserve_count(mean_seconds: float | None) -> int:
    """Tasks to reserve at once: those of the next five seconds; one as long as nothing is known."""
    if mean_seconds is None:
        return 1
    return max(1, min(MAX_RESERVE, int(COMMIT_SECONDS / max(mean_seconds, 1e-3))))
