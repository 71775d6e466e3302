"""A queue in an SQLite file: the default on one machine."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from kubeque.model.errors import QueueError, QueueGone, QueueUnavailable
from kubeque.queues.backends.sql import SqlBackend
from kubeque.queues.backends.sql_dialect import Executor
from kubeque.retry import retry

#: Maximum time to wait while another process locks the file, seconds.
_BUSY_SECONDS = 30.0
#: Types of file systems on which SQLite's locks are not reliable (sqlite.org/faq.html, question 5).
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "lustre", "gpfs", "afs", "ceph", "fuse.gcsfuse"}
#: Escaped byte in a mount point of /proc/mounts: blank, tab, line end, backslash or #.
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
T = TypeVar("T")


class SqliteDialect:
    """The SQL dialect of SQLite, with connections to one file: one connection for each thread of each process.

    If the file is removed while it is open, a process can still write to it, but other processes do not see these
    writes. A new file at the same path is a different queue. So every transaction checks that the path still leads to
    the opened file.
    """

    types: ClassVar[dict[str, str]] = {"integer": "INTEGER", "real": "REAL", "bytes": "BLOB", "text": "TEXT"}
    alone: ClassVar[str] = ""  # BEGIN IMMEDIATE admits one writer
    has_table: ClassVar[str] = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._path = path
        #: Device and inode of the file; None: not opened yet.
        self._file = None if create else self._look()
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []

    def where(self) -> str:
        return str(self._path)

    def now(self) -> float:
        return time.time()

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Executor]:
        with self._errors_named():
            connection = self._connection()
            self._check_there()
            if not write:
                yield connection.execute
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection.execute
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self.transaction(write=False) as execute:
            return execute(statement, values).fetchall()

    def many(self, execute: Executor, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._connection().executemany(statement, rows)

    def close(self) -> None:
        while self._open:
            self._open.pop().close()
        self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        known: tuple[int, sqlite3.Connection] | None = getattr(self._local, "connection", None)
        if known is None or known[0] != os.getpid():  # a connection must not cross a fork
            connection = self._connect()
            self._open.append(connection)
            self._local.connection = known = (os.getpid(), connection)
        return known[1]

    def _look(self) -> tuple[int, int]:
        try:
            seen = self._path.stat()
        except OSError as error:
            raise self._gone() from error
        return seen.st_dev, seen.st_ino

    def _gone(self) -> QueueGone:
        return QueueGone(f"the queue {self._path} was removed with all its jobs: submit the sweeps again")

    def _check_there(self) -> None:
        if self._file is not None and self._look() != self._file:
            raise self._gone()

    def _connect(self) -> sqlite3.Connection:
        self._check_there()
        if self._file is None:
            _make(self._path)
        mode = "rwc" if self._file is None else "rw"
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode={mode}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
        # The switch to WAL needs an exclusive lock and does not wait for it. So the switch is repeated: it can fail if
        # several processes open a new file.
        patiently(lambda: connection.execute("PRAGMA journal_mode=WAL"))
        connection.execute("PRAGMA synchronous=NORMAL")
        self._file = self._file or self._look()
        return connection

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._check_there()  # SQLite reports a removed file as a "disk I/O error"
            raise make_error(error, self._path) from error


def patiently(action: Callable[[], T]) -> T:
    """Return the result of `action`. Repeat `action` for at most _BUSY_SECONDS while another process locks the file."""
    end = time.monotonic() + _BUSY_SECONDS

    def again(error: Exception) -> bool:
        return isinstance(error, sqlite3.OperationalError) and "locked" in str(error) and time.monotonic() <= end

    return retry(action, again=again, pauses=repeat(0.01))


def make_error(error: sqlite3.Error, path: Path) -> QueueError:
    """Convert an error of SQLite to a QueueError. Its message names the file, and a remedy if one is known.

    If the file is locked, return QueueUnavailable.
    """
    text = str(error)
    if "locked" in text or "busy" in text:
        return QueueUnavailable(f"the queue {path} was locked by another program for {_BUSY_SECONDS:.0f} s: try again")
    if "full" in text:
        return QueueError(f"the disk that holds the queue {path} is full: make room, or set another queue_url")
    if "readonly" in text:
        return QueueError(f"the queue {path} cannot be written: change its permissions, or set another queue_url")
    if "not a database" in text or "malformed" in text:
        return QueueError(f"the queue {path} is damaged or is not a queue file ({text}): move the file away")
    if "unable to open" in text and path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return QueueError(
            f"the queue {path} belongs to another user: set KUBEQUE_HOME to a folder of your own,"
            " or set another queue_url"
        )
    if "unable to open" in text:
        return QueueError(f"the queue {path} cannot be opened: check that its folder exists and can be written")
    if "disk I/O" in text:
        return QueueError(f"the queue {path} failed ({text}): check whether {path.name} or {path.name}-wal was removed")
    return QueueError(f"the queue {path} failed: {text}")


def file_system(path: Path) -> str:
    """Return the type of the file system that contains `path`, as written in /proc/mounts; empty if unknown."""
    try:
        lines = Path("/proc/mounts").read_bytes().split(b"\n")
    except OSError:
        return ""
    kinds = {_unescape(mount): kind for _, mount, kind, *_ in (line.split(b" ") for line in lines if line)}
    for folder in (path, *path.parents):
        if kind := kinds.get(os.fsencode(folder)):
            return kind.decode(errors="replace")
    return ""


def _unescape(mount: bytes) -> bytes:
    """Return the path of a mount point from /proc/mounts without escapes. /proc/mounts has \\040 for a blank."""
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), mount)


def _make(path: Path) -> None:
    """Create an empty file that other users cannot read. Do nothing if `path` exists. Ignore an OSError.

    SQLite later reports why it cannot open the file. This function must not open and close an existing file of a queue:
    the close would drop all locks of this process on the file. Another process could then remove the write-ahead log
    while this process uses it (sqlite.org/howtocorrupt.html, 2.2).
    """
    if path.exists():
        return
    with suppress(OSError):
        file, empty = tempfile.mkstemp(dir=path.parent, prefix=".queue-")
        os.close(file)  # safe: the file does not have the name of the queue yet, so no process can have a lock on it
        try:
            os.link(empty, path)
        finally:
            os.unlink(empty)


def open_sqlite(path: Path, *, create: bool = True) -> SqlBackend:
    """Return the backend of the queue in the file `path`. `create`: True to create a missing file and its folder.

    Raises QueueGone if the file is missing and `create` is False. Raises QueueError if the queue cannot be used, for
    example on a network file system. The message contains a remedy if one is known.
    """
    path = path.expanduser().absolute()
    kind = file_system(path.parent.resolve())
    if kind in _NETWORK:
        raise QueueError(
            f"the queue {path} is on a network file system ({kind}), where SQLite loses data:"
            " set queue_url to a local disk or to postgresql://..."
        )
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QueueError(f"the folder of the queue {path} cannot be made: {error.strerror}") from error
    return SqlBackend(SqliteDialect(path, create=create))
