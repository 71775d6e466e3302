"""Fetch each input only once for this machine, and put it into the working directories of attempts."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kubeque.files.batches import Copy, in_groups
from kubeque.files.inputs.cache_folder import INCOMING, LOCK, files_of, key_of
from kubeque.files.parallel import CONSUMER_TRANSFERS, in_parallel
from kubeque.files.store import Files
from kubeque.model.errors import FileMissing, KubequeError, StoreUnavailable
from kubeque.model.job.spec import Input

#: Largest input that is always copied, bytes. A program may change a copy. Larger inputs are linked if possible, and if
#: kubeque does not run as root.
COPIED_BYTES = 1 << 20
#: Modification time of each fetched or staged file (2000-01-01), nanoseconds. If a file has a different time, a program
#: has changed the file.
STAGED_NS = 946_684_800 * 10**9
#: Largest size of the cache folder, bytes.
CACHE_BYTES = 20 << 30
#: Largest share of the cache's size limit that may be added before the cache is measured again. Other consumers may add
#: files too.
_ROUND = 1 / 8
#: Smallest space that a file uses on a disk, bytes.
_BLOCK = 4096
#: Age of a partial file after which its download counts as abandoned, seconds.
_STALE_SECONDS = 24 * 3600.0
#: Error numbers if the file system cannot link a file, or cannot copy it within the kernel. The file is then copied in
#: user space.
_NOT_HERE = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EACCES})


class StageFailed(KubequeError):
    """A working directory or an input could not be set up. The message names the directory or the input."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        #: True if a further try would also fail, for example because the input was deleted or has changed.
        self.permanent = permanent


