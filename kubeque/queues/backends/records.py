"""Conversion of jobs and blocks to records of a backend and back.

Entries that only a newer kubeque knows are kept and written back unchanged.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from kubeque import __version__
from kubeque.model.errors import JobUnreadable
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskRecord
from kubeque.model.job.versions import BASE_NEEDS, how_to_install, is_older
from kubeque.model.job.wire import UNREADABLE
from kubeque.queues.backends.backend import BlockRecord, JobRecord, pack
from kubeque.queues.block import Block

#: Number of changes of a job whose ids are kept, to recognize a write whose answer was lost.
_CHANGES = 16
#: The state of a task is stored as one character: a digit for the states that this kubeque knows.
_DIGITS = bytes(range(48, 53)) + bytes(range(5, 256))
_UNDIGITS = bytes(range(48)) + bytes(range(5)) + bytes(range(53, 256))
#: Bytes of a body above which it is compressed.
_COMPRESS_FROM = 4096
_JOB_ENTRIES = frozenset({"needs", "written_by", "job", "marks"})


def encode(wire: object) -> bytes:
    """Return JSON, compressed if it is large."""
    body = json.dumps(wire, separators=(",", ":")).encode()
    return zlib.compress(body, 1) if len(body) > _COMPRESS_FROM else body


def decode(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body."""
    plain = body if body[:1] == b"{" else zlib.decompress(body)
    wire: dict[str, Any] = json.loads(plain)
    return wire


def job_record(job: Job, version: int, changes: Sequence[str]) -> JobRecord:
    """Return the record of a job.

    `changes`: a random id for each change, to recognize a write whose answer was lost.
    """
    body = encode(
        {
            **job.record_extra, "needs": job.needs, "written_by": __version__, "job": job.to_wire(),
            "marks": changes[-_CHANGES:],
        }
    )  # fmt: skip
    # A closed job is stored without a fleet: consumers read the jobs of their fleet every few seconds.
    return JobRecord(job.name, job.fleet if job.closing is None else "", body, version)


def read_job(record: JobRecord) -> tuple[Job, list[str]]:
    """Return the job and the ids of its last changes, oldest first.

    Raises JobUnreadable if the job needs a newer kubeque or its record is damaged. `needs` is checked first.
    """
    try:
        wire = decode(record.body)
        needs, written_by = str(wire.get("needs", BASE_NEEDS)), str(wire.get("written_by", ""))
        if is_older(__version__, needs):
            raise JobUnreadable(
                f"the job {record.name!r} needs kubeque {needs} and this is {__version__}: {how_to_install(needs)}",
                record.name,
                needs,
            )
        beside = {key: value for key, value in wire.items() if key not in _JOB_ENTRIES}
        job = Job.from_wire(wire["job"], needs=needs, written_by=written_by, record_extra=beside)
        return job, list(wire["marks"])
    except UNREADABLE as error:
        raise JobUnreadable(
            f"the record of the job {record.name!r} cannot be read ({type(error).__name__}: {error}): it is damaged, or"
            " a kubeque newer than this one wrote it",
            record.name,
        ) from error


def block_record(block: Block, slot: int) -> BlockRecord:
    """Return the record of a block. `slot`: its slot if it is ready."""
    tally = block.tally()
    body = {
        **block.extra,
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
    """Return the block of a record. Raises one of UNREADABLE if it is damaged."""
    wire = decode(record.body)
    take = wire.pop
    records = {int(index): TaskRecord.from_wire(int(index), task) for index, task in take("records").items()}
    return Block(
        record.uid, record.id, record.lo, take("hi"), record.size_class, take("states").encode().translate(_UNDIGITS),
        records, take("run"), take("owner"), take("nonce"), take("epoch"), take("seq"), take("expires"), take("began"),
        take("held", False), record.version, wire,
    )  # fmt: skip
