"""The measured backends. Each backend provides empty databases, and stops its servers at the end."""

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
    """Database of one measurement."""

    url: str
    #: Address of the Datastore emulator.
    emulator: str = ""


class SqliteFiles:
    """SQLite, with a new file for each measurement."""

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
    """PostgreSQL, with a new database for each measurement, on one server with fsync."""

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
    """Datastore, with a new emulator for each measurement, because it gets slower with more data. It is warmed up."""

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
