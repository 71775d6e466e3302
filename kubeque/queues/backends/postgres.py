"""A queue in a PostgreSQL database.

Fencing uses one version per row and `UPDATE ... WHERE version = ?` under READ COMMITTED. If two writers update a row at
the same time, the second update waits for the first. PostgreSQL then reads the row again, and the second update finds a
different version.
"""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from kubeque.model.errors import ConfigError, MissingExtra
from kubeque.queues.backends.postgres_errors import make_error
from kubeque.queues.backends.postgres_session import Session
from kubeque.queues.backends.server_clock import ServerClock
from kubeque.queues.backends.sql import SqlBackend
from kubeque.queues.backends.sql_dialect import Executor

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.abc import PQGen

T = TypeVar("T")
#: Maximum time to wait for an answer of the server, seconds. The client then closes the connection.
_SILENCE_SECONDS = 40.0
_CONNECT_SECONDS = 10
#: Maximum number of unused connections that stay open. The number of used connections has no limit.
_IDLE_CONNECTIONS = 4
#: Key of the advisory lock for the creation of tables: an arbitrary number that other programs are unlikely to use.
_SCHEMA_LOCK = 0x6B756265717565
#: Settings of libpq, with which a client notices a dead server within half a minute, even while it waits for an answer.
_KEEPALIVE = {
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
    "target_session_attrs": "read-write",
    "application_name": "kubeque",
}


class PostgresDialect:
    """The SQL dialect of PostgreSQL, with connections to one database.

    Only one thread at a time uses a connection, and only in the process that opened the connection.
    """

    types: ClassVar[dict[str, str]] = {
        "integer": "BIGINT",
        "real": "DOUBLE PRECISION",
        "bytes": "BYTEA",
        "text": 'TEXT COLLATE "C"',  # compared by bytes, as Python does
    }
    alone: ClassVar[str] = f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})"
    has_table: ClassVar[str] = "SELECT 1 WHERE to_regclass(?) IS NOT NULL"

    def __init__(self, url: str, *, silence_seconds: float = _SILENCE_SECONDS) -> None:
        self._settings = _settings(url)
        self._silence_seconds = silence_seconds
        self._clock = ServerClock(self._server_time)
        self._lock = threading.Lock()
        self._idle: list[Connection[Any]] = []
        #: Connections that the parent process opened. Only the parent process may close them.
        self._inherited: list[Connection[Any]] = []
        self._process = os.getpid()

    def where(self) -> str:
        return _where(self._settings)

    def now(self) -> float:
        return self._clock.now()

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Executor]:
        with self._errors_named():
            session = Session(self._take(), self._connect)
            try:
                with session.transaction():
                    yield session
            finally:
                self._give_back(session.connection)

    def read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._errors_named():
            session = Session(self._take(), self._connect)
            try:
                return session.read(statement, values)
            finally:
                self._give_back(session.connection)

    def many(self, execute: Executor, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        cast(Session, execute).many(statement, rows)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _server_time(self) -> float:
        ((seconds,),) = self.read("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(seconds)

    def _take(self) -> Connection[Any]:
        """Return an unused connection that the server has not closed. If no such connection exists, open a new one."""
        with self._lock:
            if self._process != os.getpid():  # a connection must not cross a fork
                self._inherited += self._idle
                self._process, self._idle = os.getpid(), []
            idle = self._idle
        while True:
            with self._lock:
                connection = idle.pop() if idle else None
            if connection is None:
                return self._connect()
            if not _hung_up(connection):
                return connection
            connection.close()

    def _give_back(self, connection: Connection[Any]) -> None:
        import psycopg

        clean = not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with self._lock:
            if clean and len(self._idle) < _IDLE_CONNECTIONS and self._process == os.getpid():
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> Connection[Any]:
        return _patient_connection(self._silence_seconds).connect(
            # No prepared statements: they fail behind a connection pooler, and planning these statements is quick.
            autocommit=True, prepare_threshold=None, **self._settings,
        )  # fmt: skip

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            text = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
            lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
            raise make_error(text, error.sqlstate or "", self.where(), of_connection=lost) from error


def _patient_connection(silence_seconds: float) -> type[Connection[Any]]:
    """Return a class of connections that wait at most `silence_seconds` for an answer of the server.

    The sockets of a frozen server stay open, so psycopg alone would wait without a limit.
    """
    import psycopg

    class PatientConnection(psycopg.Connection[Any]):
        def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
            return super().wait(self._bounded(gen), *args, **kwargs)

        def _bounded(self, gen: PQGen[T]) -> PQGen[T]:
            end = time.monotonic() + silence_seconds
            try:
                step = next(gen)
                while True:
                    ready = yield step  # psycopg resumes this generator several times a second, even without an event
                    if time.monotonic() > end:
                        self.pgconn.finish()
                        raise psycopg.OperationalError(f"no answer for {silence_seconds:.0f} s")
                    step = gen.send(ready)
            except StopIteration as done:
                return cast("T", done.value)

    return PatientConnection


def _hung_up(connection: Connection[Any]) -> bool:
    """True if an unused connection is closed, or if it has unread data from the server.

    A server that closes an unused connection sends such data.
    """
    if connection.closed:
        return True
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN)
    return bool(watch.poll(0))


def _settings(url: str) -> dict[str, Any]:
    """Return the settings of libpq for a URL. Raises ConfigError for a wrong URL.

    The message of the error contains no part of the URL, because a password with @ or / can be in any part.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        given = {"host": "@"}
    names = f"{given.get('host', '')}{given.get('dbname', '')}"
    if "@" in names or not re.fullmatch(r"[0-9,]*", str(given.get("port") or "")):
        raise ConfigError(
            "queue_url is not a URL of a PostgreSQL database: write postgresql://user:password@host:5432/database, with"
            " %40, %2F, %3A and %25 for @, /, : and % in user and password"
        )
    return {**_KEEPALIVE, **given}


def _where(settings: Mapping[str, Any]) -> str:
    user = f"{settings['user']}@" if settings.get("user") else ""
    port = f":{settings['port']}" if settings.get("port") else ""
    return f"postgresql://{user}{settings.get('host') or ''}{port}/{settings.get('dbname') or ''}"


def open_postgres(url: str) -> SqlBackend:
    """Return the backend of the queue in the database at `url`. Create missing tables.

    Raises MissingExtra if psycopg is missing. Raises ConfigError for a wrong URL. Raises QueueError if the queue cannot
    be used; the message contains a remedy if one is known.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"a queue in PostgreSQL needs psycopg ({error}): pip install 'kubeque[postgres]'") from error
    return SqlBackend(PostgresDialect(url))
