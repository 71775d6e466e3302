"""The kinds of stores that the shared suite runs on. A new kind is one entry in KINDS: nobody opts out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubeque.queues.memory import MemoryStore
from kubeque.queues.sqlite import open_sqlite
from kubeque.queues.store import Store

#: Opens the store once more: another connection to the same data.
Opener = Callable[[], Store]


class ServerMissing(Exception):
    """This machine has no such server. Its tests skip, and fail where CI=true."""


@contextmanager
def no_server() -> Iterator[str]:
    """For stores that need none."""
    yield ""


@dataclass(frozen=True)
class Kind:
    """One kind of store."""

    #: Gives an empty store, from the server's address and a folder of the test's own; cleans up behind itself.
    fresh: Callable[[str, Path], AbstractContextManager[Opener]]
    #: Runs the server and gives its address; entered once per pytest process. Raises ServerMissing.
    server: Callable[[], AbstractContextManager[str]] = no_server


@contextmanager
def memory(address: str, folder: Path) -> Iterator[Opener]:
    store = MemoryStore()
    yield lambda: store


@contextmanager
def sqlite(address: str, folder: Path) -> Iterator[Opener]:
    opened: list[Store] = []

    def open_again() -> Store:
        opened.append(open_sqlite(folder / "queue.db"))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


KINDS: dict[str, Kind] = {
    "memory": Kind(memory),
    "sqlite": Kind(sqlite),
}
