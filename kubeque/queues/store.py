"""What a place that keeps a queue must do: a dozen narrow operations on jobs and blocks, each one atomic.

A store knows nothing of leases or outcomes: it keeps records, finds blocks by their marks and compares versions. The
logic stands once, in `queues.block`. Every store answers to the shared suite in tests/queues.

Any operation may raise QueueUnavailable. For a write that means "nobody knows whether it happened": callers read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import ClassVar, Protocol

from kubeque.model.job.job import Job
from kubeque.model.job.task import State, Tally, TaskRecord
from kubeque.queues.block import Block

#: Slots of ready blocks lie in [0, SLOTS).
SLOTS = 1 << 31
_GOLDEN = (5**0.5 - 1) / 2
#: Bits for each count in a packed tally.
_BITS = 21
_MASK = (1 << _BITS) - 1
#: So many changes of a job are remembered by their marks.
_MARKS = 16
#: Bodies above this many bytes are compressed.
_COMPRESS_FROM = 4096


class Conflict(Exception):
    """The record is not what the caller thought: another version, already there, or gone. Nothing was written."""


class Find(Enum):
    """Kinds of blocks a store can look up."""

    #: Nobody holds it and something waits in it; from a random slot onwards.
    READY = "ready"
    #: Leased, with tasks that may be stolen; most first.
    STEALABLE = "stealable"
    #: Leased; the longest expired first.
    LEASED = "leased"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as a store keeps it."""

    name: str
    fleet: str
    body: bytes
    #: 0: not stored yet.
    version: int = 0


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """A block as a store keeps it: a body and the marks by which it is found."""

    uid: str
    id: str
    lo: int
    shape: int
    #: Set only while READY.
    slot: int | None
    #: Store clock, seconds; set only while leased.
    expires: float | None
    #: Bit length of the number of tasks that may be stolen; set only while leased and not zero.
    spare: int | None
    #: ok | failed << 21 | running << 42.
    tally: int
    #: Tasks that wait.
    pending: int
    body: bytes
    #: 0: not stored yet.
    version: int = 0


class Store(Protocol):
    """The contract of a store."""

    #: May a consumer read one job every second? False where each read is paid for.
    cheap: ClassVar[bool]

    def now(self) -> float:
        """The store's clock, Unix seconds; where it has none, this machine's."""

    def insert_job(self, record: JobRecord) -> int:
        """Keep a new job and return its version. Raises Conflict if the name is taken."""

    def get_job(self, name: str) -> JobRecord | None:
        """The job of that name."""

    def list_jobs(self, fleet: str | None = None) -> list[JobRecord]:
        """All jobs, or those of a fleet, in any order."""

    def swap_job(self, record: JobRecord) -> int:
        """Replace the job whose version is `record.version`; return the new one. Raises Conflict if it is another."""

    def delete_job(self, record: JobRecord) -> None:
        """Delete the job whose version is `record.version`. Raises Conflict if it is another."""

    def insert_blocks(self, records: Iterable[BlockRecord]) -> None:
        """Keep many new blocks; those that are there already stay as they are, so that it may be said again.

        Not atomic: the job that names their uid is written after them.
        """

    def get_block(self, uid: str, block_id: str) -> BlockRecord | None:
        """One block."""

    def find_blocks(
        self, uid: str, which: Find, *, shapes: Sequence[int] | None = None, slot: int = 0, limit: int = 3
    ) -> list[BlockRecord]:
        """At most `limit` blocks of one kind, optionally only of some classes. `slot` is where READY begins."""

    def swap_block(self, record: BlockRecord, inserts: Sequence[BlockRecord] = ()) -> int:
        """Replace the block whose version is `record.version` and insert new ones: all of it or nothing.

        Returns the replaced block's new version. Raises Conflict if its version is another or an insert exists.
        """

    def tally(self, uid: str) -> dict[int, Tally]:
        """The counts of a job by class, in O(blocks)."""

    def scan_blocks(self, uid: str, *, after: tuple[int, str] | None = None, limit: int = 200) -> list[BlockRecord]:
        """Blocks in order of (lo, id), from behind `after`."""

    def delete_blocks(self, uid: str) -> None:
        """Delete all blocks of a uid."""

    def close(self) -> None:
        """Let go of connections."""


