"""The queues that the page looks into, one for each connection of the type kubeque, kept open between requests."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from kubeque.client import Reader
from kubeque.model.errors import ConfigError
from kubeque_provider.hooks.kubeque import KubequeHook

#: After so many seconds a connection is read again: somebody may have changed it.
_KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PageConnection:
    """One connection, opened."""

    reader: Reader
    #: Jobs of other Airflows on the same queue are not shown here.
    deployment: str
    #: Monotonic seconds: until when it may be used.
    until: float


_sources: dict[str, PageConnection] = {}
_lock = threading.Lock()


def open_source(conn_id: str) -> PageConnection:
    """The queue of a connection. A queue file that is not there yet is made, empty, as by every command.

    Raises ConfigError, QueueError.
    """
    with _lock:
        known = _sources.get(conn_id)
        if known is None or known.until < time.monotonic():
            hook = KubequeHook(conn_id)
            if not hook.is_kubeque():
                raise ConfigError(f"the connection {conn_id!r} is not of the type kubeque")
            until = time.monotonic() + _KEPT_SECONDS
            _sources[conn_id] = known = PageConnection(hook.get_conn().reader, hook.deployment, until)
        return known


def forget_sources() -> None:
    """Open every connection anew with the next request."""
    with _lock:
        _sources.clear()


def connection_ids() -> list[str]:
    """The connections of the type kubeque that stand in Airflow's database."""
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(Connection.conn_id).where(Connection.conn_type == KubequeHook.conn_type))
        return sorted(str(conn_id) for conn_id in found)
