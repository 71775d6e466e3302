"""Cache the SHA-256 of files between runs of kubeque, so that a large input is read only once."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kubeque.files.parallel import DIGESTS, in_parallel
from kubeque.files.sha256 import sha256_file
from kubeque.files.stores.errors import translate_error

if TYPE_CHECKING:
    import sqlite3

R = TypeVar("R")

log = logging.getLogger(__name__)

#: Minimum age of the last change of a file whose digest is cached, seconds. A file that changed later may change again
#: without another modification time, because the clock of a file system has coarse steps.
RACY_SECONDS = 2.0
#: Largest number of cached digests. The oldest entries are removed first.
KEPT = 200_000
#: Maximum time to wait while another process uses the cache, seconds.
_LOCK_SECONDS = 5.0

#: Absolute path, size (bytes), mtime and ctime (ns), and inode of a file. A file with an equal key is unchanged.
_Key = tuple[bytes, int, int, int, int]


class DigestCache:
    """The digests of files by path, size, times and inode, in an SQLite file that many processes may use.

    If the SQLite file cannot be used, a warning is logged, and all files are read.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._usable = True

    def sha256(self, path: Path) -> str:
        """Return the SHA-256 (hex) of one file. Raises StorageError."""
        return self.sha256_many([path])[path]

    def sha256_many(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the SHA-256 (hex) of each file, by path. Files that are not in the cache are read in parallel.

        Raises StorageError.
        """
        keys = {path: _key(path) for path in paths}
        known = self._recall(key for key in keys.values() if self._settled(key))
        unknown = [path for path, key in keys.items() if key not in known]
        threads = min(DIGESTS, os.cpu_count() or 1)
        stopped = threading.Event()  # with it, Ctrl-C does not wait until the largest file is read
        digests = in_parallel(partial(sha256_file, stopped=stopped), unknown, threads=threads, stop=stopped.set)
        read = dict(zip(unknown, digests, strict=True))
        # Files that changed while they were read are not cached.
        fresh = {keys[path]: digest for path, digest in read.items() if keys[path] == _key(path)}
        self._remember({key: digest for key, digest in fresh.items() if self._settled(key)})
        return {path: read[path] if path in read else known[key] for path, key in keys.items()}

    def _settled(self, key: _Key) -> bool:
        return self._now() - key[2] / 1e9 > RACY_SECONDS

    def _recall(self, keys: Iterable[_Key]) -> dict[_Key, str]:
        def ask(database: sqlite3.Connection) -> dict[_Key, str]:
            query = "SELECT sha256 FROM digest WHERE path=? AND size=? AND mtime=? AND ctime=? AND inode=?"
            rows = {key: database.execute(query, key).fetchone() for key in keys}
            return {key: str(row[0]) for key, row in rows.items() if row}

        return self._transact(ask) or {}

    def _remember(self, digests: Mapping[_Key, str]) -> None:
        def store(database: sqlite3.Connection) -> None:
            rows = [(*key, digest) for key, digest in digests.items()]
            database.executemany(
                "INSERT OR REPLACE INTO digest (path, size, mtime, ctime, inode, sha256) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            # Each written row gets the highest rowid, so the rows with the lowest rowids are the oldest.
            database.execute("DELETE FROM digest WHERE rowid <= (SELECT max(rowid) FROM digest) - ?", (KEPT,))

        if digests:
            self._transact(store)

    def _transact(self, work: Callable[[sqlite3.Connection], R]) -> R | None:
        """Call `work` in one transaction and return its result; return None if the cache cannot be used."""
        if not self._usable:
            return None
        import sqlite3

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # SQLite creates its other files with the permissions of this file. Other users must not read the paths in
            # these files.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            # WAL is not used, because several machines may mount the folder of this file.
            with contextlib.closing(sqlite3.connect(self._path, timeout=_LOCK_SECONDS)) as database, database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS digest"
                    " (path BLOB PRIMARY KEY, size INT, mtime INT, ctime INT, inode INT, sha256 TEXT)"
                )
                return work(database)
        except (sqlite3.Error, OSError) as error:
            self._usable = False
            log.warning(
                "the cache of digests %s is not used (%s); delete the file to start a new cache", self._path, error
            )
            return None


def _key(path: Path) -> _Key:
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise translate_error("read", os.fspath(path), error, local=True) from error
    # An inode may have 64 bits, but a positive integer of SQLite has only 63 bits.
    inode = status.st_ino & (1 << 63) - 1
    return os.path.abspath(os.fsencode(path)), status.st_size, status.st_mtime_ns, status.st_ctime_ns, inode
