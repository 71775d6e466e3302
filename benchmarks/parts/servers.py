"""The stores that are measured: each gives an empty place, as often as asked, and ends what it started."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.parts.racing import warm
from tests.servers.emulators import DatastoreEmulator
from tests.servers.postgres import PostgresServer


@dataclass(frozen=True, slots=True)
class Place:
    """Where one measurement happens."""

    url: str
    #: Of the Datastore emulator.
    emulator: str = ""


class SqliteFiles:
    """A new file each time."""

    name = "SQLite"

    def __init__(self) -> None:
        self._numbers = itertools.count()

    @contextmanager
    def running(self) -> Iterator[SqliteFiles]:
        with tempfile.TemporaryDirectory(prefix="kubeque-bench-") as folder:
            self._folder = Path(folder)
            yield self

    def fresh(self) -> Place:
        return Place(f"sqlite://{self._folder / f'queue-{next(self._numbers)}.db'}")


class PostgresDatabases:
    """A new database each time, on one server that waits for its disk."""

    name = "PostgreSQL"

    @contextmanager
    def running(self) -> Iterator[PostgresDatabases]:
        self._server = PostgresServer(fsync=True)
        self._server.start()
        try:
            yield self
        finally:
            self._server.stop()

    def fresh(self) -> Place:
        return Place(self._server.create_database())


class Emulators:
    """An emulator of Datastore, started anew each time: it gets slower as data piles up. Then it is warmed up."""

    def __init__(self, kind: str) -> None:
        self.name = f"Datastore emulator ({kind})"
        self._kind = kind

    @contextmanager
    def running(self) -> Iterator[Emulators]:
        self._emulator = DatastoreEmulator(self._kind)
        self._emulator.start()
        try:
            yield self
        finally:
            self._emulator.stop()

    def fresh(self) -> Place:
        self._emulator.restart()
        warm(self._emulator.host)
        return Place("datastore://kubeque-bench", self._emulator.host)


Servers = SqliteFiles | PostgresDatabases | Emulators


def all_servers() -> list[Servers]:
    return [Emulators("legacy"), Emulators("firestore"), PostgresDatabases(), SqliteFiles()]
