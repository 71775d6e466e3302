"""Conversion of jobs and blocks to the records of a backend and back.

A job or block keeps the entries of its record that only a newer kubeque knows. These entries are written back
unchanged.
"""

from __future__ import annotations

import json
import shlex
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

from kubeque import __version__
from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.stored_types import check_fields
from kubeque.model.compatibility.unknown_entries import UNREADABLE, decompress, explain
from kubeque.model.compatibility.versions import BASE_NEEDS, is_older, needs_newer
from kubeque.model.errors import JobUnreadable
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskRecord
from kubeque.model.wording import code
from kubeque.queues.backends.backend import BlockRecord, JobRecord, pack, pack_pending
from kubeque.queues.block import Block, CommandNote

#: Number of random ids of its last changes that the record of a job keeps. If the answer to a write is lost, the ids
#: show whether the write was applied.
_CHANGES = 16
#: Maximum size in bytes of a body before its compression: five times the size of 256 tasks with the longest records.
_LARGEST_BODY = 8 << 20
#: Translation of a task's state (a byte) to the stored character and back. The known states are stored as digits.
_DIGITS = bytes(range(48, 53)) + bytes(range(5, 256))
_UNDIGITS = bytes(range(48)) + bytes(range(5)) + bytes(range(53, 256))
#: Size above which the body of a record is compressed, bytes.
_COMPRESS_FROM = 4096
_JOB_ENTRIES = frozenset({"needs", "written_by", "job", "marks"})


def encode(wire: object) -> bytes:
    """Return a value as JSON. JSON of more than _COMPRESS_FROM bytes is compressed."""
    body = json.dumps(wire, separators=(",", ":")).encode()
    return zlib.compress(body, 1) if len(body) > _COMPRESS_FROM else body


def decode(body: bytes) -> dict[str, Any]:
    """Return the JSON object in the body of a record.

    Raises an error in UNREADABLE if the body is damaged, or if it decompresses to more than _LARGEST_BODY bytes.
    """
    plain = body if body[:1] == b"{" else decompress(body, _LARGEST_BODY)
    wire: dict[str, Any] = json.loads(plain.decode())  # given bytes, `loads` would first detect their encoding
    return wire


def job_record(job: Job, version: int, changes: Sequence[str]) -> JobRecord:
    """Return the record of a job to store. `version`: version of the stored record; 0: not stored yet.

    `changes`: random ids of all changes of the job, the oldest first. If the answer to a write is lost, its id shows
    whether the write was applied.
    """
    body = encode(
        {
            **job.record_extra, "needs": job.needs, "written_by": __version__, "job": job.to_wire(),
            "marks": changes[-_CHANGES:],
        }
    )  # fmt: skip
    # A closed job is stored without a fleet, because consumers read all jobs of their fleet every few seconds.
    return JobRecord(job.name, job.fleet if job.closing is None else "", body, version)


def read_job(record: JobRecord) -> tuple[Job, list[str]]:
    """Return the job in a record and the random ids of its last changes, the oldest first.

    Raises JobUnreadable if the job needs a newer kubeque (this is checked first), or if the record is damaged.
    """
    try:
        job, changes = _decode_job(record.name, record.body, __version__)
        return job, list(changes)
    except UNREADABLE as error:
        raise JobUnreadable(
            f"the record of the job {record.name!r} cannot be read ({explain(error)}): it is damaged, or a kubeque"
            f" newer than this one wrote it; {code('remove', shlex.quote(record.name))} deletes the job",
            record.name,
        ) from error


@lru_cache(maxsize=16)  # consumers and observers read a job every second, and the job has rarely changed
def _decode_job(name: str, body: bytes, program: str) -> tuple[Job, tuple[str, ...]]:
    """Return the job in the body of a record and the random ids of its last changes, the oldest first.

    Raises JobUnreadable if the job needs a kubeque newer than version `program`. Raises an error in UNREADABLE if the
    record is damaged.
    """
    wire = decode(body)
    needs, written_by = wire.get("needs", BASE_NEEDS), wire.get("written_by", "")
    if not isinstance(needs, str):
        raise TypeError(f"needs is {needs!r}")
    if is_older(program, needs):
        raise JobUnreadable(needs_newer(name, needs, program), name, needs)
    if b"\\ud" in body or body[:1] != b"{":
        json.dumps(wire, ensure_ascii=False).encode()  # raises UnicodeEncodeError for text that cannot be printed
    beside = {key: value for key, value in wire.items() if key not in _JOB_ENTRIES}
    job = Job.from_wire(wire["job"], needs=needs, written_by=written_by, record_extra=beside)
    if job.name != name:
        raise ValueError(f"it names the job {job.name!r}")
    return job, tuple(wire["marks"])


