"""A queue in Google Datastore, or in Firestore in Datastore mode.

Each write contains the version that it replaces, and has the conflict strategy FAIL. So the database refuses a stale
write. An atomic commit is one transaction in one call without reads. The client library repeats reads, but no write is
sent twice. If the result of a write is unknown, QueueUnavailable is raised, and the caller must read the record.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kubeque.model.errors import ConfigError, MissingExtra, QueueError, QueueUnavailable
from kubeque.model.text import one_line
from kubeque.queues.backends.backend import Conflict
from kubeque.queues.backends.datastore_messages import Messages, read_entity, read_key
from kubeque.queues.backends.entities import Entity, EntityKey, Search, Write

#: Time limit of one call, and time limit of a read including its repetitions, seconds.
_CALL_SECONDS = 10.0
_READ_SECONDS = 20.0
#: Maximum number of entities in one answer.
_PAGE = 2000
_HOST = "datastore.googleapis.com"
#: Options of the gRPC channel: no size limit (the default is 4 MiB), and a reconnection within seconds after an outage.
_CHANNEL = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3000),
]
#: Value of `more_results` in an answer (query.proto) if a search has more results. The next search starts at the cursor
#: of the answer.
_NOT_FINISHED = 1
#: Key of an entity that never exists. The answer to a lookup of this key contains only the time of the database.
_NOTHING = EntityKey("", "KubequeClock", "clock")
_FORM = "write datastore://PROJECT, datastore://PROJECT/DATABASE or datastore://PROJECT/DATABASE/NAMESPACE"


class Datastore:
    """One database of one project. Threads share its connection; a forked process opens its own."""

    def __init__(self, project: str, database: str, connect: Callable[[], Any]) -> None:
        from google.cloud import datastore_v1

        self._where = f"datastore://{project}" + (f"/{database}" if database else "")
        self._messages = Messages(datastore_v1, project, database)
        self._connect = connect
        self._lock = threading.Lock()
        self._client: tuple[int, Any] | None = None
        self._can_add = True

    def where(self) -> str:
        """Return the URL of the database, for messages."""
        return self._where

    def lookup(self, keys: Sequence[EntityKey]) -> list[Entity]:
        """Return the entities with the given keys, in any order. Leave out the entities that do not exist."""
        request = self._messages.lookup(list(keys))
        found: list[Entity] = []
        while request.keys:
            answer = self._read("lookup", request)
            found += [read_entity(result) for result in answer.found]
            del request.keys[:]
            request.keys.extend(answer.deferred)
        return found

    def search(self, search: Search, limit: int) -> list[Entity]:
        """Return the first `limit` entities of a search."""
        pages = self._pages(search, limit, keys_only=False)
        return [read_entity(result) for page in pages for result in page]

    def keys(self, search: Search, limit: int) -> Iterator[list[EntityKey]]:
        """Yield the keys of all entities of a search, in lists of at most `limit` keys."""
        for page in self._pages(search, None, keys_only=True, most=limit):
            yield [read_key(result.entity.key) for result in page]

    def commit(self, writes: Sequence[Write], *, atomic: bool) -> list[int]:
        """Apply the writes and return the new version of each entity.

        `atomic`: True to apply either all writes or none. Raises Conflict if an entity does not have the version that
        its write expects.
        """
        answer = self._write(self._messages.commit(list(writes), atomic=atomic), writes[0].key.name)
        return [result.version for result in answer.mutation_results]

    def delete(self, keys: Sequence[EntityKey]) -> None:
        """Delete the entities with these keys, whatever their version is. Not atomic.

        Raises QueueUnavailable if the queue is too busy.
        """
        try:
            self._write(self._messages.deletion(list(keys)), "deletion")
        except Conflict as busy:
            raise QueueUnavailable(f"the queue {self._where} is too busy for a deletion ({busy.__cause__})") from busy

    def sum(self, namespace: str, kind: str, property: str) -> int | None:
        """Return the sum of a property over all entities of a kind that have it.

        Return None if the database cannot add.
        """
        from google.api_core import exceptions as google

        if not self._can_add:
            return None
        try:
            answer = self._read("run_aggregation_query", self._messages.sum(namespace, kind, property))
        except QueueError as error:
            # The legacy emulator cannot add (HTTP status 501), and a database can lack the index. The caller then reads
            # all blocks to count tasks.
            if not isinstance(error.__cause__, google.MethodNotImplemented | google.FailedPrecondition):
                raise
            self._can_add = False
            return None
        value = answer.batch.aggregation_results[0].aggregate_properties["sum"]
        return int(value.integer_value) if value.WhichOneof("value_type") == "integer_value" else None

    def time(self) -> float | None:
        """Return the time of the database, Unix seconds; None if the database does not report its time."""
        answer = self._read("lookup", self._messages.lookup([_NOTHING]))
        if not answer.HasField("read_time"):  # the legacy emulator does not report the time
            return None
        return float(answer.read_time.seconds + answer.read_time.nanos / 1e9)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None and client[0] == os.getpid():
            client[1].transport.close()

    # ------------------------------------------------------------------ calls
    def _api(self) -> Any:
        with self._lock:
            if self._client is None or self._client[0] != os.getpid():  # a connection must not cross a fork
                self._client = (os.getpid(), self._connect())
            return self._client[1]

    def _read(self, method: str, request: Any) -> Any:
        from google.api_core import exceptions as google
        from google.api_core.retry import Retry, if_exception_type
        from google.api_core.timeout import ConstantTimeout

        passing = if_exception_type(
            google.ServiceUnavailable, google.DeadlineExceeded, google.InternalServerError, google.Aborted
        )
        retry = Retry(predicate=passing, initial=0.1, maximum=2.0, multiplier=2.0, timeout=_READ_SECONDS)
        timeout = ConstantTimeout(_CALL_SECONDS)  # type: ignore[no-untyped-call]
        call = getattr(self._api(), method)
        return self._named(lambda: call(self._messages.wrapped(request), retry=retry, timeout=timeout))

    def _write(self, request: Any, what: str) -> Any:
        from google.api_core import exceptions as google

        commit = self._api().commit
        try:
            return self._named(lambda: commit(self._messages.wrapped(request), retry=None, timeout=_CALL_SECONDS))
        except QueueError as error:
            refused = google.FailedPrecondition | google.Aborted | google.AlreadyExists | google.NotFound
            if isinstance(error.__cause__, refused):
                raise Conflict(what) from error.__cause__
            raise

    def _named(self, call: Callable[[], Any]) -> Any:
        """Return the protobuf message in the result of `call`. Convert an error of the library to a QueueError."""
        from google.api_core import exceptions as google

        try:
            answer = call()
        except google.GoogleAPIError as error:
            raise make_error(error, self._where) from error
        return type(answer).pb(answer)

    def _pages(self, search: Search, limit: int | None, *, keys_only: bool, most: int = _PAGE) -> Iterator[list[Any]]:
        request = self._messages.query(search, keys_only=keys_only)
        left = limit
        while left is None or left > 0:
            request.query.limit.value = asked = most if left is None else min(most, left)
            batch = self._read("run_query", request).batch
            if batch.entity_results:
                yield list(batch.entity_results)
            got = len(batch.entity_results)
            if got < asked and batch.more_results != _NOT_FINISHED:
                return
            left = None if left is None else left - got
            request.query.start_cursor = batch.end_cursor


def make_error(error: Exception, where: str) -> QueueError:
    """Convert an error of the Google library to a QueueError whose message names the database `where`.

    The message of a lasting error also says what to do. A temporary error becomes QueueUnavailable.
    """
    from google.api_core import exceptions as google

    text = one_line(getattr(error, "message", "") or error)
    lasting: Mapping[type[Exception], str] = {
        google.Forbidden: "give this account the role Cloud Datastore User (roles/datastore.user)",
        google.Unauthenticated: "log in again with `gcloud auth application-default login`",
        google.NotFound: "make the database with `gcloud firestore databases create --type=datastore-mode`, or correct"
        " project and database in queue_url",
        google.FailedPrecondition: "name a database in Datastore mode in queue_url",
        google.InvalidArgument: "correct project, database and namespace in queue_url",
        google.MethodNotImplemented: "name a Datastore in queue_url",
    }
    for kind, remedy in lasting.items():
        if isinstance(error, kind):
            return QueueError(f"the queue {where} refuses the request ({text}): {remedy}")
    return QueueUnavailable(f"the queue {where} does not answer ({text})")


def open_database(url: str) -> tuple[Datastore, str]:
    """Return the database and the namespace of `datastore://project[/database][/namespace]`.

    If the variable DATASTORE_EMULATOR_HOST is set, its value is the address of an emulator that is used instead. Raises
    MissingExtra if the Google library is missing. Raises ConfigError for a wrong URL.
    """
    project, database, namespace = read_url(url)
    try:
        from google.cloud import datastore_v1  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            f"a queue in Datastore needs google-cloud-datastore ({error}): pip install 'kubeque[google]'"
        ) from error
    emulator = os.environ.get("DATASTORE_EMULATOR_HOST", "")
    connect = (lambda: _connect_emulator(emulator)) if emulator else _connect
    return Datastore(project, database, connect), namespace


def read_url(url: str) -> tuple[str, str, str]:
    """Return the project, the database and the namespace in the URL of a queue.

    The default database and the default namespace are empty texts. Raises ConfigError for a wrong URL.
    """
    parts = url.removeprefix("datastore://").rstrip("/").split("/")
    project, database, namespace = [*parts, "", "", ""][:3]
    database = "" if database == "(default)" else database
    good = (
        len(parts) <= 3
        and re.fullmatch(r"[a-z][a-z0-9:.-]{1,99}", project)
        and re.fullmatch(r"([a-z][a-z0-9-]{2,62})?", database)
        and re.fullmatch(r"[0-9A-Za-z._-]{0,70}", namespace)
    )
    if not good:
        raise ConfigError(f"queue_url {url!r}: {_FORM}; the default database is (default)")
    return project, database, namespace


def _connect_emulator(address: str) -> Any:
    import grpc  # type: ignore[import-untyped]
    from google.cloud import datastore_v1
    from google.cloud.datastore_v1.services.datastore.transports import DatastoreGrpcTransport

    channel = grpc.insecure_channel(address.removeprefix("http://").rstrip("/"), options=_CHANNEL)
    return datastore_v1.DatastoreClient(transport=DatastoreGrpcTransport(channel=channel))


def _connect() -> Any:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import datastore_v1
    from google.cloud.datastore_v1.services.datastore.transports import DatastoreGrpcTransport

    try:
        credentials, _ = google.auth.default(scopes=DatastoreGrpcTransport.AUTH_SCOPES)
    except DefaultCredentialsError as error:
        raise QueueError(
            "there are no Google credentials for the queue: run `gcloud auth application-default login`, or set"
            " GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
        ) from error
    channel = DatastoreGrpcTransport.create_channel(f"{_HOST}:443", credentials=credentials, options=_CHANNEL)
    return datastore_v1.DatastoreClient(transport=DatastoreGrpcTransport(channel=channel))
