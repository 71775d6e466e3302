"""The baseline for kubeque: a queue with one entity or database row for each task.

To claim a task, a consumer searches for pending tasks and takes one of them in a transaction. To complete the task, it
runs a second transaction. A consumer that finds no task, or loses a race, waits for a random time. The maximum of this
time doubles with each wait. Nothing is slow on purpose: PostgreSQL skips locked rows, SQLite takes its write lock
immediately, and the waits are shorter than usual.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

#: Maximum length of the first wait, and of any wait, seconds.
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
#: Number of candidates of a claim. With several candidates, not all consumers choose the first.
_CANDIDATES = 20
#: Number of entities in one commit.
_BATCH = 500
_JOB = "sweep"


class Tasks(Protocol):
    """A queue in which each task is one entity."""

    def submit(self, n: int) -> None:
        """Create n pending tasks."""

    def claim(self, owner: str) -> int | None:
        """Claim one pending task. Return None if no task is pending or another consumer was faster."""

    def complete(self, index: int, owner: str) -> None:
        """Record the success of a task."""

    def counts(self) -> dict[str, int]:
        """Return the number of tasks in each state."""

    def reset(self) -> int:
        """Make all ended tasks pending again. Return the number of calls."""

    def close(self) -> None:
        """Close the connections."""


class DatastoreTasks:
    """One entity for each task. The emulator is used if DATASTORE_EMULATOR_HOST is set."""

    def __init__(self, project: str) -> None:
        from google.cloud import datastore

        self._client = datastore.Client(project=project)
        self._client.get(self._client.key("Task", "none"))  # connects

    def submit(self, n: int) -> None:
        from google.cloud import datastore

        numbers = iter(range(n))
        while batch := list(islice(numbers, _BATCH)):
            entities = []
            for number in batch:
                entity = datastore.Entity(self._client.key("Task", f"{_JOB}.{number}"), exclude_from_indexes=_CARRIED)
                entity.update(job=_JOB, status="pending", index=number, owner="", exit_code=-1, ended=0.0)
                entities.append(entity)
            self._client.put_multi(entities)

    def claim(self, owner: str) -> int | None:
        from google.api_core.exceptions import Aborted

        found = list(self._find("pending").fetch(limit=_CANDIDATES))
        if not found:
            return None
        key = random.choice(found).key
        try:
            with self._client.transaction():
                task = self._client.get(key)
                if task["status"] != "pending":
                    return None
                task.update(status="claimed", owner=owner)
                self._client.put(task)
        except Aborted:
            return None
        return int(task["index"])

    def complete(self, index: int, owner: str) -> None:
        from google.api_core.exceptions import Aborted

        for wait in waits():
            try:
                with self._client.transaction():
                    task = self._client.get(self._client.key("Task", f"{_JOB}.{index}"))
                    if (task["status"], task["owner"]) == ("claimed", owner):
                        task.update(status="complete", exit_code=0, ended=time.time())
                        self._client.put(task)
                return
            except Aborted:
                time.sleep(wait)

    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for task in self._find().fetch():  # the legacy emulator cannot count
            counts[task["status"]] = counts.get(task["status"], 0) + 1
        return counts

    def reset(self) -> int:
        calls = 0
        for task in self._find("complete").fetch():
            task.update(status="pending", owner="", exit_code=-1)
            self._client.put(task)
            calls += 1
        return calls

    def close(self) -> None:
        self._client.close()

    def _find(self, status: str = "") -> Any:
        from google.cloud.datastore.query import PropertyFilter

        query = self._client.query(kind="Task").add_filter(filter=PropertyFilter("job", "=", _JOB))
        return query.add_filter(filter=PropertyFilter("status", "=", status)) if status else query


#: Properties without an index.
_CARRIED = ("index", "owner", "exit_code", "ended")
_TABLE = (
    "CREATE TABLE task (job TEXT, number BIGINT, status TEXT, owner TEXT, exit_code INTEGER, ended REAL,"
    " PRIMARY KEY (job, number))"
)
_INDEX = "CREATE INDEX task_pending ON task (job, number) WHERE status = 'pending'"


class SqliteTasks:
    """One row for each task, in a file of SQLite."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")

    def submit(self, n: int) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(_TABLE)
        self._db.execute(_INDEX)
        rows = ((_JOB, number) for number in range(n))
        self._db.executemany("INSERT INTO task VALUES (?, ?, 'pending', '', -1, 0)", rows)
        self._db.execute("COMMIT")

    def claim(self, owner: str) -> int | None:
        self._db.execute("BEGIN IMMEDIATE")
        row = self._db.execute(
            "SELECT number FROM task WHERE job = ? AND status = 'pending' ORDER BY number LIMIT 1", (_JOB,)
        ).fetchone()
        if row is not None:
            self._db.execute(
                "UPDATE task SET status = 'claimed', owner = ? WHERE job = ? AND number = ?", (owner, _JOB, row[0])
            )
        self._db.execute("COMMIT")
        return int(row[0]) if row else None

    def complete(self, index: int, owner: str) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(
            "UPDATE task SET status = 'complete', exit_code = 0, ended = ?"
            " WHERE job = ? AND number = ? AND status = 'claimed' AND owner = ?",
            (time.time(), _JOB, index, owner),
        )
        self._db.execute("COMMIT")

    def counts(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT status, count(*) FROM task WHERE job = ? GROUP BY status", (_JOB,)))

    def reset(self) -> int:
        self._db.execute("UPDATE task SET status = 'pending' WHERE job = ? AND status = 'complete'", (_JOB,))
        return 1

    def close(self) -> None:
        self._db.close()


class PostgresTasks:
    """One row for each task. A claim skips locked rows."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._db = psycopg.connect(url, autocommit=True)

    def submit(self, n: int) -> None:
        with self._db.transaction(), self._db.cursor() as cursor:
            cursor.execute(_TABLE)
            cursor.execute(_INDEX)
            with cursor.copy("COPY task FROM STDIN") as copy:
                for number in range(n):
                    copy.write_row((_JOB, number, "pending", "", -1, 0.0))

    def claim(self, owner: str) -> int | None:
        with self._db.transaction():
            row = self._db.execute(
                "SELECT number FROM task WHERE job = %s AND status = 'pending' ORDER BY number LIMIT 1"
                " FOR UPDATE SKIP LOCKED",
                (_JOB,),
            ).fetchone()
            if row is not None:
                self._db.execute(
                    "UPDATE task SET status = 'claimed', owner = %s WHERE job = %s AND number = %s",
                    (owner, _JOB, row[0]),
                )
        return int(row[0]) if row else None

    def complete(self, index: int, owner: str) -> None:
        self._db.execute(
            "UPDATE task SET status = 'complete', exit_code = 0, ended = %s"
            " WHERE job = %s AND number = %s AND status = 'claimed' AND owner = %s",
            (time.time(), _JOB, index, owner),
        )

    def counts(self) -> dict[str, int]:
        rows = self._db.execute("SELECT status, count(*) FROM task WHERE job = %s GROUP BY status", (_JOB,)).fetchall()
        return {status: int(count) for status, count in rows}

    def reset(self) -> int:
        self._db.execute("UPDATE task SET status = 'pending' WHERE job = %s AND status = 'complete'", (_JOB,))
        return 1

    def close(self) -> None:
        self._db.close()


def open_tasks(url: str) -> Tasks:
    """Return the baseline in the database at `url`. For SQLite, it has its own file."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return SqliteTasks(Path(f"{rest}.tasks"))
    if scheme == "datastore":
        return DatastoreTasks(rest.partition("/")[0])
    return PostgresTasks(url)


def waits() -> Iterator[float]:
    """Yield random numbers of seconds to wait. Their maximum doubles each time, up to a limit."""
    longest = _FIRST_WAIT
    while True:
        yield random.uniform(0, longest)
        longest = min(_LONGEST_WAIT, 2 * longest)


def consume(tasks: Tasks, owner: str, recorded: Callable[[int], None], finished: Callable[[], bool]) -> None:
    """Claim and complete tasks without work until all are `finished`."""
    pause = waits()
    while not finished():
        index = tasks.claim(owner)
        if index is None:
            time.sleep(next(pause))
            continue
        pause = waits()
        tasks.complete(index, owner)
        recorded(1)
