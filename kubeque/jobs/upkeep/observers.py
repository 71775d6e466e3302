"""List the programs that wait for jobs and start consumers: watchers on this machine, keepers, and Airflow tasks.

While a watcher waits, it holds the lock of a file below the home folder. The lock ends with the process.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kubeque.jobs.backends import Backends
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ClusterError, StorageError
from kubeque.model.job.job import Job


@dataclass(frozen=True, slots=True)
class Observer:
    """A program that waits for a job and starts consumers for it."""

    job: str
    #: "process", "keeper" or "airflow".
    kind: str
    #: The pid of the process, or the token of the Airflow task; empty for a keeper.
    name: str = ""


@contextmanager
def announce(home: Path, name: str) -> Iterator[None]:
    """Record in the home folder that this process waits for the job `name`, until the `with` block ends.

    If the home folder is not writable, nothing is recorded.
    """
    path = _folder(home) / f"{os.getpid()}-{secrets.token_hex(4)}.lock"
    fd: int | None = None
    try:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(fd, json.dumps({"job": name, "pid": os.getpid()}).encode())
        yield
    finally:
        if fd is not None:
            path.unlink(missing_ok=True)
            os.close(fd)


def find_observers(backends: Backends) -> list[Observer]:
    """Return the known observers of open jobs: watchers on this machine, keepers in clusters, and Airflow tasks."""
    jobs = [job for job in backends.queue.jobs() if job.open]
    names = {job.name for job in jobs}
    watchers = [watcher for watcher in _watchers(backends.config.home) if watcher.job in names]
    keepers = [Observer(job.name, "keeper") for job in jobs if _has_keeper(backends, job)]
    return [*watchers, *keepers, *(Observer(job.name, "airflow", job.token) for job in jobs if job.token)]


def _folder(home: Path) -> Path:
    return home / "watchers"


def _watchers(home: Path) -> Iterator[Observer]:
    """Yield the watchers of this machine. Delete the files of dead watchers."""
    for path in sorted(_folder(home).glob("*.lock")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            if _is_free(path):
                path.unlink()
                continue
            content = json.loads(path.read_bytes())
            yield Observer(str(content["job"]), "process", str(content["pid"]))


def _is_free(path: Path) -> bool:
    """True if no process holds the lock of a file."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def _has_keeper(backends: Backends, job: Job) -> bool:
    try:
        return backends.cluster_of(job).has_keeper(job)
    except (ClusterError, StorageError):
        return False
