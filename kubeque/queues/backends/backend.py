"""The contract of a backend: a few operations on the records of jobs and blocks.

A backend stores records, finds blocks by their indexed fields and compares versions. Leases and outcomes are
implemented in `queues/transitions/`, once for all backends. All backends run the shared tests in tests/queues.

Any operation can raise QueueUnavailable. If a write raises this error, the write may have been applied. The caller must
then read the record to find out.
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
#: Number of bits for each count in a packed tally. Three counts then fit into a signed integer of 64 bits.
_BITS = 21
_MASK = (1 << _BITS) - 1


class Conflict(Exception):
    """The stored record has a different version, is missing, or exists although it must be new. Nothing was written."""


class Find(Enum):
    """Kinds of blocks that a backend can search for."""

    #: Blocks with pending tasks that are neither leased nor held. They are in the order of their slots, from a given
    #: slot to the last one, and then from slot 0.
    READY = "ready"
    #: Leased blocks with tasks that may be stolen. A block with more of these tasks comes first.
    STEALABLE = "stealable"
    #: Leased blocks. The block whose lease ends first comes first.
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
    """A block as a backend stores it: a body, and indexed fields, which are used to find and to count blocks."""

    uid: str
    id: str
    lo: int
    size_class: int
    #: Position in a search for READY blocks; None if the block is not ready.
    slot: int | None
    #: End of the lease on the clock of the queue, Unix seconds; None if the block is not leased.
    expires: float | None
    #: Bit length of the number of tasks that may be stolen; None if no task may be stolen.
    spare: int | None
    #: Counts of ok, failed and running tasks, packed as ok | failed << 21 | running << 42.
    tally: int
    #: Counts of pending and killed tasks, packed as pending | killed << 21.
    pending: int
    body: bytes
    #: Version of the stored record; 0: not stored yet.
    version: int = 0


class Backend(Protocol):
    """The operations that every backend has."""

    #: True if a consumer may read a job every second; False if each read costs money.
    cheap: ClassVar[bool]

    def now(self) -> float:
        """Return the time of the database, Unix seconds. If the database has no clock, return this machine's time."""

    def insert_job(self, record: JobRecord) -> int:
        """Store the record of a new job and return its version. Raises Conflict if the job's name is taken."""

    def get_job(self, name: str) -> JobRecord | None:
        """Return the record of the job `name`; None if it does not exist."""

    def list_jobs(self, fleet: str | None = None) -> list[JobRecord]:
        """Return the records of the jobs of one fleet, in any order. `fleet`: name of the fleet; None: all jobs."""

    def swap_job(self, record: JobRecord) -> int:
        """Replace the stored record of a job and return the new version.

        Raises Conflict if the stored version is not `record.version`.
        """

    def delete_job(self, record: JobRecord) -> None:
        """Delete the stored record of a job. Raises Conflict if the stored version is not `record.version`."""

    def insert_blocks(self, records: Iterable[BlockRecord]) -> None:
        """Store the records of new blocks. Existing blocks do not change, so the call can be repeated.

        The call is not atomic. So the caller stores the record of the job only after all of its blocks.
        """

    def get_block(self, uid: str, block_id: str) -> BlockRecord | None:
        """Return the record of one block; None if it does not exist."""

    def find_blocks(
        self, uid: str, which: Find, *, size_classes: Sequence[int] | None = None, slot: int = 0, limit: int = 3
    ) -> list[BlockRecord]:
        """Return the records of at most `limit` blocks of the kind `which`.

        `size_classes`: only blocks of these size classes; None: all blocks. `slot`: first slot of a search for READY.
        """

    def swap_block(self, record: BlockRecord, inserts: Sequence[BlockRecord] = ()) -> int:
        """Replace a stored block and insert new blocks in one transaction. Return the new version of the block.

        Raises Conflict if the stored version is not `record.version`, or if a block to insert exists.
        """

    def tally(self, uid: str) -> dict[int, Tally]:
        """Return the number of a job's tasks in each state, by size class. Takes O(blocks)."""

    def scan_blocks(self, uid: str, *, after: tuple[int, str] | None = None, limit: int = 200) -> list[BlockRecord]:
        """Return the records of at most `limit` blocks of a job, in order of (lo, id).

        `after`: return only blocks behind this (lo, id); None: start with the first block.
        """

    def delete_blocks(self, uid: str) -> None:
        """Delete all blocks of the job with this uid."""

    def close(self) -> None:
        """Close the connections."""


def pack(tally: Tally) -> int:
    """Return the counts of ok, failed and running tasks as one integer. A database can add up these integers."""
    return tally.ok | tally.failed << _BITS | tally.running << 2 * _BITS


def pack_pending(tally: Tally) -> int:
    """Return the counts of pending and killed tasks as one integer. A database can add up these integers.

    If no row is killed, the integer is the number of pending tasks.
    """
    return tally.pending | tally.killed << _BITS


def unpack(total: int, pending: int) -> Tally:
    """Return the counts in two packed integers.

    `total`: result of `pack`, or a sum of such results. `pending`: the same for `pack_pending`.
    """
    return Tally(total & _MASK, total >> _BITS & _MASK, total >> 2 * _BITS, pending & _MASK, pending >> _BITS)


def first_slot(number: int) -> int:
    """Return a slot for a number 0, 1, 2, ... A slot is a position in the order of ready blocks, in [0, SLOTS).

    The slots are spread evenly, and those of successive numbers are far apart. The block with this number in a new job
    gets this slot. The consumer with this number begins its search at the same slot. So consumers that start together
    find different blocks. Also, new entries are spread over the whole index of the database, not added at one end.

    The slot is the fractional part of a multiple of the golden ratio. Source: Knuth, The Art of Computer Programming,
    volume 3, section 6.4, theorem S.
    """
    return int(number * _GOLDEN % 1 * SLOTS)
