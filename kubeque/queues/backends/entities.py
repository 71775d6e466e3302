"""Jobs and blocks as entities of a document database."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.queues.backends.backend import BlockRecord, JobRecord

JOB, BLOCK, SCHEMA = "KubequeJob", "KubequeBlock", "KubequeSchema"
#: Seconds to which the index rounds the end of a lease. Every commit changes this end, and without rounding all writes
#: would go to one end of the index. The results of a search are sorted by the exact end afterwards.
_COARSE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class EntityKey:
    """Key of an entity: its namespace, its kind and its name."""

    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity: its key, its indexed properties and its other properties (`carried`)."""

    key: EntityKey
    indexed: Mapping[str, int | str]
    carried: Mapping[str, int | float | str | bytes] = field(default_factory=dict)
    #: Version of the stored entity; 0: not stored yet.
    version: int = 0


class Bound(Enum):
    """Comparison of a property with a value."""

    EQUAL = "="
    FROM = ">="
    BEHIND = ">"
    BEFORE = "<"


@dataclass(frozen=True, slots=True)
class Search:
    """Search for the entities of one kind that have a given property, in the order of this property."""

    namespace: str
    kind: str
    #: Name of an indexed property; None: all entities of the kind, in the order of their keys.
    property: str | None = None
    #: Condition for the property; None: any value.
    bound: tuple[Bound, int | str] | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """One change of one entity: an insertion, or the update or deletion of exactly one version."""

    key: EntityKey
    #: New contents; None: delete the entity.
    entity: Entity | None
    #: Version that the stored entity must have; None: the entity must not exist.
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Converts records to entities. One namespace has all jobs. The blocks of each job have a namespace of their own.

    The property `made_from` is the previous version of the entity, so that each write changes the entity. If a write
    changed nothing, the database would keep the version, and could accept a stale write later.
    """

    namespace: str = ""

    def blocks(self, uid: str) -> str:
        """Return the namespace that has only the blocks of the job with this uid.

        So each search for blocks uses one property, and needs no composite index.
        """
        return f"{self.namespace}-kq-{uid}" if self.namespace else f"kq-{uid}"

    def job_key(self, name: str) -> EntityKey:
        return EntityKey(self.namespace, JOB, f"job-{name}")  # a key must not be empty or begin with __

    def block_key(self, uid: str, block_id: str) -> EntityKey:
        # Ids ascend, so with ids as keys all writes would go to one part of the database. A checksum comes first.
        return EntityKey(self.blocks(uid), BLOCK, f"{zlib.crc32(block_id.encode()):08x}-{block_id}")

    def job(self, record: JobRecord) -> Entity:
        carried: dict[str, int | float | str | bytes] = {
            "name": record.name,
            "body": record.body,
            "made_from": record.version,
        }
        return Entity(self.job_key(record.name), {"fleet": record.fleet}, carried)

    def block(self, r: BlockRecord) -> Entity:
        """Return the entity of a block.

        The fields for searches are indexed twice: for all size classes, and for the size class of the block.
        """
        minute = None if r.expires is None else int(r.expires // _COARSE_SECONDS)
        indexed: dict[str, int | str] = {"shape": r.size_class, "place": order_key(r.lo, r.id)}
        for name, value in {"slot": r.slot, "spare": r.spare, "minute": minute}.items():
            if value is not None:
                indexed |= {name: value, f"{name}_{r.size_class}": value}
        indexed |= {f"tally_{r.size_class}": r.tally, f"pending_{r.size_class}": r.pending}
        carried: dict[str, int | float | str | bytes] = {"id": r.id, "lo": r.lo, "body": r.body, "made_from": r.version}
        if r.expires is not None:
            carried["expires"] = r.expires
        return Entity(self.block_key(r.uid, r.id), indexed, carried)


def order_key(lo: int, block_id: str) -> str:
    """Return a text with the same sort order as (lo, id)."""
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