def killed_record(record: JobRecord) -> JobRecord:
    """Return the record of an unreadable job without its fleet, so that no consumer finds the job.

    If the body can be decoded, the state of the job becomes `killed`.
    """
    try:
        wire = decode(record.body)
        wire["job"]["state"] = "killed"
    except UNREADABLE:
        return replace(record, fleet="")
    return replace(record, fleet="", body=encode(wire))


def stored_uid(record: JobRecord) -> str:
    """Return the uid in the record of a job that cannot be read; empty if the record has no readable uid."""
    try:
        uid = decode(record.body)["job"]["uid"]
    except UNREADABLE:
        return ""
    return uid if isinstance(uid, str) else ""


def block_record(block: Block, slot: int) -> BlockRecord:
    """Return the record of a block to store. `slot`: slot of the block, which is stored only if the block is ready."""
    tally = block.tally()
    body = {
        **block.extra,
        "hi": block.hi, "states": block.states.translate(_DIGITS).decode(), "run": block.run, "owner": block.owner,
        "nonce": block.nonce, "epoch": block.epoch, "seq": block.seq, "expires": block.expires, "began": block.began,
        "held": block.held, "records": {index: record.to_wire() for index, record in block.records.items()},
        **({"command": block.note.to_wire()} if block.note is not None and block.owner else {}),
    }  # fmt: skip
    return BlockRecord(
        block.uid, block.id, block.lo, block.size_class,
        slot if block.ready else None,
        block.expires if block.leased else None,
        len(block.spare()).bit_length() or None,
        pack(tally), pack_pending(tally), encode(body), block.version,
    )  # fmt: skip


def read_block(record: BlockRecord) -> Block:
    """Return the block in a record. Raises JobUnreadable if the record is damaged."""
    with translate_damage(record):
        return _decode_block(record)


@lru_cache(maxsize=16)  # the blocks of a small job are read much more often than they change
def _decode_block(record: BlockRecord) -> Block:
    """Return the block in a record. Raises an error in UNREADABLE if the record is damaged."""
    wire = decode(record.body)
    wire.setdefault("held", False)
    check_fields(_StoredBlock, wire)
    take = wire.pop
    records = {int(index): TaskRecord.from_wire(int(index), task) for index, task in take("records").items()}
    note = CommandNote.from_wire(wire.pop("command")) if "command" in wire else None
    block = Block(
        record.uid, record.id, record.lo, take("hi"), record.size_class,
        take("states").encode().translate(_UNDIGITS), records, take("run"), take("owner"), take("nonce"),
        take("epoch"), take("seq"), take("expires"), take("began"), note, take("held"), record.version, wire,
    )  # fmt: skip
    if not 0 <= block.lo < block.hi or len(block.states) != block.hi - block.lo:
        raise ValueError(f"it holds {len(block.states)} states for tasks {block.lo} to {block.hi - 1}")
    return block


@dataclass(frozen=True)
class _StoredBlock:
    """Types of the entries of a stored block."""

    hi: int
    states: str
    run: int
    owner: str
    nonce: str
    epoch: int
    seq: int
    expires: float
    began: float
    held: bool
    records: Mapping[str, Any]


@contextmanager
def translate_damage(record: BlockRecord) -> Iterator[None]:
    """Convert the errors in UNREADABLE to JobUnreadable. For use in a `with` statement that decodes `record`."""
    try:
        yield
    except UNREADABLE as error:
        what = f"block {record.id} of the job with uid {record.uid} cannot be read ({explain(error)}): it is damaged"
        raise JobUnreadable(what, record.uid) from error


def read_blocks(records: Iterable[BlockRecord]) -> tuple[list[Block], list[JobUnreadable]]:
    """Return the blocks in the readable records, and an error with the reason for each unreadable record."""
    found: list[Block] = []
    unreadable: list[JobUnreadable] = []
    for record in records:
        try:
            found.append(read_block(record))
        except JobUnreadable as error:
            unreadable.append(error)
    return found, unreadable
