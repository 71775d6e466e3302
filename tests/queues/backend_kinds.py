"""The kinds of backends that the shared tests run on. A new kind is one entry in KINDS. All shared tests run on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kubeque.queues.backends.backend import Backend
from kubeque.queues.backends.entity_backend import open_datastore
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.backends.postgres import open_postgres
from kubeque.queues.backends.sqlite import open_sqlite
from tests.servers.emulators import DatastoreEmulator
from tests.servers.postgres import PostgresServer

#: Function that opens one more connection to the same backend.
Opener = Callable[[], Backend]


@contextmanager
def no_server() -> Iterator[str]:
    """Do nothing. For backends without a server."""
    yield ""


@dataclass(frozen=True)
class Kind:
    """One kind of backend."""

    #: Context manager that yields an empty backend. Arguments: address of the server, and a folder for the test.
    fresh: Callable[[str, Path], AbstractContextManager[Opener]]
    #: Context manager that runs the server and yields its address, once per pytest process. Raises NotHere.
    server: Callable[[], AbstractContextManager[str]] = no_server


@contextmanager
def memory(address: str, folder: Path) -> Iterator[Opener]:
    backend = MemoryBackend()
    yield lambda: backend


@contextmanager
def opening(open_one: Callable[[], Backend]) -> Iterator[Opener]:
    """Yield a function that opens backends. Close all of them at the end."""
    opened: list[Backend] = []

    def open_again() -> Backend:
        opened.append(open_one())
        return opened[-1]

    yield open_again
    for backend in opened:
        backend.close()


def sqlite(address: str, folder: Path) -> AbstractContextManager[Opener]:
    return opening(lambda: open_sqlite(folder / "queue.db"))


_NUMBERS = itertools.count(1)


@contextmanager
def postgres_server() -> Iterator[str]:
    server = PostgresServer()
    server.start()
    yield server.create_database()
    server.stop()


def fresh_schema(address: str) -> str:
    """Return the URL of a new schema. A schema is created much faster than a database."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"{address}?options=-csearch_path%3D{name}"


def postgres(address: str, folder: Path) -> AbstractContextManager[Opener]:
    url = fresh_schema(address)
    return opening(lambda: open_postgres(url))


def emulator_server(kind: str) -> Callable[[], AbstractContextManager[str]]:
    @contextmanager
    def run() -> Iterator[str]:
        emulator = DatastoreEmulator(kind)
        emulator.start()
        yield emulator.host
        emulator.stop()

    return run


def fresh_namespace() -> str:
    """Return the URL of a new namespace."""
    return f"datastore://kubeque-test/(default)/test-{next(_NUMBERS)}"


@contextmanager
def datastore(address: str, folder: Path) -> Iterator[Opener]:
    """Yield a namespace for each test. The library reads the address of the emulator from the environment."""
    url = fresh_namespace()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DATASTORE_EMULATOR_HOST", address)
        with opening(lambda: open_datastore(url)) as opener:
            yield opener


KINDS: dict[str, Kind] = {
    "memory": Kind(memory),
    "sqlite": Kind(sqlite),
    "postgres": Kind(postgres, postgres_server),
    "datastore-legacy": Kind(datastore, emulator_server("legacy")),
    "datastore-firestore": Kind(datastore, emulator_server("firestore")),
}


def on(name: str, *marks: pytest.MarkDecorator) -> Any:
    """Return the parameter of a test that runs on this kind, with further marks.

    The tests of one server share an xdist worker, which starts the server once.
    """
    kind = KINDS[name]
    own = [pytest.mark.xdist_group(name), pytest.mark.server(name)] if kind.server is not Kind.server else []
    return pytest.param(name, marks=[*own, *marks])
