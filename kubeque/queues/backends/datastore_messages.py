"""Conversion of entities and searches to Google Datastore's protobuf messages and back.

The module of the client library is an argument, so that this module does not import the library.
"""

from __future__ import annotations

from typing import Any

from kubeque.queues.backends.entities import Bound, Entity, EntityKey, Search, Write

# Constants of the protocol (googleapis: google/datastore/v1/datastore.proto and query.proto).
_TRANSACTIONAL, _NON_TRANSACTIONAL = 1, 2
_FAIL = 3
_ASCENDING, _DESCENDING = 1, 2
_OPERATORS = {Bound.EQUAL: 5, Bound.BEFORE: 1, Bound.BEHIND: 3, Bound.FROM: 4}


class Messages:
    """Builds requests to one database of one project."""

    def __init__(self, library: Any, project: str, database: str) -> None:
        self._library = library
        self._project = project
        self._database = database

    def lookup(self, keys: list[EntityKey]) -> Any:
        return self._request("LookupRequest", keys=[self._key(key) for key in keys])

    def query(self, search: Search, *, keys_only: bool) -> Any:
        """Return the request for a search, without a limit. `keys_only`: True to get the keys without the contents."""
        request = self._request("RunQueryRequest", partition_id=self._partition(search.namespace))
        query = request.query
        query.kind.add().name = search.kind
        if keys_only:
            query.projection.add().property.name = "__key__"
        if search.property is None:
            return request
        if search.bound is not None:
            bound = query.filter.property_filter
            bound.property.name, bound.op = search.property, _OPERATORS[search.bound[0]]
            _set(bound.value, search.bound[1])
        if search.bound is None or search.bound[0] is not Bound.EQUAL:
            query.order.add(direction=_DESCENDING if search.descending else _ASCENDING).property.name = search.property
        return request

    def sum(self, namespace: str, kind: str, property: str) -> Any:
        """Return the request for the sum of a property. The answer contains the sum under the name `sum`."""
        request = self._request("RunAggregationQueryRequest", partition_id=self._partition(namespace))
        request.aggregation_query.nested_query.kind.add().name = kind
        request.aggregation_query.aggregations.add(alias="sum").sum.property.name = property
        return request

    def commit(self, writes: list[Write], *, atomic: bool) -> Any:
        """Return the request to apply writes. The database refuses a write if the entity has an unexpected version.

        `atomic`: True to apply either all writes or none.
        """
        request = self._commit(atomic=atomic)
        for write in writes:
            mutation = request.mutations.add()
            if write.version is not None:
                mutation.base_version = write.version
                mutation.conflict_resolution_strategy = _FAIL
            if write.entity is None:
                mutation.delete.CopyFrom(self._key(write.key))
            else:
                self._fill(mutation.insert if write.version is None else mutation.update, write.entity)
        return request

    def deletion(self, keys: list[EntityKey]) -> Any:
        """Return the request to delete the entities with these keys, whatever their version is."""
        request = self._commit(atomic=False)
        for key in keys:
            request.mutations.add().delete.CopyFrom(self._key(key))
        return request

    def _commit(self, *, atomic: bool) -> Any:
        request = self._request("CommitRequest", mode=_TRANSACTIONAL if atomic else _NON_TRANSACTIONAL)
        if atomic:
            request.single_use_transaction.read_write.SetInParent()
        return request

    def wrapped(self, request: Any) -> Any:
        """Return a protobuf message wrapped in the type of the client library, without a copy."""
        return getattr(self._library, type(request).__name__).wrap(request)

    def _request(self, name: str, **fields: Any) -> Any:
        return getattr(self._library, name).pb()(project_id=self._project, database_id=self._database, **fields)

    def _partition(self, namespace: str) -> Any:
        make = self._library.PartitionId.pb()
        return make(project_id=self._project, database_id=self._database, namespace_id=namespace)

    def _key(self, key: EntityKey) -> Any:
        message = self._library.Key.pb()(partition_id=self._partition(key.namespace))
        message.path.add(kind=key.kind, name=key.name)
        return message

    def _fill(self, message: Any, entity: Entity) -> None:
        message.key.CopyFrom(self._key(entity.key))
        for name, value in entity.indexed.items():
            _set(message.properties[name], value)
        for name, carried in entity.carried.items():
            _set(message.properties[name], carried)
            message.properties[name].exclude_from_indexes = True


def _set(message: Any, value: float | str | bytes) -> None:
    kinds = {int: "integer_value", float: "double_value", str: "string_value", bytes: "blob_value"}
    setattr(message, kinds[type(value)], value)


def read_key(message: Any) -> EntityKey:
    return EntityKey(message.partition_id.namespace_id, message.path[0].kind, message.path[0].name)


def read_entity(result: Any) -> Entity:
    """Return the entity in a result of a lookup or search, with its version."""
    indexed: dict[str, Any] = {}
    carried: dict[str, Any] = {}
    for name, value in result.entity.properties.items():
        (carried if value.exclude_from_indexes else indexed)[name] = getattr(value, value.WhichOneof("value_type"))
    return Entity(read_key(result.entity.key), indexed, carried, result.version)
