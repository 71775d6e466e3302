"""Encode jobs and blocks as records of a backend."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskRecord
from kubeque.queues.backends.backend import BlockRecord, JobRecord, pack
from kubeque.queues.block import Block

#: Changes of a job that are remembered by their marks.
_CHANGES = 16
#: A state of a task is one digit.
_DIGITS = bytes(range(48, 53)) + bytes(range(5, 256))
_UNDIGITS = bytes(range(48)) + bytes(range(5)) + bytes(range(53, 256))
#: Bodies above this many bytes are compressed.
_COMPRESS_FROM = 4096


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
    body = encode({"job": job.to_wire(), "marks": marks[-_CHANGES:]})
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
        block.uid, block.id, block.lo, block.size_class,
        slot if block.ready else None,
        block.expires if block.leased else None,
        len(block.spare()).bit_length() or None,
        pack(tally), tally.pending, encode(body), block.version,
    )  # fmt: skip


def read_block(record: BlockRecord) -> Block:
    wire: dict = decode(record.body)  # type: ignore[type-arg]
    records = {int(index): TaskRecord.from_wire(int(index), task) for index, task in wire.pop("records").items()}
    states = wire.pop("states").encode().translate(_UNDIGITS)
    return Block(
        record.uid,
        record.id,
        record.lo,
        wire.pop("hi"),
        record.size_class,
        states,
        records,
        version=record.version,
        **wire,
    )
