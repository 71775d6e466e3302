"""A queue in an SQL database: the statements for all dialects.

A dialect (`sqlite.py`, `postgres.py`) contains connections, column types and the translation of errors. In statements
`?` is the placeholder of a value. Fencing uses `UPDATE ... WHERE version = ?` and its row count.

Versions grow by random steps from a random start. If a queue is restored from a backup, its versions differ from those
that programs have read since the backup. So the writes of these programs are refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar

from kubeque.model.job.counts import Tally
from kubeque.queues.backends.backend import BlockRecord, Conflict, Find, JobRecord, unpack
from kubeque.queues.backends.layout_version import prepare_tables
from kubeque.queues.backends.sql_dialect import Dialect

_INSERT_BATCH = 500
_JOB = "name, fleet, body, version"
_BLOCK = "uid, id, lo, shape, slot, expires, spare, tally, pending, version, body"


class SqlBackend:
    """The backend for SQL databases."""

    cheap: ClassVar[bool] = True

    def __init__(self, dialect: Dialect) -> None:
        self._db = dialect
        prepare_tables(dialect)

    def now(self) -> float:
        return self._db.now()

    def close(self) -> None:
        self._db.close()

    def insert_job(self, record: JobRecord) -> int:
        version = _first_version()  # random, so that it differs from the versions of an earlier job of the same name
        values = (record.name, record.fleet, record.body, version)
        with self._db.transaction(write=True) as execute:
            statement = f"INSERT INTO kubeque_job ({_JOB}) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
            if execute(statement, values).rowcount != 1:
                raise Conflict(record.name)
        return version

    def get_job(self, name: str) -> JobRecord | None:
        return next(iter(self._jobs(" WHERE name = ?", name)), None)

    def list_jobs(self, fleet: str | None = None) -> list[JobRecord]:
        return self._jobs("") if fleet is None else self._jobs(" WHERE fleet = ?", fleet)

    def _jobs(self, where: str, *values: str) -> list[JobRecord]:
        rows = self._db.read(f"SELECT {_JOB} FROM kubeque_job{where}", values)
        return [JobRecord(name, of, bytes(body), version) for name, of, body, version in rows]

    def swap_job(self, record: JobRecord) -> int:
        version = _next_version(record.version)
        with self._db.transaction(write=True) as execute:
            changed = execute(
                "UPDATE kubeque_job SET fleet = ?, body = ?, version = ? WHERE name = ? AND version = ?",
                (record.fleet, record.body, version, record.name, record.version),
            )
            if changed.rowcount != 1:
                raise Conflict(record.name)
        return version

    def delete_job(self, record: JobRecord) -> None:
        with self._db.transaction(write=True) as execute:
            statement = "DELETE FROM kubeque_job WHERE name = ? AND version = ?"
            if execute(statement, (record.name, record.version)).rowcount != 1:
                raise Conflict(record.name)

    def insert_blocks(self, records: Iterable[BlockRecord]) -> None:
        for batch in _batches(records):
            with self._db.transaction(write=True) as execute:
                self._db.many(execute, f"{_INSERT_BLOCK} ON CONFLICT DO NOTHING", [_values(r) for r in batch])

    def get_block(self, uid: str, block_id: str) -> BlockRecord | None:
        rows = self._db.read(f"SELECT {_BLOCK} FROM kubeque_block WHERE uid = ? AND id = ?", (uid, block_id))
        return _record(rows[0]) if rows else None

    def find_blocks(
        self, uid: str, which: Find, *, size_classes: Sequence[int] | None = None, slot: int = 0, limit: int = 3
    ) -> list[BlockRecord]:
        classes = tuple(size_classes or ())
        if size_classes is not None and not classes:
            return []
        among = f" AND shape IN ({', '.join('?' * len(classes))})" if size_classes is not None else ""
        found: list[BlockRecord] = []
        for condition, values in _CONDITIONS[which](slot):
            statement = f"SELECT {_BLOCK} FROM kubeque_block WHERE uid = ?{among} AND {condition} LIMIT ?"
            rows = self._db.read(statement, (uid, *classes, *values, limit - len(found)))
            found += [_record(row) for row in rows]
            if len(found) >= limit:
                break
        return found

    def swap_block(self, record: BlockRecord, inserts: Sequence[BlockRecord] = ()) -> int:
        version = _next_version(record.version)
        with self._db.transaction(write=True) as execute:
            changed = execute(
                "UPDATE kubeque_block SET slot = ?, expires = ?, spare = ?, tally = ?, pending = ?, body = ?,"
                " version = ? WHERE uid = ? AND id = ? AND version = ?",
                (
                    record.slot, record.expires, record.spare, record.tally, record.pending, record.body,
                    version, record.uid, record.id, record.version,
                ),
            )  # fmt: skip
            if changed.rowcount != 1:
                raise Conflict(record.id)
            for new in inserts:
                if execute(f"{_INSERT_BLOCK} ON CONFLICT DO NOTHING", _values(new)).rowcount != 1:
                    raise Conflict(new.id)
        return version

    def tally(self, uid: str) -> dict[int, Tally]:
        statement = "SELECT shape, sum(tally), sum(pending) FROM kubeque_block WHERE uid = ? GROUP BY shape"
        rows = self._db.read(statement, (uid,))
        return {size_class: unpack(int(total), int(pending)) for size_class, total, pending in rows}

    def scan_blocks(self, uid: str, *, after: tuple[int, str] | None = None, limit: int = 200) -> list[BlockRecord]:
        behind, values = ("", ()) if after is None else (" AND (lo, id) > (?, ?)", after)
        statement = f"SELECT {_BLOCK} FROM kubeque_block WHERE uid = ?{behind} ORDER BY lo, id LIMIT ?"
        rows = self._db.read(statement, (uid, *values, limit))
        return [_record(row) for row in rows]

    def delete_blocks(self, uid: str) -> None:
        deleted = 1
        while deleted:  # repeat, because a deletion does not see a block that a steal inserts meanwhile
            with self._db.transaction(write=True) as execute:
                deleted = execute("DELETE FROM kubeque_block WHERE uid = ?", (uid,)).rowcount


_INSERT_BLOCK = f"INSERT INTO kubeque_block ({_BLOCK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#: For each kind of search, a function of the first slot that returns conditions with their values. A search uses one
#: condition after another until it has found enough blocks.
_CONDITIONS: dict[Find, Callable[[int], list[tuple[str, tuple[int, ...]]]]] = {
    Find.READY: lambda slot: [("slot >= ? ORDER BY slot", (slot,)), ("slot < ? ORDER BY slot", (slot,))],
    Find.STEALABLE: lambda slot: [("expires IS NOT NULL AND spare IS NOT NULL ORDER BY spare DESC", ())],
    Find.LEASED: lambda slot: [("expires IS NOT NULL ORDER BY expires", ())],
}


def _first_version() -> int:
    return secrets.randbits(60)


def _next_version(version: int) -> int:
    """Return a version larger than `version` by a random step of at most 2**32.

    So the column of 63 bits has room for about two thousand million steps.
    """
    return version + 1 + secrets.randbits(32)


def _values(r: BlockRecord) -> tuple[Any, ...]:
    return (r.uid, r.id, r.lo, r.size_class, r.slot, r.expires, r.spare, r.tally, r.pending, _first_version(), r.body)


def _record(row: Sequence[Any]) -> BlockRecord:
    *marks, version, body = row
    uid, block_id, lo, size_class, slot, expires, spare, tally, pending = marks
    return BlockRecord(uid, block_id, lo, size_class, slot, expires, spare, tally, pending, bytes(body), version)


def _batches(records: Iterable[BlockRecord]) -> Iterator[list[BlockRecord]]:
    iterator = iter(records)
    while batch := list(islice(iterator, _INSERT_BATCH)):
        yield batch
