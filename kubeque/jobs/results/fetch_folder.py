"""Fetch into a folder of this machine."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kubeque.files.mounts import remove_tree
from kubeque.files.output import check_folder, write_local
from kubeque.files.safe_paths import inside
from kubeque.files.sha256 import sha256_file
from kubeque.files.store import Files
from kubeque.files.stores.errors import translate_error
from kubeque.files.transfer_progress import Meter
from kubeque.jobs.results.destination import (
    MARKER,
    OWNER,
    TABLE,
    FetchedTask,
    Globs,
    Owner,
    PendingDownload,
    not_empty,
)
from kubeque.jobs.results.download import download_tasks
from kubeque.jobs.results.result_manifest import ResultFile
from kubeque.model.errors import DestinationError, FileError, StorageError

#: Size in bytes and modification time in ns of a file after its fetch; None if the file could not be read.
_Trace = tuple[int, int] | None


class FolderDestination:
    """A `Destination` below a path of this machine.

    Files of a task are written to DEST/.kubeque/partial-*. The complete folder is renamed to DEST/{index}.
    """

    def __init__(self, files: Files, path: Path, owner: Owner) -> None:
        self.path = path
        self._files = files
        self._owner = owner
        self._marker = path / MARKER
        self._journal = self._marker / "fetched.jsonl"
        self._fetched: dict[int, FetchedTask[_Trace]] = {}

    @contextmanager
    def open(self, *, force: bool) -> Iterator[None]:
        """See `Destination`. While this fetch runs, a second fetch into the folder is refused."""
        with self._usable():
            self._check_content(force)
            self._marker.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._marker / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DestinationError(
                    f"another fetch into {self.path} is under way: wait for it, or choose another folder"
                ) from error
            except OSError:
                pass  # a file system without locks
            with self._usable():
                self._claim()
            self._read_journal()
            yield
            for path in self._marker.glob("partial-*"):
                remove_tree(path)
        finally:
            os.close(lock)

    def check(self, *, force: bool) -> None:
        """See `Destination`."""
        with self._usable():
            self._check_content(force)
            check_folder(self.path)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Raise errors of the file system in this block as DestinationError."""
        try:
            yield
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise DestinationError(f"{self.path} cannot be used ({why}): choose another folder") from error

    def _check_content(self, force: bool) -> None:
        """Raise DestinationError if the path is not a folder, or if it holds files that are not results of this job."""
        if self.path.exists() and not self.path.is_dir():
            raise DestinationError(f"{self.path} is a file: name a folder to fetch into")
        if self._marker.is_symlink():
            raise DestinationError(f"{self._marker} is a symbolic link: remove it, or choose another folder")
        record = self._read_owner()
        known = self._owner.is_named_by(record) or self._owner.may_replace(record)
        if not force and not known and self.path.is_dir() and any(self.path.iterdir()):
            raise not_empty(str(self.path), self._owner)

    def _read_owner(self) -> Any:
        """Return the content of `job.json`; None if the file is missing or damaged."""
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
            return json.loads((self._marker / OWNER).read_bytes())
        return None

    def _claim(self) -> None:
        """Record this job as the owner.

        Delete the results of a job that this job may replace. The caller holds the lock.
        """
        record = self._read_owner()
        if not self._owner.is_named_by(record):
            if self._owner.may_replace(record):
                self._delete_fetched()
            for entry in os.scandir(self._marker):
                if entry.name != "lock":
                    self._delete_entry(entry)
        write_local(self._marker / OWNER, self._owner.to_record())

    def _delete_entry(self, entry: os.DirEntry[str]) -> None:
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry)
        elif problems := remove_tree(Path(entry)):
            raise DestinationError(f"{self.path} cannot be used: {'; '.join(problems)}")

    def _delete_fetched(self) -> None:
        """Delete fetched files that have not changed since their fetch."""
        self._read_journal()
        for index, fetched in self._fetched.items():
            own = [name for name, trace in fetched.files.items() if trace and _trace(self._path(index, name)) == trace]
            _delete(self.path / str(index), own)
            with suppress(OSError):  # the folder has other files
                (self.path / str(index)).rmdir()
        self._fetched = {}

    def _read_journal(self) -> None:
        with suppress(FileNotFoundError), open(self._journal, encoding="utf-8", errors="replace") as journal:
            # If a fetch was killed, the last line might be cut off.
            self._fetched = dict(filter(None, (FetchedTask.from_line(line, _read_trace) for line in journal)))

    def has(self, task: PendingDownload, globs: Globs) -> bool:
        """See `Destination`."""
        fetched = self._fetched.get(task.index)
        if fetched is None or not fetched.covers(task.url, globs):
            return False
        return all(self._trace(task.index, name) == trace for name, trace in fetched.files.items())

    def was_changed(self, task: PendingDownload) -> bool:
        """See `Destination`."""
        fetched = self._fetched.get(task.index)
        known = fetched is not None and fetched.url == task.url and not fetched.incomplete
        return known and fetched is not None and not self.has(task, fetched.globs)

    def bring(self, tasks: Sequence[PendingDownload], globs: Globs, meter: Meter) -> Iterator[PendingDownload]:
        """See `Destination`."""
        return download_tasks(self._files, self, tasks, globs, meter)

    def put_table(self, write: Callable[[Path], None]) -> None:
        """See `Destination`."""
        write(self.path / TABLE)

    def count_not_kept(self, task: PendingDownload) -> int:
        """See `Destination`."""
        fetched = self._fetched.get(task.index)
        return fetched.not_kept if fetched is not None else 0

    def names(self, task: PendingDownload) -> Collection[str]:
        """See `Destination`."""
        fetched = self._fetched.get(task.index)
        return fetched.files if fetched is not None else ()

    def path_for(self, task: PendingDownload, file: ResultFile) -> Path | None:
        """See `TaskFolders`."""
        path = inside(self._partial(task), file.name)
        return None if _is(path, file) or _is(self._path(task.index, file.name), file) else path

    def complete(self, task: PendingDownload, globs: Globs) -> None:
        """Move the files of a task to DEST/{index}. Other files in that folder stay."""
        names = {file.name for file in task.files if file.name not in task.failed}
        final = self.path / str(task.index)
        before = self._fetched.get(task.index)
        try:
            if names or not task.failed:
                self._move(task, names, create=not globs)
            files = [file for file in task.files if file.name in names and file.name not in task.failed]
            for file in files:
                if file.executable:
                    _make_executable(final / file.name)
            traces = {file.name: _trace(final / file.name) for file in sorted(files, key=lambda file: file.name)}
            fetched = FetchedTask(task.url, globs, traces, bool(task.failed), task.not_kept)
            with open(self._journal, "a", encoding="utf-8") as journal:
                journal.write(fetched.merge(before).to_line(task.index) + "\n")
        except OSError as error:
            raise StorageError(f"{final} cannot be written: {error.strerror}") from error

    def _move(self, task: PendingDownload, names: Collection[str], *, create: bool) -> None:
        """Move the files `names` to DEST/{index}. `create`: True to make the folder even if `names` is empty."""
        partial, final = self._partial(task), self.path / str(task.index)
        before = self._fetched.get(task.index)
        if create:
            partial.mkdir(exist_ok=True)
        if final.is_symlink() or final.is_file():
            final.unlink()
        if final.exists():
            if before is not None and before.url != task.url:
                _delete(final, (name for name in before.files if name not in names))
            self._merge(task, partial, names)
        elif partial.exists():
            _delete(partial, (name for name in names_below(partial) if name not in names))
            os.rename(partial, final)

    def _merge(self, task: PendingDownload, partial: Path, names: Collection[str]) -> None:
        """Move files into a folder that exists. If a file cannot be moved, record the error for this file."""
        for name in names_below(partial):
            if name in names:
                try:
                    path = self._path(task.index, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(partial / name, path)
                except OSError as error:
                    fault = translate_error("write", str(self.path / str(task.index) / name), error, local=True)
                    if not isinstance(fault, FileError):
                        raise
                    task.fail(name, fault)
                except FileError as fault:
                    task.fail(name, fault)
        remove_tree(partial)

    def _trace(self, index: int, name: str) -> _Trace:
        try:
            return _trace(self._path(index, name))
        except FileError:
            return None

    def _path(self, index: int, name: str) -> Path:
        return inside(self.path, f"{index}/{name}")

    def _partial(self, task: PendingDownload) -> Path:
        return self._marker / f"partial-{task.index}-{hashlib.sha256(task.url.encode()).hexdigest()[:8]}"


def _trace(path: Path) -> _Trace:
    with suppress(OSError):
        status = os.lstat(path)
        return status.st_size, status.st_mtime_ns
    return None


def _read_trace(stored: Any) -> _Trace:
    """Return a trace from its journal record; additional fields are ignored. Raises ValueError, TypeError."""
    size, time, *_ = stored
    return size, time


def _is(path: Path, file: ResultFile) -> bool:
    """True if the file at `path` has the content of `file`."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
            return False
        if not file.url:
            return path.read_bytes() == file.text
        return bool(file.digest) and sha256_file(path) == file.digest
    except (OSError, FileError):
        return False


def _make_executable(path: Path) -> None:
    """Make a file executable for each user that may read the file."""
    mode = os.stat(path).st_mode
    os.chmod(path, stat.S_IMODE(mode | (mode & 0o444) >> 2))


def names_below(folder: Path) -> list[str]:
    """Return the names of the files below a folder, relative to the folder, in no particular order."""
    found = []
    for at, _, names in os.walk(folder):
        below = os.path.relpath(at, folder)
        found += [name if below == "." else f"{below}/{name}" for name in names]
    return found


def _delete(folder: Path, names: Iterable[str]) -> None:
    """Delete files, and the folders that become empty."""
    for name in list(names):
        path = inside(folder, name)
        with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
            path.unlink()
        while (path := path.parent) != folder:
            try:
                path.rmdir()
            except OSError:
                break
