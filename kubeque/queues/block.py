"""The block: a range of tasks that a consumer leases as a whole. `queues.transitions` has all changes of a block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from types import NoneType
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.stored_types import check_items
from kubeque.model.job.counts import Tally
from kubeque.model.job.task import State, TaskRecord

#: Maximum number of tasks in a block, so that its entity is smaller than 1 MiB (the limit of Datastore).
MAX_BLOCK = 256
#: Maximum number of tasks that one commit reserves.
MAX_RESERVE = 64
#: Maximum number of blocks that one commit adds, for databases that limit a transaction to 25 entities.
MAX_MOVES = 20

NEVER_RUN = TaskRecord()


@dataclass(frozen=True, slots=True)
class CommandNote:
    """Note in a block: it names the task that the owner of the block runs now. Each commit of the owner writes it."""

    #: Nonce of the lease. A later lease of the block ignores the note: its consumer may be too old to write notes.
    nonce: str
    #: Index of the task whose command runs, or starts next; None: no command runs in this block.
    index: int | None
    #: Start of the command on the clock of the queue, Unix seconds.
    since: float
    #: Time of the commit on the clock of the queue, Unix seconds.
    noted: float
    #: Stored items that only a newer kubeque knows.
    extra: tuple[Any, ...] = ()

    def to_wire(self) -> list[Any]:
        return [self.nonce, self.index, round(self.since, 3), round(self.noted, 3), *self.extra]

    @classmethod
    def from_wire(cls, wire: Sequence[Any]) -> CommandNote:
        check_items("the running task", wire, _COMMAND_NOTE)
        nonce, index, since, noted, *extra = wire
        return cls(nonce, index, since, noted, tuple(extra))


_COMMAND_NOTE = (str, (int, NoneType), (int, float), (int, float))


@dataclass(frozen=True, slots=True)
class Block:
    """Tasks [lo, hi) of one job in one size class. A block is one entity of the queue and is leased as a whole."""

    #: Uid of the job. If this were the name, a consumer of a removed job could change a new job of the same name.
    uid: str
    #: `{size_class}-{lo}`. It is unique in the job: ranges only split, and tasks only move to larger size classes.
    id: str
    lo: int
    hi: int
    #: Index into the job's shapes.
    size_class: int
    #: One byte per task: its State.
    states: bytes
    #: Records by task index. A task without a record was never reserved.
    records: Mapping[int, TaskRecord] = field(default_factory=dict)
    #: Run of the job for which this block was last reset.
    run: int = 0
    #: Name of the consumer that leases the block; empty: none.
    owner: str = ""
    #: Random word for each lease. It is part of the names of attempt folders.
    nonce: str = ""
    #: Number that increases by one with every lease, and whenever a lease is taken back.
    epoch: int = 0
    #: Number that increases by one with every commit of the owner.
    seq: int = 0
    #: End of the lease on the clock of the queue, Unix seconds.
    expires: float = 0.0
    #: Time of the last reservation on the clock of the queue, Unix seconds.
    began: float = 0.0
    #: Last note of an owner about its running command; None if the last owner writes no notes.
    note: CommandNote | None = None
    #: True while the tasks wait for `kubeque go`. A held block is never leased.
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
        """True if a task is in a state that only a newer kubeque knows. `tally` may then differ from the stored one."""
        return max(self.states, default=0) > State.MOVED

    def state(self, index: int) -> State:
        return State(self.states[index - self.lo])

    def record(self, index: int) -> TaskRecord:
        return self.records.get(index, NEVER_RUN)

    def indexes(self, *states: State) -> list[int]:
        """Return the indexes of the tasks in any of these states, in order."""
        if len(states) == 1:
            return list(self._indexes_of(states[0]))
        return [self.lo + offset for offset, state in enumerate(self.states) if state in states]

    def _indexes_of(self, state: State) -> Iterator[int]:
        offset = self.states.find(state)
        while offset >= 0:
            yield self.lo + offset
            offset = self.states.find(state, offset + 1)

    @property
    def command_note(self) -> CommandNote | None:
        """Note of the present owner; None if the block is not leased, or if its owner writes no notes."""
        note = self.note
        return note if note is not None and self.owner and note.nonce == self.nonce else None

    def runs(self, index: int) -> bool:
        """True if the task `index` counts as running: it is reserved, and the owner's note names it.

        If the owner writes no notes, all reserved tasks count as running.
        """
        note = self.command_note
        return self.state(index) is State.RESERVED and (note is None or note.index == index)

    def tally(self) -> Tally:
        """Return the number of tasks in each state. A reserved task that does not run counts as pending.

        Pending tasks of a held block are not counted, so that no consumer starts for a held block.
        """
        count, note = self.states.count, self.command_note
        running = reserved = count(State.RESERVED)
        if note is not None:
            named = note.index is not None and self.lo <= note.index < self.hi
            running = int(named and self.states[note.index - self.lo] == State.RESERVED)  # type: ignore[operator]
        pending = 0 if self.held else count(State.PENDING) + reserved - running
        failed, killed = count(State.FAILED), 0
        if failed:
            killed = sum(self.record(index).is_killed for index in self.indexes(State.FAILED))
        return Tally(count(State.OK), failed - killed, running, pending, killed)

    def spare(self) -> list[int]:
        """Return the indexes of the pending tasks after the last reserved task. These tasks may be stolen.

        Return an empty list if the block is not leased.
        """
        if not self.owner:
            return []
        last = self.states.rfind(State.RESERVED)
        return [index for index in self.indexes(State.PENDING) if index - self.lo > last]


def block_size(n: int, consumers: int) -> int:
    """Return the number of tasks per block for a job of `n` tasks: n / consumers, rounded up, but at most MAX_BLOCK."""
    return max(1, min(MAX_BLOCK, -(-n // max(1, consumers))))


def make_blocks(uid: str, n: int, size: int, *, run: int = 0, canaries: Sequence[int] = ()) -> Iterable[Block]:
    """Yield the blocks of a new job, with at most `size` tasks each. All tasks are pending.

    `canaries`: indexes of the canaries, in order; empty if the job has none. Each canary gets its own block, and all
    other blocks are held. A block of one task is never split, so the number of held tasks stays exact while blocks are
    read one after another.
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
    """Return `count` of the given tasks at even distances, from the first to the last; only the first if `count` is 1.

    Return all tasks if `count` is larger than their number.
    """
    if count >= len(tasks):
        return list(tasks)
    if count == 1:
        return [tasks[0]]
    return [tasks[step * (len(tasks) - 1) // (count - 1)] for step in range(count)]
