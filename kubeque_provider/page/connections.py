"""The Airflow connections of the type kubeque that the page uses. They stay open between requests."""

from __future__ import annotations

import threading
import time
from dataclasses import field

from kubeque.client import Client, Reader
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ConfigError, QueueError, QueueUnavailable
from kubeque_provider.hooks.kubeque import KubequeHook

#: Seconds after which a connection is read again, because it may have changed.
_KEPT_SECONDS = 60.0
#: Seconds for which the error of a connection is raised again without a new attempt. An attempt occupies one of the few
#: threads of the web server.
_FAILED_SECONDS = 10.0
#: Seconds that a request waits while another request opens the same connection.
_WAIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class PageConnection:
    """One Airflow connection of the type kubeque, with an open client."""

    client: Client
    #: Identity of this Airflow. The page hides jobs of other Airflows on the same queue.
    deployment: str
    #: Time until which this connection is used, on the monotonic clock, in seconds.
    until: float
    #: True if another process can open the same queue and store. False if the login of the store is in an Airflow
    #: connection.
    portable: bool = True
    #: Lock of the actions of users. Requests that only read do not take it.
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @property
    def reader(self) -> Reader:
        return self.client.reader


@dataclass(slots=True)
class _Slot:
    """The state of one connection id: its open connection, or the error of the last attempt to open it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    connection: PageConnection | None = None
    error: QueueError | None = None
    #: Time until which the error is raised again, on the monotonic clock, in seconds.
    error_until: float = 0.0

    def open(self, conn_id: str) -> PageConnection:
        """Return the connection, and open it if necessary.

        If an attempt failed a few seconds ago, raise its error again.
        """
        now = time.monotonic()
        if self.connection is not None and self.connection.until >= now:
            return self.connection
        if self.error is not None and self.error_until >= now:
            raise self.error
        try:
            self.connection, self.error = _open(conn_id), None
        except QueueError as error:
            self.error, self.error_until = error.with_traceback(None), time.monotonic() + _FAILED_SECONDS
            raise
        return self.connection


_slots: dict[str, _Slot] = {}
_lock = threading.Lock()


def open_connection(conn_id: str) -> PageConnection:
    """Return a connection, and open it if necessary. Like every command, this creates a missing queue file.

    If a queue does not respond, requests for other connections are not delayed, and only a few requests wait for this
    queue. Raises ConfigError or QueueError.
    """
    with _lock:
        slot = _slots.setdefault(conn_id, _Slot())
    if not slot.lock.acquire(timeout=_WAIT_SECONDS):
        raise QueueUnavailable(f"the queue of the connection {conn_id!r} does not respond yet: try again later")
    try:
        return slot.open(conn_id)
    except ConfigError:  # requests can name any number of connections that do not exist
        with _lock:
            _slots.pop(conn_id, None)
        raise
    finally:
        slot.lock.release()


def _open(conn_id: str) -> PageConnection:
    hook = KubequeHook(conn_id)
    if not hook.is_kubeque():
        raise ConfigError(f"the connection {conn_id!r} is not of the type kubeque")
    until = time.monotonic() + _KEPT_SECONDS
    return PageConnection(hook.get_conn(), hook.deployment, until, portable=hook.access().store is None)


def forget_page_connections() -> None:
    """Forget the open connections, so that the next request opens new ones."""
    with _lock:
        _slots.clear()


def connection_ids() -> list[str]:
    """Return the ids of the connections of the type kubeque in Airflow's database."""
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(Connection.conn_id).where(Connection.conn_type == KubequeHook.conn_type))
        return sorted(str(conn_id) for conn_id in found)
