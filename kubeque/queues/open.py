"""Open the queue at a URL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from kubeque.model.config.config_file import hide_password
from kubeque.model.errors import ConfigError
from kubeque.queues.backends.backend import Backend
from kubeque.queues.queue import Queue

_SCHEMES = "sqlite:///path, postgresql://user@host/database, datastore://project[/database][/namespace] or memory:"


def open_queue(url: str, *, create: bool = True) -> Queue:
    """Return the queue at `url`.

    `create`: True to create a missing SQLite file; False to raise QueueGone in this case. Raises ConfigError for an
    unknown scheme or a wrong URL. Raises MissingExtra if a library is missing. Raises QueueError if the queue cannot be
    used.
    """
    return Queue(open_backend(url, create=create))


def open_backend(url: str, *, create: bool = True) -> Backend:
    """Return the backend of the queue at `url`. The argument `create` and the errors are those of `open_queue`."""
    scheme = url.partition(":")[0]
    opener = _OPENERS.get(scheme)
    if opener is None:
        raise ConfigError(f"queue_url {hide_password(url)!r}: unknown scheme {scheme!r}; write {_SCHEMES}")
    return opener(url, create)


def _open_memory(url: str, create: bool) -> Backend:
    from kubeque.queues.backends.memory import MemoryBackend

    return MemoryBackend()


def _open_postgres(url: str, create: bool) -> Backend:
    from kubeque.queues.backends.postgres import open_postgres

    return open_postgres(url)


def _open_datastore(url: str, create: bool) -> Backend:
    from kubeque.queues.backends.entity_backend import open_datastore

    return open_datastore(url)


def _open_sqlite(url: str, create: bool) -> Backend:
    from kubeque.queues.backends.sqlite import open_sqlite

    path = unquote(url.removeprefix("sqlite://"))
    if not path.startswith("/") or path == "/":
        raise ConfigError(
            f"queue_url {url!r}: write sqlite:/// and an absolute path, for example sqlite:////home/me/queue.db"
        )
    return open_sqlite(Path(path if not path.startswith("//") else path[1:]), create=create)


_OPENERS: dict[str, Callable[[str, bool], Backend]] = {
    "sqlite": _open_sqlite,
    "memory": _open_memory,
    "postgresql": _open_postgres,
    "postgres": _open_postgres,
    "datastore": _open_datastore,
}
