"""A copy of a data set in its own folder, and the current modules that the tests need."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import socket
import sqlite3
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeque import Client
from tests.cli.conftest import Shell

DATA = Path(__file__).parent / "data"
#: All data sets; each test reads each of them.
VERSIONS = sorted(path.name for path in DATA.iterdir() if path.is_dir())
#: Age of the copied files, so that gc considers them.
_AGE_SECONDS = 10 * 86_400


def naming() -> Any:
    """The module with the names that an Airflow task gives to its job and its series."""
    from kubeque_provider import naming as names

    return names


def config(shell: Shell) -> Any:
    """Return the configuration of a user at the desk."""
    from kubeque.model.config.config import Config

    return Config.load(start=shell.folder, home=shell.folder, environ=shell.env)


@dataclass(frozen=True)
class Placed:
    """A copy of a data set."""

    data: Path
    root: Path
    #: Replacements in the data, in this order.
    changes: Mapping[str, str]

    @property
    def shell(self) -> Shell:
        """The folder in which the commands were typed."""
        return Shell(self.root / "desk", self.root / "home")

    def text(self, name: str) -> Any:
        """A JSON file of the data set."""
        return json.loads(self._change((self.data / f"{name}.json").read_bytes()))

    def words(self, name: str) -> list[str]:
        """The command of a process of the old version, with the Python of the tests."""
        words: list[str] = self.text("words")[name]
        return [sys.executable, *words[words.index("-m") :]]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment that the old version gave to its processes."""
        return self.shell.env | {"KUBEQUE_QUEUE_URL": f"sqlite:///{self.root}/home/queue.db"} | more

    def client(self) -> Client:
        """A client of the queue and the store of this copy."""
        return Client(config(self.shell))

    def ran(self, *jobs: str) -> Counter[tuple[str, int]]:
        """Return the number of runs of each row of these jobs, by job and index."""
        lines = [line.split() for line in (self.root / "desk" / "ran.txt").read_text().splitlines()]
        return Counter((job, int(index)) for job, index in lines if job in jobs)

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command and return its output. Fail on a different exit code."""
        ran = self.shell.run(*words)
        assert ran.returncode == code, f"{words}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    def json(self, *words: str, code: int = 0) -> Any:
        """The JSON object that a command prints."""
        return json.loads(self.run(*words, "--json", code=code))

    def counts(self, job: str) -> dict[str, int]:
        """Return the number of tasks of a job in each state. States without tasks are left out."""
        counts: dict[str, int] = self.json("status", job)["counts"]
        return {state: count for state, count in counts.items() if count}

    def tasks(self, job: str) -> list[dict[str, Any]]:
        """All tasks of a job."""
        return [json.loads(line) for line in self.run("status", job, "--tasks", "--json").splitlines()]

    def rename(self, job: str, name: str) -> None:
        """Give a job the name that the old version would have given it for an Airflow task."""
        with sqlite3.connect(self.root / "home" / "queue.db") as connection:
            ((body,),) = connection.execute("SELECT body FROM kubeque_job WHERE name = ?", (job,)).fetchall()
            body = body.replace(f'"name":"{job}"'.encode(), f'"name":"{name}"'.encode())
            connection.execute("UPDATE kubeque_job SET name = ?, body = ? WHERE name = ?", (name, body, job))
        connection.close()

    def _change(self, data: bytes) -> bytes:
        for old, new in self.changes.items():
            data = data.replace(old.encode(), new.encode())
        return data

    def place(self) -> None:
        """Write the files of the data set, changed to this folder and this machine."""
        with tarfile.open(self.data / "files.tar.xz") as archive:
            archive.extractall(self.root, filter="data")
        then = time.time() - _AGE_SECONDS
        times = json.loads((self.data / "meta.json").read_text())["times"]
        for path in self.root.rglob("*"):
            if path.is_file():
                self._change_file(path)
                time_ns = times.get(str(path.relative_to(self.root)), int(then) * 10**9)
                os.utime(path, ns=(time_ns, time_ns))

    def _change_file(self, path: Path) -> None:
        if path.suffix == ".db":
            with sqlite3.connect(path) as connection:
                for table in _tables(connection):
                    self._change_table(connection, table)
            connection.close()
        else:
            path.write_bytes(self._change(path.read_bytes()))

    def _change_table(self, connection: sqlite3.Connection, table: str) -> None:
        for number, *cells in connection.execute(f"SELECT rowid, * FROM {table}").fetchall():
            changed = [self._change_cell(cell) for cell in cells]
            if changed != cells:
                columns = [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]
                values = ", ".join(f"{column} = ?" for column in columns)
                connection.execute(f"UPDATE {table} SET {values} WHERE rowid = ?", (*changed, number))

    def _change_cell(self, cell: Any) -> Any:
        if isinstance(cell, str):
            return self._change(cell.encode()).decode()
        return self._change(cell) if isinstance(cell, bytes) else cell


def _tables(connection: sqlite3.Connection) -> Iterator[str]:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        yield name


def placed(version: str, root: Path, *, same_boot: bool) -> Placed:
    """A copy of the data set below `root`. `same_boot`: its dead consumers died on this boot of the machine.

    The digests are made by the rules of version 0.1, as if that version had run here: a later version that makes them
    by other rules has to find its old jobs too.
    """
    meta = json.loads((DATA / version / "meta.json").read_text())
    home = root / "home"
    mark = json.dumps([f"sqlite:///{home}/queue.db", platform.node(), ""])
    changes = {
        meta["fleet"]: f"local-{_digest(f'{socket.gethostname()} {home}')[:10]}",
        meta["queue_mark"]: _digest(mark)[:16],
        meta["root"]: str(root),
    }
    boot = Path("/proc/sys/kernel/random/boot_id").read_text() if same_boot else "another"
    changes[f"local:{meta['machine']}:"] = f"local:{_digest(f'{socket.gethostname()} {boot}')[:10]}:"
    found = Placed(DATA / version, root, changes)
    found.place()
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
