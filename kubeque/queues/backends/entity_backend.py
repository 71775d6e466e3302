"""A queue in the entities of a document database.

This backend uses only operations that both emulators of Google Datastore support. These are the lookup, insertion,
update and deletion of whole entities with an expected version, and searches over one property. It does not use partial
updates, transforms, ancestors or reads in transactions, because one of the emulators silently ignores them.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, repeat
from typing import Any, ClassVar

from kubeque.model.errors import QueueUnavailable
from kubeque.model.job.counts import Tally
from kubeque.queues.backends.backend import BlockRecord, Conflict, Find, JobRecord, unpack
from kubeque.queues.backends.datastore import Datastore, open_database
from kubeque.queues.backends.entities import (
    BLOCK,
    JOB,
    Bound,
    Entity,
    Layout,
    Search,
    Write,
    block_record,
    job_record,
    order_key,
)
from kubeque.queues.backends.layout_version import prepare_entities
from kubeque.queues.backends.server_clock import ServerClock
from kubeque.retry import retry

#: Maximum number of entities in one insertion, maximum size of an insertion in bytes, and number of inserting threads.
_INSERT_COUNT, _INSERT_BYTES, _INSERT_THREADS = 500, 3 << 20, 4
_INSERT_TRIES = 8
_DELETE_COUNT = 500
#: Estimated size in bytes of an entity without its body.
_OVERHEAD = 600
#: Minimum number of leased blocks that a search reads before it sorts them by the exact end of their leases. The index
#: has only the rounded end.
_LEASED_FETCH = 300


class EntityBackend:
    """The backend for document databases."""

    cheap: ClassVar[bool] = False

    def __init__(self, database: Datastore, namespace: str = "") -> None:
        self._db = database
        self._at = Layout(namespace)
        self._clock = ServerClock(lambda: database.time() or time.time())
        prepare_entities(database, namespace)

    def now(self) -> float:
        return self._clock.now()

    def close(self) -> None:
        self._db.close()

    # ------------------------------------------------------------------ jobs
    def insert_job(self, record: JobRecord) -> int:
        return self._write(self._at.job(record))

    def get_job(self, name: str) -> JobRecord | None:
        found = self._db.lookup([self._at.job_key(name)])
        return job_record(found[0]) if found else None

    def list_jobs(self, fleet: str | None = None) -> list[JobRecord]:
        search = Search(self._at.namespace, JOB)
        if fleet is not None:
            search = Search(self._at.namespace, JOB, "fleet", (Bound.EQUAL, fleet))
        return [job_record(entity) for entity in self._db.search(search, limit=1_000_000)]

    def swap_job(self, record: JobRecord) -> int:
        return self._write(self._at.job(record), record.version)

    def delete_job(self, record: JobRecord) -> None:
        self._db.commit([Write(self._at.job_key(record.name), None, record.version)], atomic=True)

    def _write(self, entity: Entity, version: int | None = None) -> int:
        return self._db.commit([Write(entity.key, entity, version)], atomic=True)[0]

    # ------------------------------------------------------------------ blocks
    def insert_blocks(self, records: Iterable[BlockRecord]) -> None:
        batches = _batches(self._at.block(record) for record in records)
        running: deque[Future[None]] = deque()
        with ThreadPoolExecutor(_INSERT_THREADS) as pool:
            for batch in batches:
                running.append(pool.submit(self._insert, batch))
                if len(running) > _INSERT_THREADS:  # only running insertions are in memory
                    running.popleft().result()
            while running:
                running.popleft().result()

    def _insert(self, entities: Sequence[Entity]) -> None:
        """Insert the entities that do not exist yet. After a conflict, look up which entities exist, and try again.

        Raises QueueUnavailable if the database has refused the missing entities in _INSERT_TRIES tries.
        """
        rest = list(entities)

        def insert() -> None:
            try:
                self._db.commit([Write(entity.key, entity) for entity in rest], atomic=False)
            except Conflict:
                there = {entity.key for entity in self._db.lookup([entity.key for entity in rest])}
                rest[:] = [entity for entity in rest if entity.key not in there]
                if rest:  # another process inserts the same entities, or the database is busy
                    raise

        try:
            pauses = repeat(0.1, _INSERT_TRIES - 1)
            retry(insert, again=lambda error: isinstance(error, Conflict), pauses=pauses, spread=(0.0, 1.0))
        except Conflict as error:
            refused = f"the queue {self._db.where()} refused new blocks {_INSERT_TRIES} times: try again later"
            raise QueueUnavailable(refused) from error

    def get_block(self, uid: str, block_id: str) -> BlockRecord | None:
        found = self._db.lookup([self._at.block_key(uid, block_id)])
        return block_record(uid, found[0]) if found else None

    def find_blocks(
        self, uid: str, which: Find, *, size_classes: Sequence[int] | None = None, slot: int = 0, limit: int = 3
    ) -> list[BlockRecord]:
        if size_classes is None:
            return self._find(uid, which, "", slot, limit)
        each = [self._find(uid, which, f"_{size_class}", slot, limit) for size_class in dict.fromkeys(size_classes)]
        order: dict[Find, Callable[[BlockRecord], Any]] = {
            Find.READY: lambda b: ((b.slot or 0) < slot, b.slot),
            Find.STEALABLE: lambda b: -(b.spare or 0),
            Find.LEASED: lambda b: b.expires,
        }
        return list(islice(heapq.merge(*each, key=order[which]), limit))

    def _find(self, uid: str, which: Find, among: str, slot: int, limit: int) -> list[BlockRecord]:
        """Return the records of at most `limit` blocks of the kind `which`.

        `among`: suffix of the names of indexed properties, which selects one size class; empty: all size classes.
        """
        where = self._at.blocks(uid)
        if which is Find.READY:
            mark = f"slot{among}"
            found = self._db.search(Search(where, BLOCK, mark, (Bound.FROM, slot)), limit)
            if len(found) < limit and slot > 0:
                found += self._db.search(Search(where, BLOCK, mark, (Bound.BEFORE, slot)), limit - len(found))
        elif which is Find.STEALABLE:
            found = self._db.search(Search(where, BLOCK, f"spare{among}", descending=True), limit)
        else:
            found = self._db.search(Search(where, BLOCK, f"minute{among}"), max(limit, _LEASED_FETCH))
            found.sort(key=lambda entity: entity.carried["expires"])
        return [block_record(uid, entity) for entity in found[:limit]]

    def swap_block(self, record: BlockRecord, inserts: Sequence[BlockRecord] = ()) -> int:
        entity = self._at.block(record)
        new = [Write(entity.key, entity) for entity in map(self._at.block, inserts)]
        return self._db.commit([Write(entity.key, entity, record.version), *new], atomic=True)[0]

    def tally(self, uid: str) -> dict[int, Tally]:
        where = self._at.blocks(uid)
        top = self._db.search(Search(where, BLOCK, "shape", descending=True), limit=1)
        counts: dict[int, Tally] = {}
        for size_class in range(int(top[0].indexed["shape"]) + 1 if top else 0):
            # Read `pending` first. A task that starts between the two reads is then counted twice rather than missed.
            pending = self._db.sum(where, BLOCK, f"pending_{size_class}")
            packed = self._db.sum(where, BLOCK, f"tally_{size_class}")
            if pending is None or packed is None:
                return self._tally_by_scan(uid)
            if pending or packed or self._db.search(Search(where, BLOCK, f"tally_{size_class}"), limit=1):
                counts[size_class] = unpack(packed, pending)
        return counts

    def _tally_by_scan(self, uid: str) -> dict[int, Tally]:
        counts: dict[int, Tally] = {}
        after: tuple[int, str] | None = None
        while batch := self.scan_blocks(uid, after=after, limit=2000):
            for block in batch:
                counts[block.size_class] = counts.get(block.size_class, Tally()) + unpack(block.tally, block.pending)
            after = (batch[-1].lo, batch[-1].id)
        return counts

    def scan_blocks(self, uid: str, *, after: tuple[int, str] | None = None, limit: int = 200) -> list[BlockRecord]:
        bound = (Bound.BEHIND, order_key(*after)) if after else None
        search = Search(self._at.blocks(uid), BLOCK, "place", bound)
        return [block_record(uid, entity) for entity in self._db.search(search, limit)]

    def delete_blocks(self, uid: str) -> None:
        found = True
        while found:  # repeat, because a steal during a pass may insert a block before the current position
            found = False
            for keys in self._db.keys(Search(self._at.blocks(uid), BLOCK), _DELETE_COUNT):
                self._db.delete(keys)
                found = True


def _batches(entities: Iterable[Entity]) -> Iterator[list[Entity]]:
    batch: list[Entity] = []
    size = 0
    for entity in entities:
        body = entity.carried["body"]
        weight = _OVERHEAD + (len(body) if isinstance(body, bytes) else 0)
        if batch and (len(batch) == _INSERT_COUNT or size + weight > _INSERT_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entity)
        size += weight
    if batch:
        yield batch


def open_datastore(url: str) -> EntityBackend:
    """Return the backend of the queue at `datastore://project[/database][/namespace]`.

    Raises MissingExtra if the Google library is missing. Raises ConfigError for a wrong URL. Raises QueueError if the
    queue cannot be used.
    """
    database, namespace = open_database(url)
    return EntityBackend(database, namespace)
