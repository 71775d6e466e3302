"""A queue in the memory of this process, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from kubeque.model.job.counts import Tally
from kubeque.queues.backends.backend import BlockRecord, Conflict, Find, JobRecord, unpack


class MemoryBackend:
    """A backend that consists of dictionaries and a lock. Its contents are lost when the process ends."""

    cheap: ClassVar[bool] = True

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, JobRecord] = {}
        self._blocks: dict[str, dict[str, BlockRecord]] = {}
        self._version = 0

    def now(self) -> float:
        return self._clock()

    def insert_job(self, record: JobRecord) -> int:
        with self._lock:
            if record.name in self._jobs:
                raise Conflict(record.name)
            return self._keep_job(record)

    def get_job(self, name: str) -> JobRecord | None:
        with self._lock:
            return self._jobs.get(name)

    def list_jobs(self, fleet: str | None = None) -> list[JobRecord]:
        with self._lock:
            return [job for job in self._jobs.values() if fleet in (None, job.fleet)]

    def swap_job(self, record: JobRecord) -> int:
        with self._lock:
            self._check_job(record)
            return self._keep_job(record)

    def delete_job(self, record: JobRecord) -> None:
        with self._lock:
            self._check_job(record)
            del self._jobs[record.name]

    def insert_blocks(self, records: Iterable[BlockRecord]) -> None:
        for record in records:
            with self._lock:
                if record.id not in self._blocks.get(record.uid, {}):
                    self._keep_block(record)

    def get_block(self, uid: str, block_id: str) -> BlockRecord | None:
        with self._lock:
            return self._blocks.get(uid, {}).get(block_id)

    def find_blocks(
        self, uid: str, which: Find, *, size_classes: Sequence[int] | None = None, slot: int = 0, limit: int = 3
    ) -> list[BlockRecord]:
        with self._lock:
            blocks = [
                b for b in self._blocks.get(uid, {}).values() if size_classes is None or b.size_class in size_classes
            ]
        if which is Find.READY:
            found = sorted((b for b in blocks if b.slot is not None), key=lambda b: ((b.slot or 0) < slot, b.slot or 0))
        elif which is Find.STEALABLE:
            found = sorted((b for b in blocks if b.spare), key=lambda b: -(b.spare or 0))
        else:
            found = sorted((b for b in blocks if b.expires is not None), key=lambda b: b.expires or 0.0)
        return found[:limit]

    def swap_block(self, record: BlockRecord, inserts: Sequence[BlockRecord] = ()) -> int:
        with self._lock:
            blocks = self._blocks.get(record.uid, {})
            old = blocks.get(record.id)
            if old is None or old.version != record.version or any(new.id in blocks for new in inserts):
                raise Conflict(record.id)
            for new in inserts:
                self._keep_block(new)
            return self._keep_block(record)

    def tally(self, uid: str) -> dict[int, Tally]:
        counts: dict[int, Tally] = {}
        with self._lock:
            for block in self._blocks.get(uid, {}).values():
                counts[block.size_class] = counts.get(block.size_class, Tally()) + unpack(block.tally, block.pending)
        return counts

    def scan_blocks(self, uid: str, *, after: tuple[int, str] | None = None, limit: int = 200) -> list[BlockRecord]:
        with self._lock:
            ordered = sorted(self._blocks.get(uid, {}).values(), key=lambda block: (block.lo, block.id))
        return [block for block in ordered if after is None or (block.lo, block.id) > after][:limit]

    def delete_blocks(self, uid: str) -> None:
        with self._lock:
            self._blocks.pop(uid, None)

    def close(self) -> None:
        """Do nothing, because this backend has no connection."""

    def _check_job(self, record: JobRecord) -> None:
        old = self._jobs.get(record.name)
        if old is None or old.version != record.version:
            raise Conflict(record.name)

    def _keep_job(self, record: JobRecord) -> int:
        self._version += 1
        self._jobs[record.name] = replace(record, version=self._version)
        return self._version

    def _keep_block(self, record: BlockRecord) -> int:
        self._version += 1
        self._blocks.setdefault(record.uid, {})[record.id] = replace(record, version=self._version)
        return self._version
