"""The connections of the type kubeque for the page. They stay open between requests."""

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
    #: Identity of this Airflow. The page hides jobs of other Airflows on the same queue.
    deployment: str
    #: Time until which this connection is used, on the monotonic clock, in seconds.
    until: float


_connections: dict[str, PageConnection] = {}
_lock = threading.Lock()


def open_connection(conn_id: str) -> PageConnection:
    """Return a connection. Open it if necessary. Create a missing queue file, as every command does.

    Raises ConfigError or QueueError.
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
    """Return the ids of the connections of the type kubeque in Airflow's database."""
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(Connection.conn_id).where(Connection.conn_type == KubequeHook.conn_type))
        return sorted(str(conn_id) for conn_id in found)
