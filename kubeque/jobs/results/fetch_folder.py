"""The folder that results are fetched into: whose they are, what is there already, and how a file gets to its place."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from kubeque.files.safe_paths import inside
from kubeque.files.sha256 import sha256_file
from kubeque.files.stores.local import put
from kubeque.jobs.results.result_manifest import ResultFile
from kubeque.model.errors import DestinationError, StorageError
from kubeque.model.job.job import Job

#: The folder inside DEST that says whose results these are and what is there already.
MARKER = ".kubeque"

Trace = TypeVar("Trace")

#: Bytes and time of change (ns) of a file as it was fetched; None: it is gone again.
_Trace = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class FetchedTask(Generic[Trace]):
    """What was fetched of a task. A trace is what tells whether a file is still as it was fetched."""

    #: Which attempt.
    mark: str
    #: Which files were asked for; empty: all.
    globs: tuple[str, ...] = ()
    files: Mapping[str, Trace] = field(default_factory=dict)

    def covers(self, mark: str, globs: tuple[str, ...]) -> bool:
        """Was all that is asked for fetched, and of that attempt?"""
        return self.mark == mark and (not self.globs or (bool(globs) and set(globs) <= set(self.globs)))

    def joined(self, before: FetchedTask[Trace] | None) -> FetchedTask[Trace]:
        """This, with what was fetched before of the same attempt."""
        if before is None or before.mark != self.mark:
            return self
        globs = tuple(sorted({*self.globs, *before.globs})) if self.globs and before.globs else ()
        return FetchedTask(self.mark, globs, {**before.files, **self.files})

    def line(self, index: int) -> str:
        """It as a line of a journal, of the task `index`."""
        return json.dumps([index, self.mark, self.globs, self.files])

    @staticmethod
    def of_line(line: str, trace: Callable[[Any], Trace]) -> tuple[int, FetchedTask[Trace]]:
        """The task and what was fetched of it. Raises ValueError, TypeError for half a line."""
        index, mark, globs, files = json.loads(line)
        return index, FetchedTask(mark, tuple(globs), {name: trace(said) for name, said in files.items()})


class FolderDestination:
    """A folder for the results of one job. Nothing is written outside it, whatever the names are."""

    def __init__(self, path: Path, job: Job) -> None:
        self.path = path
        self._job = job
        self._marker = path / MARKER
        self._journal = self._marker / "fetched.jsonl"
        self._entries: dict[int, FetchedTask[_Trace]] = {}

    @contextmanager
    def opened(self, *, force: bool) -> Iterator[None]:
        """Make it ours, for one fetch at a time. Raises DestinationError."""
        try:
            self._claim(force)
            lock = os.open(self._marker / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except (OSError, ValueError) as error:
            raise DestinationError(f"{self.path} cannot be used: {error}") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DestinationError(
                    f"another fetch into {self.path} is under way: wait for it, or choose another folder"
                ) from error
            except OSError:
                pass  # a file system without locks
            self._read_journal()
            yield
        finally:
            os.close(lock)

    def _claim(self, force: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise DestinationError(f"{self.path} is a file: name a folder to fetch into")
        name = self._marker / "job.json"
        owner = json.loads(name.read_text()) if name.is_file() else {}
        foreign = self.path.is_dir() and any(self.path.iterdir()) and owner.get("uid") != self._job.uid
        if foreign and not force:
            raise DestinationError(
                f"{self.path} is not empty and does not hold results of {self._job.name}: choose another folder, "
                "or say --force"
            )
        if self._marker.is_symlink():
            raise DestinationError(f"{self._marker} is a symbolic link: remove it, or choose another folder")
        if foreign and self._marker.is_dir():
            shutil.rmtree(self._marker)
        self._marker.mkdir(parents=True, exist_ok=True)
        write(name, json.dumps({"job": self._job.name, "uid": self._job.uid}).encode())

    def _read_journal(self) -> None:
        with suppress(FileNotFoundError), open(self._journal, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with suppress(ValueError, TypeError):  # the last line of a fetch that was killed
                    index, entry = FetchedTask.of_line(line, _read_trace)
                    self._entries[index] = entry

    def has(self, index: int, mark: str, globs: tuple[str, ...]) -> bool:
        """Is all of that attempt here as it was fetched?"""
        entry = self._entries.get(index)
        if entry is None or not entry.covers(mark, globs):
            return False
        return all(_trace(self._place(index, name)) == trace for name, trace in entry.files.items())

    def touched(self, index: int, mark: str) -> bool:
        """Was it all here, and has somebody changed or removed something since?"""
        entry = self._entries.get(index)
        return entry is not None and entry.mark == mark and not self.has(index, mark, entry.globs)

    def _place(self, index: int, name: str) -> Path:
        return inside(self.path, f"{index}/{name}")

    def waiting(self, index: int, mark: str, file: ResultFile) -> Path | None:
        """Where to put a file that comes; None if it is here already, from a fetch that was broken off."""
        path = inside(self._partial(index, mark), file.name)
        return None if _is(path, file) or _is(self._place(index, file.name), file) else path

    def _partial(self, index: int, mark: str) -> Path:
        return self._marker / f"partial-{index}-{hashlib.sha256(mark.encode()).hexdigest()[:8]}"

    def settle(self, index: int, mark: str, globs: tuple[str, ...], names: Collection[str]) -> None:
        """Put a task whose files have all come to its place. What others put into its folder stays there."""
        partial, final = self._partial(index, mark), self.path / str(index)
        before = self._entries.get(index)
        try:
            if not globs:
                partial.mkdir(exist_ok=True)
            if final.is_symlink() or final.is_file():
                final.unlink()
            if final.exists():
                if before is not None and before.mark != mark:
                    _drop(final, (name for name in before.files if name not in names))
                self._merge(index, partial, names)
            elif partial.exists():
                _drop(partial, (name for name in names_below(partial) if name not in names))
                os.rename(partial, final)
            fetched = FetchedTask(mark, globs, {name: _trace(final / name) for name in sorted(names)})
            self._note(index, fetched.joined(before))
        except OSError as error:
            raise StorageError(f"{final} cannot be written: {error.strerror}") from error

    def _merge(self, index: int, partial: Path, names: Collection[str]) -> None:
        for name in names_below(partial):
            if name in names:
                path = self._place(index, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(partial / name, path)
        shutil.rmtree(partial, ignore_errors=True)

    def _note(self, index: int, entry: FetchedTask[_Trace]) -> None:
        with open(self._journal, "a", encoding="utf-8") as journal:
            journal.write(entry.line(index) + "\n")

    def tidy(self) -> None:
        """Remove what was left of tasks that came to nothing."""
        for path in self._marker.glob("partial-*"):
            shutil.rmtree(path, ignore_errors=True)


def write(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all. Raises StorageError."""
    try:
        put(str(path), lambda file: file.write(data))
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error


def _trace(path: Path) -> _Trace:
    with suppress(OSError):
        status = os.lstat(path)
        return status.st_size, status.st_mtime_ns
    return None


def _read_trace(said: Any) -> _Trace:
    size, time = said
    return size, time


def _is(path: Path, file: ResultFile) -> bool:
    trace = _trace(path)
    if trace is None or path.is_symlink() or trace[0] != file.size:
        return False
    if not file.url:
        return path.read_bytes() == file.text
    return bool(file.digest) and sha256_file(path) == file.digest


def names_below(folder: Path) -> list[str]:
    """The files below a folder, relative to it, in no order."""
    found = []
    for at, _, names in os.walk(folder):
        below = os.path.relpath(at, folder)
        found += [name if below == "." else f"{below}/{name}" for name in names]
    return found


def _drop(folder: Path, names: Iterable[str]) -> None:
    """Remove files, and the folders that become empty."""
    for name in list(names):
        path = inside(folder, name)
        with suppress(FileNotFoundError):
            path.unlink()
        while (path := path.parent) != folder:
            try:
                path.rmdir()
            except OSError:
                break
