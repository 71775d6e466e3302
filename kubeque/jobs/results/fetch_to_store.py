"""Fetch results into a store. Each portion is downloaded into a temporary folder of this machine, then uploaded."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubeque.files.batches import Copy, in_groups
from kubeque.files.output import check_prefix
from kubeque.files.parallel import RESULT_UPLOADS, in_parallel
from kubeque.files.store import Files
from kubeque.files.transfer_progress import Meter
from kubeque.files.urls import join
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
from kubeque.jobs.results.fetch_folder import FolderDestination
from kubeque.jobs.results.fetched_files import names_below
from kubeque.jobs.results.file_choice import FileChoice
from kubeque.jobs.results.result_paths import STANDARD
from kubeque.model.errors import FileDamaged, FileMissing, StorageError

#: Maximum number of tasks and of bytes in a portion, because the disk of this machine is limited. A portion of one task
#: may be larger.
_PORTION_TASKS, _PORTION_BYTES = 1000, 256 << 20
#: Start of the names of temporary folders.
_TEMPORARY = "kubeque-fetch-"


class StoreDestination:
    """A `Destination` below the URL of a store. In the journal, the trace of a file is its size in bytes."""

    def __init__(self, files: Files, url: str, owner: Owner) -> None:
        self._url = url
        self._files = files
        self._owner = owner
        self._fetched: dict[int, FetchedTask[int]] = {}
        #: Size in bytes of each existing file, by its name below the URL.
        self._sizes: dict[str, int] = {}

    @contextmanager
    def open(self, *, force: bool, lean: bool = False) -> Iterator[None]:
        """See `Destination.open`."""
        self.check(force=force)
        record = self.read_owner()
        owner = join(self._url, MARKER, self._owner.file)
        if self._owner.is_named_by(record):
            self._read_journals()
            if bool(record.get("lean")) is not lean:
                self._files.write(owner, self._owner.to_record(lean=lean))
        else:
            if self._owner.may_replace(record):
                self._delete_fetched()
            self._files.delete_tree(join(self._url, MARKER))
            self._files.write(owner, self._owner.to_record(lean=lean))
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{tempfile.gettempdir()} cannot be used for the fetch into {self._url}: {error.strerror}"
            ) from error

    def check(self, *, force: bool) -> None:
        """See `Destination.check`."""
        check_prefix(self._files, self._url)
        if not force:
            self._owner.check(self.read_owner(), self._url, empty=lambda: not self._files.entries(self._url))

    def read_owner(self) -> Any:
        """See `Destination.read_owner`."""
        for name in (OWNER, OWNER_OF_LAYOUT):
            with suppress(FileMissing, FileDamaged):
                return self._files.read_json(join(self._url, MARKER, name))
        return None

    def read_fetched(self) -> dict[int, FetchedTask[int]]:
        """See `Destination.read_fetched`."""
        if self._owner.is_named_by(self.read_owner()):
            self._read_journals()
        return self._fetched

    def _delete_fetched(self) -> None:
        """Delete each fetched file if its size has not changed since the fetch."""
        self._read_journals()
        for index, fetched in self._fetched.items():
            self._delete_unchanged(index, fetched)
        self._fetched, self._sizes = {}, {}

    def _delete_unchanged(self, index: int, fetched: FetchedTask[int]) -> None:
        """Delete each file of a fetched task if its size has not changed since the fetch."""
        for name, size in fetched.files.items():
            path = fetched.path(index, name)
            if self._sizes.get(path) == size:
                self._files.delete(join(self._url, path))

    def _read_journals(self) -> None:
        folder = join(self._url, MARKER)
        for name in sorted(entry.name for entry in self._files.entries(folder) if entry.name.endswith(".jsonl")):
            journal = self._files.read(join(folder, name)).decode(errors="replace").splitlines()
            self._fetched |= dict(filter(None, (FetchedTask.from_line(line, int) for line in journal)))
        if self._fetched:
            self._sizes = dict(self._files.listing(self._url))

    def has(self, task: PendingDownload, choice: FileChoice) -> bool:
        """See `Destination.has`."""
        fetched = self._fetched.get(task.index)
        if fetched is None or not fetched.covers(task.url, choice.globs, choice.streams):
            return False
        return all(self._sizes.get(fetched.path(task.index, name)) == size for name, size in fetched.files.items())

    def was_changed(self, task: PendingDownload) -> bool:
        """See `Destination.was_changed`."""
        fetched = self._fetched.get(task.index)
        known = fetched is not None and fetched.url == task.url and not fetched.incomplete
        return known and fetched is not None and not self.has(task, fetched.choice)

    def count_not_kept(self, task: PendingDownload) -> int:
        """See `Destination.count_not_kept`."""
        fetched = self._fetched.get(task.index)
        return fetched.not_kept if fetched is not None else 0

    def names(self, task: PendingDownload) -> Collection[str]:
        """See `Destination.names`."""
        fetched = self._fetched.get(task.index)
        return fetched.files if fetched is not None else ()

    def bring(self, tasks: Sequence[PendingDownload], choice: FileChoice, meter: Meter) -> Iterator[PendingDownload]:
        """See `Destination.bring`. `meter` counts the uploaded bytes."""
        if not self._owner.layout.is_standard:
            # Delete before the first upload, because the path of an old file may now be the path of another task's
            # file.
            for index, before in replaced_attempts(tasks, self._fetched):
                self._delete_unchanged(index, before)
        for portion in in_groups(tasks, lambda task: task.size, most=_PORTION_TASKS, most_bytes=_PORTION_BYTES):
            with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as path:
                folder = FolderDestination(self._files, Path(path), replace(self._owner, layout=STANDARD))
                with folder.open(force=False):
                    ended = list(folder.bring(portion, choice, Meter(len(portion), 0)))
                sent = [task for task in ended if not task.fault]
                meter.expect(sum(task.written_size for task in sent) - sum(task.size for task in ended))
                self._send(folder.path, sent, choice, meter)
            yield from ended

    def put_table(self, write: Callable[[Path], None]) -> None:
        """See `Destination.put_table`."""
        with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as folder:
            write(Path(folder) / TABLE)
            self._files.upload(Path(folder) / TABLE, join(self._url, TABLE))

    def _send(self, folder: Path, tasks: Sequence[PendingDownload], choice: FileChoice, meter: Meter) -> None:
        """Upload the files of tasks, delete replaced files of earlier attempts, and write a journal of these tasks."""
        sizes = {task.index: _sizes(folder / str(task.index)) for task in tasks}
        self._upload(folder, tasks, sizes, meter)
        lines = []
        for task in tasks:
            files = {name: size for name, size in sizes[task.index].items() if name not in task.failed}
            before = self._fetched.get(task.index)
            if self._owner.layout.is_standard:
                self._delete_replaced(task, before, files)
            paths = {} if self._owner.layout.is_standard else {name: task.path(name) for name in files}
            fetched = FetchedTask(
                task.url, choice.globs, files, bool(task.failed), task.not_kept, paths, choice.streams
            )  # fmt: skip
            lines.append(fetched.merge(before).to_line(task.index))
        # Each portion gets a new journal, because a store cannot append to an object. The names sort by time.
        name = f"fetched-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.jsonl"
        self._files.write(join(self._url, MARKER, name), "\n".join(lines).encode())

    def _upload(
        self, folder: Path, tasks: Sequence[PendingDownload], sizes: Mapping[int, Mapping[str, int]], meter: Meter
    ) -> None:
        """Upload the files of tasks.

        If the store refuses a file, record the error in the task of the file. Raises StorageError for other errors.
        """
        copies = (
            (task, name, Copy(str(folder / str(task.index) / name), join(self._url, task.path(name)), size))
            for task in tasks
            for name, size in sizes[task.index].items()
        )

        def upload(group: list[tuple[PendingDownload, str, Copy]]) -> None:
            errors = self._files.upload_many([copy for _, _, copy in group], progress=meter.moved)
            for (task, name, copy), error in zip(group, errors, strict=True):
                if error:
                    task.fail(name, error)
                    task.count(-copy.size, -1)

        groups = in_groups(copies, lambda item: item[2].size)
        for _ in in_parallel(upload, groups, threads=RESULT_UPLOADS, stop=meter.stop):
            pass

    def _delete_replaced(
        self, task: PendingDownload, before: FetchedTask[int] | None, files: Mapping[str, int]
    ) -> None:
        """Delete the files of an earlier attempt that are not among `files`, the files of the present attempt."""
        if before is not None and before.url != task.url:
            for name in before.files:
                if name not in files:
                    self._files.delete(join(self._url, str(task.index), name))


def _sizes(folder: Path) -> dict[str, int]:
    """Return the size in bytes of each file below a folder. The key is the relative name of the file."""
    return {name: os.path.getsize(folder / name) for name in names_below(folder)}
