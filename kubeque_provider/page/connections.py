"""The connections of the type kubeque that the page reads, kept open between requests."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from kubeque.client import Reader
from kubeque.model.errors import ConfigError
from kubeque_provider.hooks.kubeque import KubequeHook

#: Seconds after which a connection is read again, because it may have changed.
_KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PageConnection:
    """One open connection."""

    reader: Reader
    #: Name of this Airflow; the page hides jobs of other Airflows on the same queue.
    deployment: str
    #: End of its use, monotonic seconds.
    until: float


_connections: dict[str, PageConnection] = {}
_lock = threading.Lock()


def open_connection(conn_id: str) -> PageConnection:
    """Return a connection, opened if necessary. A missing queue file is created, as by every command.

    Raises ConfigError, QueueError.
    """
    with _lock:
        known = _connections.get(conn_id)
        if known is None or known.until < time.monotonic():
            hook = KubequeHook(conn_id)
            if not hook.is_kubeque():
                raise ConfigError(f"the connection {conn_id!r} is not of the type kubeque")
            until = time.monotonic() + _KEPT_SECONDS
            _connections[conn_id] = known = PageConnection(hook.get_conn().reader, hook.deployment, until)
        return known


def forget_page_connections() -> None:
    """Make the next request open each connection again."""
    with _lock:
        _connections.clear()


def connection_ids() -> list[str]:
    """Return the connections of the type kubeque in Airflow's database."""
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(Connection.conn_id).where(Connection.conn_type == KubequeHook.conn_type))
        return sorted(str(conn_id) for conn_id in found)
