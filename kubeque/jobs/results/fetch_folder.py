"""Fetch results into a folder of this machine."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kubeque.files.mounts import remove_tree
from kubeque.files.output import check_folder, write_local
from kubeque.files.safe_paths import inside
from kubeque.files.store import Files
from kubeque.files.stores.errors import translate_error
from kubeque.files.transfer_progress import Meter
from kubeque.jobs.results.destination import (
    MARKER,
    OWNER,
    OWNER_OF_LAYOUT,
    TABLE,
    FetchedTask,
    Owner,
    PendingDownload,
    replaced_attempts,
)
from kubeque.jobs.results.download import download_tasks
from kubeque.jobs.results.fetched_files import (
    Trace,
    delete_files,
    is_copy,
    make_executable,
    names_below,
    read_trace,
    trace_of,
)
from kubeque.jobs.results.file_choice import FileChoice, Streams
from kubeque.jobs.results.result_manifest import ResultFile
from kubeque.model.errors import DestinationError, FileError, StorageError


class FolderDestination:
    """A `Destination` below a path of this machine.

    Files of a task are first written into a folder DEST/.kubeque/partial-*. After the download, this folder is renamed
    to DEST/{index}, or merged into DEST/{index} if that exists. In a layout other than DEST/{index}, the files are
    moved one by one.
    """

    def __init__(self, files: Files, path: Path, owner: Owner) -> None:
        self.path = path
        self._files = files
        self._owner = owner
        self._marker = path / MARKER
        self._journal = self._marker / "fetched.jsonl"
        self._fetched: dict[int, FetchedTask[Trace]] = {}

    @contextmanager
    def open(self, *, force: bool, lean: bool = False) -> Iterator[None]:
        """See `Destination.open`. While this fetch runs, a second fetch into the folder raises DestinationError."""
        with self._usable():
            self._check_content(force)
            self._marker.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._marker / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DestinationError(
                    f"another fetch writes into {self.path}: wait until it has ended, or choose another folder"
                ) from error
            except OSError:
                pass  # a file system without locks
            with self._usable():
                self._claim(lean)
            self._read_journal()
            yield
            for path in self._marker.glob("partial-*"):
                remove_tree(path)
        finally:
            os.close(lock)

    def check(self, *, force: bool) -> None:
        """See `Destination.check`."""
        with self._usable():
            self._check_content(force)
            check_folder(self.path)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Raise DestinationError for an error of the file system in the `with` block."""
        try:
            yield
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise DestinationError(f"{self.path} cannot be used ({why}): choose another folder") from error

    def _check_content(self, force: bool) -> None:
        """Raise DestinationError if the path is not a folder, or if `Owner.check` fails (without `force`)."""
        if self.path.exists() and not self.path.is_dir():
            raise DestinationError(f"{self.path} is a file: give a folder to fetch into")
        if self._marker.is_symlink():
            raise DestinationError(f"{self._marker} is a symbolic link: remove it, or choose another folder")
        if not force:
            self._owner.check(
                self.read_owner(), str(self.path), empty=lambda: not self.path.is_dir() or not any(self.path.iterdir())
            )

    def read_owner(self) -> Any:
        """See `Destination.read_owner`."""
        for name in (OWNER, OWNER_OF_LAYOUT):
            with self._usable(), suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
                return json.loads((self._marker / name).read_bytes())
        return None

    def read_fetched(self) -> dict[int, FetchedTask[Trace]]:
        """See `Destination.read_fetched`."""
        if self._owner.is_named_by(self.read_owner()):
            self._read_journal()
        return self._fetched

    def _claim(self, lean: bool) -> None:
        """Record this job as the owner of the destination.

        If the destination has results of a job that this job may replace, delete these results. The caller must hold
        the lock. `lean`: see `Destination.open`.
        """
        record = self.read_owner()
        if not self._owner.is_named_by(record):
            if self._owner.may_replace(record):
                self._delete_fetched()
            for entry in os.scandir(self._marker):
                if entry.name != "lock":
                    self._delete_entry(entry)
        write_local(self._marker / self._owner.file, self._owner.to_record(lean=lean))

    def _delete_entry(self, entry: os.DirEntry[str]) -> None:
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry)
        elif problems := remove_tree(Path(entry)):
            raise DestinationError(f"{self.path} cannot be used: {'; '.join(problems)}")

    def _delete_fetched(self) -> None:
        """Delete the fetched files that have not changed since the fetch."""
        self._read_journal()
        for index, fetched in self._fetched.items():
            self._delete_unchanged(index, fetched)
            with suppress(OSError):  # if the folder has other files, it stays
                (self.path / str(index)).rmdir()
        self._fetched = {}

    def _delete_unchanged(self, index: int, fetched: FetchedTask[Trace]) -> None:
        """Delete the unchanged files of a fetched task, and the folders that become empty."""
        paths = [fetched.path(index, name) for name, trace in fetched.files.items() if trace]
        traces = [trace for trace in fetched.files.values() if trace]
        delete_files(self.path, [path for path, trace in zip(paths, traces, strict=True) if self._trace(path) == trace])

    def _read_journal(self) -> None:
        with suppress(FileNotFoundError), open(self._journal, encoding="utf-8", errors="replace") as journal:
            # The last line can be cut off if a fetch was killed. `from_line` then returns None.
            self._fetched = dict(filter(None, (FetchedTask.from_line(line, read_trace) for line in journal)))

    def has(self, task: PendingDownload, choice: FileChoice) -> bool:
        """See `Destination.has`."""
        fetched = self._fetched.get(task.index)
        if fetched is None or not fetched.covers(task.url, choice.globs, choice.streams):
            return False
        return all(self._trace(fetched.path(task.index, name)) == trace for name, trace in fetched.files.items())

    def was_changed(self, task: PendingDownload) -> bool:
        """See `Destination.was_changed`."""
        fetched = self._fetched.get(task.index)
        known = fetched is not None and fetched.url == task.url and not fetched.incomplete
        return known and fetched is not None and not self.has(task, fetched.choice)

    def bring(self, tasks: Sequence[PendingDownload], choice: FileChoice, meter: Meter) -> Iterator[PendingDownload]:
        """See `Destination.bring`."""
        if not self._owner.layout.is_standard:
            # Delete before the first download, because the path of an old file may now be the path of another task's
            # file.
            for index, before in replaced_attempts(tasks, self._fetched):
                self._delete_unchanged(index, before)
        return download_tasks(self._files, self, tasks, choice, meter)

    def put_table(self, write: Callable[[Path], None]) -> None:
        """See `Destination.put_table`."""
        write(self.path / TABLE)

    def count_not_kept(self, task: PendingDownload) -> int:
        """See `Destination.count_not_kept`."""
        fetched = self._fetched.get(task.index)
        return fetched.not_kept if fetched is not None else 0

    def names(self, task: PendingDownload) -> Collection[str]:
        """See `Destination.names`."""
        fetched = self._fetched.get(task.index)
        return fetched.files if fetched is not None else ()

    def path_for(self, task: PendingDownload, file: ResultFile) -> Path | None:
        """See `TaskFolders.path_for`."""
        path = inside(self._partial(task), file.name)
        return None if is_copy(path, file) or is_copy(self._path(task, file.name), file) else path

    def complete(self, task: PendingDownload, choice: FileChoice) -> None:
        """Move the downloaded files of a task to their paths in the layout, and add the task to the journal.

        Other files in the folder of the task stay. Raises StorageError.
        """
        names = {file.name for file in task.files if file.name not in task.failed}
        before = self._fetched.get(task.index)
        try:
            if self._owner.layout.is_standard and (names or not task.failed):
                self._move(task, names, create=not choice.globs and choice.streams is Streams.ALL)
            elif self._partial(task).exists():
                self._merge(task, self._partial(task), names)
            files = sorted(
                (file for file in task.files if file.name in names and file.name not in task.failed),
                key=lambda file: file.name,
            )
            for file in files:
                if file.executable:
                    make_executable(self._path(task, file.name))
            paths = {} if self._owner.layout.is_standard else {file.name: task.path(file.name) for file in files}
            traces = {file.name: self._trace(self._relative(task, file.name)) for file in files}
            fetched = FetchedTask(
                task.url, choice.globs, traces, bool(task.failed), task.not_kept, paths, choice.streams
            )  # fmt: skip
            with open(self._journal, "a", encoding="utf-8") as journal:
                journal.write(fetched.merge(before).to_line(task.index) + "\n")
        except OSError as error:
            where = self.path / str(task.index) if self._owner.layout.is_standard else self.path
            raise StorageError(f"{where} cannot be written: {error.strerror}") from error

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
                delete_files(final, (name for name in before.files if name not in names))
            self._merge(task, partial, names)
            if not create:
                with suppress(OSError):  # if the folder has files, it stays
                    final.rmdir()
        elif partial.exists():
            delete_files(partial, (name for name in names_below(partial) if name not in names))
            os.rename(partial, final)

    def _merge(self, task: PendingDownload, partial: Path, names: Collection[str]) -> None:
        """Move the files `names` from the folder `partial` to their paths, and delete `partial`.

        If a file cannot be moved, record the error in `task.failed`.
        """
        for name in names_below(partial):
            if name in names:
                try:
                    path = self._path(task, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(partial / name, path)
                except OSError as error:
                    fault = translate_error("write", str(path), error, local=True)
                    if not isinstance(fault, FileError):
                        raise
                    task.fail(name, fault)
                except FileError as fault:
                    task.fail(name, fault)
        remove_tree(partial)

    def _trace(self, relative: str) -> Trace:
        try:
            return trace_of(inside(self.path, relative))
        except FileError:
            return None

    def _relative(self, task: PendingDownload, name: str) -> str:
        return f"{task.index}/{name}" if self._owner.layout.is_standard else task.path(name)

    def _path(self, task: PendingDownload, name: str) -> Path:
        return inside(self.path, self._relative(task, name))

    def _partial(self, task: PendingDownload) -> Path:
        return self._marker / f"partial-{task.index}-{hashlib.sha256(task.url.encode()).hexdigest()[:8]}"
