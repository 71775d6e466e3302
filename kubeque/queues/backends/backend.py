"""What a place that keeps a queue must do: a dozen narrow operations on jobs and blocks, each one atomic.

A store knows nothing of leases or outcomes: it keeps records, finds blocks by their marks and compares versions. The
logic stands once, in `queues.block`. Every store answers to the shared suite in tests/queues.

Any operation may raise QueueUnavailable. For a write that means "nobody knows whether it happened": callers read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol

from kubeque import __version__
from kubeque.model.errors import QueueSchemaError
from kubeque.model.job.task import Tally
from kubeque.model.job.versions import how_to_install

#: Lowest kubeque that knows the layouts that the backends write.
LAYOUT_PROGRAM = "0.2"
#: Slots of ready blocks lie in [0, SLOTS).
SLOTS = 1 << 31
_GOLDEN = (5**0.5 - 1) / 2
#: Bits for each count in a packed tally.
_BITS = 21
_MASK = (1 << _BITS) - 1


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
    size_class: int
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


class Backend(Protocol):
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
        self, uid: str, which: Find, *, size_classes: Sequence[int] | None = None, slot: int = 0, limit: int = 3
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


def newer_layout(where: str, version: int, known: int, program: str) -> QueueSchemaError:
    """Return the error for a queue that a newer kubeque has migrated. `program`: the version to install, if known."""
    install = f"install kubeque {program} or newer ({how_to_install(program)})" if program else "upgrade kubeque"
    return QueueSchemaError(
        f"the queue {where} has layout {version} and kubeque {__version__} knows {known}: {install}, or choose another"
        " queue_url"
    )


def pack(tally: Tally) -> int:
    """Return three counts as one integer that a database can add up."""
    return tally.ok | tally.failed << _BITS | tally.running << 2 * _BITS


def unpack(total: int, pending: int) -> Tally:
    """Return the tally of a sum of packed tallies."""
    return Tally(total & _MASK, total >> _BITS & _MASK, total >> 2 * _BITS, pending)


def first_slot(number: int) -> int:
    """Return the slot of a new job's block of that number, which is also where the consumer of that number begins.

    Multiples of the golden ratio, less their whole parts, lie evenly between 0 and 1 however many there are, and
    neighbours far apart (Knuth, The Art of Computer Programming, volume 3, section 6.4, theorem S). So consumers that
    start at the same moment find a block each, and no index grows at one end.
    """
    return int(number * _GOLDEN % 1 * SLOTS)