def pack(tally: Tally) -> int:
    """Three counts in one integer that a store can add up."""
    return tally.ok | tally.failed << _BITS | tally.running << 2 * _BITS


def unpack(total: int, pending: int) -> Tally:
    """The sum of packed tallies, taken apart again."""
    return Tally(total & _MASK, total >> _BITS & _MASK, total >> 2 * _BITS, pending)


def encode(wire: object) -> bytes:
    """JSON, compressed where that pays."""
    body = json.dumps(wire, separators=(",", ":")).encode()
    return zlib.compress(body, 1) if len(body) > _COMPRESS_FROM else body


def decode(body: bytes) -> dict[str, object]:
    plain = body if body[:1] == b"{" else zlib.decompress(body)
    wire: dict[str, object] = json.loads(plain)
    return wire


def job_record(job: Job, version: int, marks: Sequence[str]) -> JobRecord:
    """`marks`: one for each change, drawn anew, so that a write whose answer was lost can be recognised later."""
    body = encode({"job": job.to_wire(), "marks": marks[-_MARKS:]})
    # A closed job has no fleet to find it by: consumers ask for their fleet's jobs every few seconds, for years.
    return JobRecord(job.name, job.fleet if job.closing is None else "", body, version)


def read_job(record: JobRecord) -> tuple[Job, list[str]]:
    """The job and the marks of its last changes, the newest last."""
    wire: dict = decode(record.body)  # type: ignore[type-arg]
    return Job.from_wire(wire["job"]), list(wire["marks"])


def block_record(block: Block, slot: int) -> BlockRecord:
    """The record of a block; `slot` is used if it is ready."""
    tally = block.tally()
    body = {
        "hi": block.hi, "states": block.states.translate(_DIGITS).decode(), "run": block.run, "owner": block.owner,
        "nonce": block.nonce, "epoch": block.epoch, "seq": block.seq, "expires": block.expires, "began": block.began,
        "held": block.held, "records": {index: record.to_wire() for index, record in block.records.items()},
    }  # fmt: skip
    return BlockRecord(
        block.uid, block.id, block.lo, block.shape,
        slot if block.ready else None,
        block.expires if block.leased else None,
        len(block.spare()).bit_length() or None,
        pack(tally), tally.pending, encode(body), block.version,
    )  # fmt: skip


_DIGITS = bytes(range(48, 53)) + bytes(range(5, 256))
_UNDIGITS = bytes(range(48)) + bytes(range(5)) + bytes(range(53, 256))


def read_block(record: BlockRecord) -> Block:
    wire: dict = decode(record.body)  # type: ignore[type-arg]
    records = {int(index): TaskRecord.from_wire(int(index), task) for index, task in wire.pop("records").items()}
    states = wire.pop("states").encode().translate(_UNDIGITS)
    return Block(
        record.uid, record.id, record.lo, wire.pop("hi"), record.shape, states, records, version=record.version, **wire
    )


def stored(block: Block, version: int) -> Block:
    """The block as it stands after the store accepted it."""
    return replace(block, version=version)


assert len(State) == len(bytes(range(48, 53)))


def place(number: int) -> int:
    """The slot of a new job's block of that number, and where the consumer of that number looks first.

    Multiples of the golden ratio, less their whole parts, lie evenly between 0 and 1 however many there are, and
    neighbours far apart (Knuth, The Art of Computer Programming, volume 3, section 6.4, theorem S). So consumers that
    start at the same moment find a block each, and no index grows at one end.
    """
    return int(number * _GOLDEN % 1 * SLOTS)
