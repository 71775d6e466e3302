"""Jobs and blocks as entities of a document database, and what such a database must do."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from kubeque.queues.backends.backend import BlockRecord, JobRecord

JOB, BLOCK, SCHEMA = "KubequeJob", "KubequeBlock", "KubequeSchema"
#: The end of a lease moves with every commit. Were it indexed as it is, all writes of the index would go to its one
#: hottest end; so it is indexed to the minute, and what is found is sorted.
_COARSE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class EntityKey:
    """Where an entity is."""

    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity: what it can be found by, and what it only carries."""

    key: EntityKey
    indexed: Mapping[str, int | str]
    carried: Mapping[str, int | float | str | bytes] = field(default_factory=dict)
    #: 0: not stored yet.
    version: int = 0


class Bound(Enum):
    """How a property must compare with a value."""

    EQUAL = "="
    FROM = ">="
    BEHIND = ">"
    BEFORE = "<"


@dataclass(frozen=True, slots=True)
class Search:
    """Entities of one kind that have a property, in its order. Those without it are not found."""

    namespace: str
    kind: str
    #: None: all entities of the kind, in the order of their keys.
    property: str | None = None
    bound: tuple[Bound, int | str] | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """One change of one entity: an insertion, or an update or a deletion of exactly one version."""

    key: EntityKey
    #: None: delete it.
    entity: Entity | None
    #: None: it must not be there yet.
    version: int | None = None


class Database(Protocol):
    """A document database (`queues.datastore`). Errors come out as QueueError or QueueUnavailable."""

    def lookup(self, keys: Sequence[EntityKey]) -> list[Entity]:
        """Those of these entities that are there, in any order."""

    def search(self, search: Search, limit: int) -> list[Entity]:
        """The first `limit` entities that are found."""

    def keys(self, search: Search, limit: int) -> Iterator[list[EntityKey]]:
        """The keys of all that is found, so many at a time."""

    def commit(self, writes: Sequence[Write], *, atomic: bool) -> list[int]:
        """All of it or nothing, if `atomic`. Returns the new versions; raises Conflict if one was another."""

    def delete(self, keys: Sequence[EntityKey]) -> None:
        """Delete these entities, whatever their versions. Not atomic."""

    def sum(self, namespace: str, kind: str, property: str) -> int | None:
        """The sum of a property over all entities that have it; None where the database cannot add up."""

    def time(self) -> float | None:
        """The database's clock, Unix seconds; None where it does not tell."""

    def where(self) -> str:
        """Its name for messages."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where records go. Jobs are in one namespace, the blocks of each job uid in one of their own.

    `made_from` makes every write a change: one that changes nothing would keep its version, and so let a stale one in.
    """

    namespace: str = ""

    def blocks(self, uid: str) -> str:
        """The namespace of a job's blocks: all its searches are then over one property, which needs no index made."""
        return f"{self.namespace}-kq-{uid}" if self.namespace else f"kq-{uid}"

    def job_key(self, name: str) -> EntityKey:
        return EntityKey(self.namespace, JOB, f"job-{name}")  # a key may not be empty nor begin with __

    def block_key(self, uid: str, block_id: str) -> EntityKey:
        # Ids count upwards; keys that do so hit one place of the database after the other.
        return EntityKey(self.blocks(uid), BLOCK, f"{zlib.crc32(block_id.encode()):08x}-{block_id}")

    def job(self, record: JobRecord) -> Entity:
        carried: dict[str, int | float | str | bytes] = {
            "name": record.name,
            "body": record.body,
            "made_from": record.version,
        }
        return Entity(self.job_key(record.name), {"fleet": record.fleet}, carried)

    def block(self, r: BlockRecord) -> Entity:
        """Marks are indexed only where they apply: once for all classes and once for the block's own."""
        minute = None if r.expires is None else int(r.expires // _COARSE_SECONDS)
        indexed: dict[str, int | str] = {"shape": r.size_class, "place": place(r.lo, r.id)}
        for name, value in {"slot": r.slot, "spare": r.spare, "minute": minute}.items():
            if value is not None:
                indexed |= {name: value, f"{name}_{r.size_class}": value}
        indexed |= {f"tally_{r.size_class}": r.tally, f"pending_{r.size_class}": r.pending}
        carried: dict[str, int | float | str | bytes] = {"id": r.id, "lo": r.lo, "body": r.body, "made_from": r.version}
        if r.expires is not None:
            carried["expires"] = r.expires
        return Entity(self.block_key(r.uid, r.id), indexed, carried)


def place(lo: int, block_id: str) -> str:
    """Sorts as (lo, id) does."""
    return f"{lo:010d} {block_id}"


def job_record(entity: Entity) -> JobRecord:
    carried: Mapping[str, Any] = entity.carried
    return JobRecord(carried["name"], str(entity.indexed["fleet"]), carried["body"], entity.version)


def block_record(uid: str, entity: Entity) -> BlockRecord:
    marks: Mapping[str, Any] = entity.indexed
    carried: Mapping[str, Any] = entity.carried
    size_class = marks["shape"]
    return BlockRecord(
        uid, carried["id"], carried["lo"], size_class, marks.get("slot"), carried.get("expires"), marks.get("spare"),
        marks[f"tally_{size_class}"], marks[f"pending_{size_class}"], carried["body"], entity.version,
    )  # fmt: skip
