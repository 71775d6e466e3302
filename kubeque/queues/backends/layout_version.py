"""The layout version of a queue. A program migrates a queue with an older layout, and refuses a newer one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from kubeque import __version__
from kubeque.model.compatibility.versions import how_to_install
from kubeque.model.errors import QueueSchemaError
from kubeque.queues.backends.backend import Conflict
from kubeque.queues.backends.entities import SCHEMA, Entity, EntityKey, Write
from kubeque.queues.backends.sql_dialect import Dialect, Executor

if TYPE_CHECKING:
    from kubeque.queues.backends.datastore import Datastore

#: Version of the tables in SQL, and of the layout in a document database. A program that knows only an older version
#: cannot open the queue.
SCHEMA_VERSION = 2
_ENTITY_VERSION = 2
#: Lowest version of kubeque that can read the layout that this version writes.
LAYOUT_PROGRAM = "0.2"
_VERSIONS = "kubeque_schema"
#: Functions that return the statements from a layout version to the next one, by version. Argument: the column types.
MIGRATIONS: dict[int, Callable[[Mapping[str, str]], list[str]]] = {
    # Version 2 changes only the records (unknown entries, `needs`), and adds the column `program`: the lowest version
    # of kubeque that knows the layout.
    1: lambda types: [f"ALTER TABLE {_VERSIONS} ADD COLUMN program {types['text']}"],
}


def _schema(types: Mapping[str, str]) -> list[str]:
    integer, real, binary, text = types["integer"], types["real"], types["bytes"], types["text"]
    return [
        f"CREATE TABLE kubeque_job (name {text} PRIMARY KEY, fleet {text} NOT NULL,"
        f" version {integer} NOT NULL, body {binary} NOT NULL)",
        f"CREATE TABLE kubeque_block (uid {text} NOT NULL, id {text} NOT NULL, lo {integer} NOT NULL,"
        f" shape {integer} NOT NULL, slot {integer}, expires {real}, spare {integer}, tally {integer} NOT NULL,"
        f" pending {integer} NOT NULL, version {integer} NOT NULL, body {binary} NOT NULL, PRIMARY KEY (uid, id))",
        "CREATE INDEX kubeque_ready ON kubeque_block (uid, slot) WHERE slot IS NOT NULL",
        "CREATE INDEX kubeque_leased ON kubeque_block (uid, expires) WHERE expires IS NOT NULL",
        "CREATE INDEX kubeque_order ON kubeque_block (uid, lo, id)",
        "CREATE INDEX kubeque_tally ON kubeque_block (uid, shape, tally, pending)",
        "CREATE INDEX kubeque_fleet ON kubeque_job (fleet)",
    ]


def prepare_tables(dialect: Dialect) -> None:
    """Create the tables of a queue in an SQL database if they are missing. Migrate tables with an older layout.

    Raises QueueSchemaError if a newer kubeque has migrated the tables.
    """
    with dialect.transaction(write=True) as execute:
        if dialect.alone:
            execute(dialect.alone)
        if execute(dialect.has_table, (_VERSIONS,)).fetchone() is None:
            integer, text = dialect.types["integer"], dialect.types["text"]
            execute(f"CREATE TABLE {_VERSIONS} (version {integer} NOT NULL, program {text})")
        row = execute(f"SELECT max(version) FROM {_VERSIONS}").fetchone()
        version = row[0] if row else None
        if version is None:
            for statement in _schema(dialect.types):
                execute(statement)
            _note_version(execute, SCHEMA_VERSION)
            return
        if version > SCHEMA_VERSION:
            row = execute(f"SELECT program FROM {_VERSIONS} WHERE version = ?", (version,)).fetchone()
            raise newer_layout(dialect.where(), version, SCHEMA_VERSION, row[0] or "")
        for step in range(version, SCHEMA_VERSION):
            for statement in MIGRATIONS[step](dialect.types):
                execute(statement)
            _note_version(execute, step + 1)


def _note_version(execute: Executor, version: int) -> None:
    execute(f"INSERT INTO {_VERSIONS} (version, program) VALUES (?, ?)", (version, LAYOUT_PROGRAM))


def newer_layout(where: str, version: int, known: int, program: str) -> QueueSchemaError:
    """Return the error for a queue that a newer kubeque has migrated.

    `where`: name of the queue. `version`: its layout version. `known`: layout version that this program knows.
    `program`: lowest version of kubeque to install; empty: unknown.
    """
    install = f"install kubeque {program} or newer ({how_to_install(program)})" if program else "upgrade kubeque"
    return QueueSchemaError(
        f"the queue {where} has layout {version}, but kubeque {__version__} knows {known}: {install}, or choose another"
        " queue_url"
    )


def prepare_entities(database: Datastore, namespace: str) -> None:
    """Store the layout version of a queue in a document database if it is missing or older.

    Raises QueueSchemaError if the stored version is newer.
    """
    key = EntityKey(namespace, SCHEMA, "layout")
    found = database.lookup([key])
    version = int(found[0].carried["version"]) if found else 0
    if version > _ENTITY_VERSION:
        program = str(found[0].carried.get("program", ""))
        raise newer_layout(database.where(), version, _ENTITY_VERSION, program)
    if version < _ENTITY_VERSION:  # only records have changed, so only the version is updated
        entity = Entity(key, {}, {"version": _ENTITY_VERSION, "program": LAYOUT_PROGRAM})
        try:
            database.commit([Write(key, entity, found[0].version if found else None)], atomic=True)
        except Conflict:
            prepare_entities(database, namespace)
