"""From a queue URL to a queue."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from kubeque.model.errors import ConfigError
from kubeque.queues.queue import Queue
from kubeque.queues.store import Store

_SCHEMES = "sqlite:///path, postgresql://user@host/database, datastore://project[/database][/namespace] or memory:"


def open_queue(url: str) -> Queue:
    """The queue at `url`.

    Raises ConfigError for an unknown scheme, MissingExtra where a library is needed, QueueError if it cannot be used.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return Queue(_open_sqlite(url))
    if scheme == "memory":
        from kubeque.queues.memory import MemoryStore

        return Queue(MemoryStore())
    raise ConfigError(f"queue_url {url!r}: unknown scheme {scheme!r}; write {_SCHEMES}")


def _open_sqlite(url: str) -> Store:
    from kubeque.queues.sqlite import open_sqlite

    path = unquote(url.removeprefix("sqlite://"))
    if not path.startswith("/") or path == "/":
        raise ConfigError(
            f"queue_url {url!r}: write sqlite:/// and an absolute path, as in sqlite:////home/me/queue.db"
        )
    return open_sqlite(Path(path if not path.startswith("//") else path[1:]))