class InputCache:
    """A folder of inputs. The name of each file is a digest (see `key_of`). Several consumers may share the folder.

    A file gets its name only when it is complete and checked. If the folder is too large, the least recently used files
    are removed, but not files that are linked into a working directory.
    """

    def __init__(self, folder: Path, files: Files, limit_bytes: int) -> None:
        self._folder = folder
        self._incoming = folder / INCOMING
        self._files = files
        self._limit_bytes = limit_bytes
        #: Bytes that may still be added before the folder is measured again.
        self._room = 0
        #: Names in the cache of the inputs that are being staged. These files are not evicted.
        self._wanted: frozenset[str] = frozenset()

    def fetch(self, inputs: Sequence[Input]) -> None:
        """Fetch the inputs that are not in the cache, several at a time. Raises StageFailed, StoreUnavailable."""
        wanted = {key_of(item): item for item in inputs}
        self._wanted = frozenset(wanted)
        missing = [item for item in wanted.values() if not self._has(item)]
        # Inputs whose keys begin with the same digit share a lock and are fetched together.
        by_turn: dict[str, list[Input]] = {}
        for item in missing:
            by_turn.setdefault(key_of(item)[0], []).append(item)
        if len(by_turn) == 1:
            self._fetch(missing)
        elif missing:
            list(in_parallel(self._fetch, by_turn.values(), threads=CONSUMER_TRANSFERS))

    def place(self, item: Input, target: Path) -> None:
        """Put an input at `target`, as a copy or, if that is safe, as a read-only link.

        Raises StageFailed, StoreUnavailable.
        """
        cached = self._folder / key_of(item)
        while True:
            if not self._has(item):
                self._fetch([item])
            try:
                # Root could write through a link, even to a read-only file.
                if item.size <= COPIED_BYTES or os.geteuid() == 0 or not _link(cached, target):
                    _copy(cached, target, executable=item.executable)
                # The cached file may belong to another user, or may have been evicted meanwhile.
                with suppress(PermissionError, FileNotFoundError):
                    os.utime(cached, ns=(time.time_ns(), STAGED_NS))
                return
            except FileNotFoundError as error:
                # If the folder exists, another consumer has just evicted the input. Fetch the input again.
                if not target.parent.is_dir():
                    raise _placement_error(item, error) from error
            except OSError as error:
                raise _placement_error(item, error) from error

    def _has(self, item: Input) -> bool:
        """True if the input is in the cache and unchanged. A program can change a cached file through a link."""
        try:
            status = os.lstat(self._folder / key_of(item))
        except OSError:  # missing; any other error shows up when the input is fetched
            return False
        same = (status.st_mtime_ns, stat.S_IMODE(status.st_mode)) == (STAGED_NS, _mode(item))
        return same and (not item.digest or status.st_size == item.size)

    def _fetch(self, items: Sequence[Input]) -> None:
        """Fetch the inputs that are not in the cache, under a lock that they share."""
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            with self._turn(key_of(items[0])):
                # Another consumer may have fetched some inputs while this consumer waited for the lock.
                for group in in_groups([item for item in items if not self._has(item)], lambda item: item.size):
                    self._make_room(sum(max(item.size, _BLOCK) for item in group))
                    self._fetch_group(group)
        except OSError as error:
            raise StageFailed(
                f"the input {items[0].name!r} cannot be kept in {self._folder}: {error.strerror}"
            ) from error

    def _fetch_group(self, group: Sequence[Input]) -> None:
        partial = {key_of(item): self._incoming / f"{key_of(item)}.{secrets.token_hex(4)}" for item in group}
        try:
            self._download(group, partial)
            for item in group:
                path = partial[key_of(item)]
                os.chmod(path, _mode(item))
                os.utime(path, ns=(time.time_ns(), STAGED_NS))
                os.replace(path, self._folder / key_of(item))
        finally:
            for path in partial.values():
                path.unlink(missing_ok=True)

    def _download(self, group: Sequence[Input], partial: Mapping[str, Path]) -> None:
        alike = [item for item in group if item.digest]
        copies = [Copy(str(partial[key_of(item)]), item.url, item.size, item.digest) for item in alike]
        with _name_input(group[0]):
            errors = self._files.download_many(copies)
        for item, error in zip(alike, errors, strict=True):
            with _name_input(item):
                if error:
                    raise error
        for item in group:
            if not item.digest:
                with _name_input(item):
                    self._download_state(item, partial[key_of(item)])

    def _download_state(self, item: Input, partial: Path) -> None:
        """Download an input with an unknown digest: an object outside of kubeque's store.

        Raises StageFailed if the object has changed since the submission.
        """
        if item.generation and self._files.look(item.url).generation != item.generation:
            raise StageFailed(
                f"the input {item.name!r} ({item.url}) has changed since the job was submitted: submit it again",
                permanent=True,
            )
        self._files.download(item.url, partial, generation=item.generation)

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        """Hold a lock that all consumers of this cache share, so that an input is fetched only once."""
        fd = os.open(self._incoming / f"{key[0]}{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with suppress(OSError):  # in a file system without locks, an input may be fetched twice
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _make_room(self, size: int) -> None:
        """Make room for `size` further bytes: evict the least recently used files if the cache would be too large."""
        if size > self._room:
            total = self._evict(self._limit_bytes - size)
            self._room = max(size, min(self._limit_bytes - total, int(self._limit_bytes * _ROUND)))
        self._room -= size

    def _evict(self, limit: int) -> int:
        """If the folder is larger than `limit` bytes, evict files. Return the size of the folder in bytes.

        Evict more than necessary, so that the next inputs need no eviction. Files in use stay.
        """
        found = list(self._entries())
        total = sum(max(status.st_size, _BLOCK) for _, status in found)
        if total <= limit:
            return total
        for path, status in sorted(found, key=lambda item: item[1].st_atime_ns):
            if total <= limit - int(self._limit_bytes * _ROUND):
                break
            # A file with a second link is in use, and its removal would free no space.
            if status.st_nlink == 1 and os.path.basename(path) not in self._wanted:
                with suppress(FileNotFoundError):
                    os.unlink(path)
                total -= max(status.st_size, _BLOCK)
        return total

    def _entries(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the files of the cache, and remove abandoned partial files."""
        for path, status in files_of(self._folder):
            yield path, status
        for path, status in files_of(self._incoming):
            # A complete file gets the fixed modification time before it is renamed. Its access time then shows its age.
            touched = max(status.st_mtime, status.st_atime)
            if not path.endswith(LOCK) and time.time() - touched > _STALE_SECONDS:
                with suppress(FileNotFoundError):
                    os.unlink(path)


def _mode(item: Input) -> int:
    return 0o555 if item.executable else 0o444


@contextmanager
def _name_input(item: Input) -> Iterator[None]:
    """Convert the errors of the `with` block to StageFailed with the name of the input.

    If a bucket does not answer, StoreUnavailable is raised unchanged, and the consumer waits. If a web server does not
    answer, StageFailed is raised, because the server may never answer again.
    """
    try:
        yield
    except StageFailed:
        raise
    except FileMissing as error:
        raise StageFailed(f"the input {item.name!r} is gone: {error}", permanent=True) from error
    except KubequeError as error:
        if isinstance(error, StoreUnavailable) and not item.url.startswith(("http:", "https:")):
            raise
        raise StageFailed(f"the input {item.name!r} could not be fetched: {error}") from error


def _placement_error(item: Input, error: OSError) -> StageFailed:
    return StageFailed(f"the input {item.name!r} cannot be put into the working directory: {error.strerror}")


def _link(cached: Path, target: Path) -> bool:
    """Make the hard link `target` to a cached file. Return False if the file system or the permissions forbid links."""
    try:
        os.link(cached, target)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return False
        raise
    return True


def _copy(cached: Path, target: Path, *, executable: bool) -> None:
    """Copy a cached file, within the kernel if possible. If the file system can do so, both files share blocks."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    mode = 0o777 if executable else 0o666
    with open(cached, "rb", buffering=0) as source, open(os.open(target, flags, mode), "wb", buffering=0) as copy:
        if not _copied_by_kernel(source.fileno(), copy.fileno()):
            shutil.copyfileobj(source, copy, 1 << 20)
        os.utime(copy.fileno(), ns=(time.time_ns(), STAGED_NS))


def _copied_by_kernel(source: int, target: int) -> bool:
    if not hasattr(os, "copy_file_range"):
        return False
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError as error:
        if error.errno in _NOT_HERE:
            return False  # both files are at the position where the kernel stopped; the caller copies the rest
        raise
    return True
