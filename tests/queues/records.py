"""Records as a backend stores them, for the tests of its contract."""

from __future__ import annotations

from kubeque.model.job.counts import Tally
from kubeque.queues.backends.backend import Backend, BlockRecord, JobRecord, pack

UID = "uid-1"


def job(name: str = "sweep", fleet: str = "local", body: bytes = b"{}") -> JobRecord:
    return JobRecord(name, fleet, body)


def block(lo: int = 0, *, uid: str = UID, size_class: int = 0, **marks: object) -> BlockRecord:
    """Return the record of a block. It waits, unless `marks` set other fields."""
    fields = {"slot": lo, "expires": None, "spare": None, "tally": pack(Tally()), "pending": 1, "body": b"{}"} | marks
    return BlockRecord(uid, f"{size_class}-{lo}", lo, size_class, **fields)  # type: ignore[arg-type]


def leased(lo: int, expires: float, spare: int | None = None, **marks: object) -> BlockRecord:
    return block(lo, **{"slot": None, "expires": expires, "spare": spare} | marks)


def kept(backend: Backend, *records: BlockRecord) -> list[BlockRecord]:
    """Return these blocks as the backend returns them."""
    backend.insert_blocks(records)
    found = [backend.get_block(record.uid, record.id) for record in records]
    return [record for record in found if record is not None]


def ids(records: list[BlockRecord]) -> list[str]:
    return [record.id for record in records]
