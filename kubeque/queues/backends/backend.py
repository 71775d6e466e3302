"""The contract of a backend: a few operations on the records of jobs and blocks.

A backend stores records, finds blocks by their indexed fields and compares versions. Leases and outcomes are
implemented in `queues/transitions/`, once for all backends. All backends run the shared tests in tests/queues.

Any operation can raise QueueUnavailable. If a write raises it, the write may have been applied. So the caller must then
read the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import ClassVar, Protocol

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.counts import Tally

#: Slots of ready blocks are in [0, SLOTS).
SLOTS = 1 << 31
_GOLDEN = (5**0.5 - 1) / 2
#: Number of bits for each count in a packed tally: three counts fit into 63 bits.
_BITS = 21
_MASK = (1 << _BITS) - 1


class Conflict(Exception):
    """The stored record has a different version, exists unexpectedly, or is missing. Nothing was written."""


class Find(Enum):
    """Kinds of blocks that a backend can search."""

    #: Blocks that are not leased and not held and have pending tasks, in the order of slots from a given slot.
    READY = "ready"
    #: Leased blocks with tasks that may be stolen. Blocks with the most such tasks come first.
    STEALABLE = "stealable"
    #: Leased blocks. The lease that ends first comes first.
    LEASED = "leased"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as a backend stores it."""

    name: str
    fleet: str
    body: bytes
    #: Version of the stored record; 0: not stored yet.
    version: int = 0


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """A block as a backend stores it: a body, and the indexed fields used to find the block."""

    uid: str
    id: str
    lo: int
    size_class: int
    #: Position in a search for READY; set only while ready.
    slot: int | None
    #: End of the lease on the clock of the queue, Unix seconds; set only while leased.
    expires: float | None
    #: Bit length of the number of tasks that may be stolen; set only while leased and not zero.
    spare: int | None
    #: ok | failed << 21 | running << 42.
    tally: int
    #: pending | killed << 21.
    pending: int
    body: bytes
    #: Version of the stored record; 0: not stored yet.
    version: int = 0


class Backend(Protocol):
    """The contract of a backend."""

    #: True if a consumer may read a job every second; False if each read costs money.
    cheap: ClassVar[bool]

    def now(self) -> float:
        """Return the time of the database, Unix seconds. If it has no clock, return the time of this machine."""

    def insert_job(self, record: JobRecord) -> int:
        """Store a new job and return its version. Raises Conflict if the name is taken."""

    def get_job(self, name: str) -> JobRecord | None:
        """Return the job with that name, or None."""

    def list_jobs(self, fleet: str | None = None) -> list[JobRecord]:
        """Return all jobs, or the jobs of one fleet, in any order."""

    def swap_job(self, record: JobRecord) -> int:
        """Replace the job if its version is `record.version`, and return the new version. Raises Conflict otherwise."""

    def delete_job(self, record: JobRecord) -> None:
        """Delete the job if its version is `record.version`. Raises Conflict otherwise."""

    def insert_blocks(self, records: Iterable[BlockRecord]) -> None:
        """Store new blocks. Existing blocks are unchanged, so the call can be repeated.

        Not atomic: the caller stores the job of the blocks afterwards.
        """

    def get_block(self, uid: str, block_id: str) -> BlockRecord | None:
        """Return one block, or None."""

    def find_blocks(
        self, uid: str, which: Find, *, size_classes: Sequence[int] | None = None, slot: int = 0, limit: int = 3
    ) -> list[BlockRecord]:
        """Return at most `limit` blocks of one kind, optionally only of some size classes.

        `slot`: where a search for READY begins.
        """

    def swap_block(self, record: BlockRecord, inserts: Sequence[BlockRecord] = ()) -> int:
        """Replace the block if its version is `record.version`, insert new blocks, and return the new version. Atomic.

        Raises Conflict if the stored block has a different version, or if a block to insert exists.
        """

    def tally(self, uid: str) -> dict[int, Tally]:
        """Return the counts of a job by size class. Takes O(blocks)."""

    def scan_blocks(self, uid: str, *, after: tuple[int, str] | None = None, limit: int = 200) -> list[BlockRecord]:
        """Return at most `limit` blocks after `after`, in order of (lo, id)."""

    def delete_blocks(self, uid: str) -> None:
        """Delete all blocks of a uid."""

    def close(self) -> None:
        """Close the connections."""


def pack(tally: Tally) -> int:
    """Return the counts of ok, failed and running tasks as one integer, so that a database can add up such integers."""
    return tally.ok | tally.failed << _BITS | tally.running << 2 * _BITS


def pack_pending(tally: Tally) -> int:
    """Return the counts of pending and killed tasks as one integer.

    If no row is killed, the integer is the number of pending tasks.
    """
    return tally.pending | tally.killed << _BITS


def unpack(total: int, pending: int) -> Tally:
    """Return a tally. `total`: sum of results of `pack`. `pending`: sum of results of `pack_pending`."""
    return Tally(total & _MASK, total >> _BITS & _MASK, total >> 2 * _BITS, pending & _MASK, pending >> _BITS)


def first_slot(number: int) -> int:
    """Return the slot of a new job's block with that number. The consumer with that number starts its search there.

    The fractional parts of multiples of the golden ratio are spread evenly between 0 and 1. Successive fractional parts
    are far apart. So consumers that start together find different blocks, and an index does not grow at one end only.
    Source: Knuth, The Art of Computer Programming, volume 3, section 6.4, theorem S.
    """
    return int(number * _GOLDEN % 1 * SLOTS)
