"""Fetch into a store. Each portion is downloaded to a temporary folder of this machine and then uploaded."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubeque.files.batches import Copy, in_groups
from kubeque.files.parallel import RESULT_UPLOADS, in_parallel
from kubeque.files.store import Files
from kubeque.files.transfer_progress import Meter
from kubeque.files.urls import join
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
from kubeque.jobs.results.fetch_folder import FolderDestination, names_below
from kubeque.model.errors import FileDamaged, FileMissing, StorageError

#: Maximum number of tasks and of bytes in a portion, because the disk of this machine is limited. A single task may be
#: larger.
_PORTION_TASKS, _PORTION_BYTES = 1000, 256 << 20
#: Start of the names of temporary folders.
_TEMPORARY = "kubeque-fetch-"


class StoreDestination:
    """A `Destination` below a URL. In its journal, the trace of a file is the size of the file in bytes."""

    def __init__(self, files: Files, url: str, owner: Owner) -> None:
        self._url = url
        self._files = files
        self._owner = owner
        self._fetched: dict[int, FetchedTask[int]] = {}
        #: Size in bytes of each existing file, by its name below the URL.
        self._sizes: dict[str, int] = {}

    @contextmanager
    def open(self, *, force: bool) -> Iterator[None]:
        """See `Destination`."""
        self.check(force=force)
        record = self._read_owner()
        if self._owner.is_named_by(record):
            self._read_journals()
        else:
            if self._owner.may_replace(record):
                self._delete_fetched()
            self._files.delete_tree(join(self._url, MARKER))
            self._files.write(join(self._url, MARKER, OWNER), self._owner.to_record())
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{tempfile.gettempdir()} cannot be used on the way to {self._url}: {error.strerror}"
            ) from error

    def check(self, *, force: bool) -> None:
        """See `Destination`."""
        self._files.check_writable(self._url)
        record = self._read_owner()
        known = self._owner.is_named_by(record) or self._owner.may_replace(record)
        if not force and not known and self._files.entries(self._url):
            raise not_empty(self._url, self._owner)

    def _read_owner(self) -> Any:
        """Return the content of `job.json`; None if the file is missing or damaged."""
        try:
            return self._files.read_json(join(self._url, MARKER, OWNER))
        except (FileMissing, FileDamaged):
            return None

    def _delete_fetched(self) -> None:
        """Delete fetched files whose size has not changed since their fetch."""
        self._read_journals()
        for index, fetched in self._fetched.items():
            for name, size in fetched.files.items():
                if self._sizes.get(f"{index}/{name}") == size:
                    self._files.delete(join(self._url, str(index), name))
        self._fetched, self._sizes = {}, {}

    def _read_journals(self) -> None:
        folder = join(self._url, MARKER)
        for name in sorted(entry.name for entry in self._files.entries(folder) if entry.name.endswith(".jsonl")):
            journal = self._files.read(join(folder, name)).decode(errors="replace").splitlines()
            self._fetched |= dict(filter(None, (FetchedTask.from_line(line, int) for line in journal)))
        if self._fetched:
            self._sizes = dict(self._files.listing(self._url))

    def has(self, task: PendingDownload, globs: Globs) -> bool:
        """See `Destination`."""
        fetched = self._fetched.get(task.index)
        if fetched is None or not fetched.covers(task.url, globs):
            return False
        return all(self._sizes.get(f"{task.index}/{name}") == size for name, size in fetched.files.items())

    def was_changed(self, task: PendingDownload) -> bool:
        """See `Destination`."""
        fetched = self._fetched.get(task.index)
        known = fetched is not None and fetched.url == task.url and not fetched.incomplete
        return known and fetched is not None and not self.has(task, fetched.globs)

    def count_not_kept(self, task: PendingDownload) -> int:
        """See `Destination`."""
        fetched = self._fetched.get(task.index)
        return fetched.not_kept if fetched is not None else 0

    def names(self, task: PendingDownload) -> Collection[str]:
        """See `Destination`."""
        fetched = self._fetched.get(task.index)
        return fetched.files if fetched is not None else ()

    def bring(self, tasks: Sequence[PendingDownload], globs: Globs, meter: Meter) -> Iterator[PendingDownload]:
        """See `Destination`. `meter` counts the uploaded bytes."""
        for portion in in_groups(tasks, lambda task: task.size, most=_PORTION_TASKS, most_bytes=_PORTION_BYTES):
            with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as path:
                folder = FolderDestination(self._files, Path(path), self._owner)
                with folder.open(force=False):
                    ended = list(folder.bring(portion, globs, Meter(len(portion), 0)))
                sent = [task for task in ended if not task.fault]
                meter.expect(sum(task.written_size for task in sent) - sum(task.size for task in ended))
                self._send(folder.path, sent, globs, meter)
            yield from ended

    def put_table(self, write: Callable[[Path], None]) -> None:
        """See `Destination`."""
        with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as folder:
            write(Path(folder) / TABLE)
            self._files.upload(Path(folder) / TABLE, join(self._url, TABLE))

    def _send(self, folder: Path, tasks: Sequence[PendingDownload], globs: Globs, meter: Meter) -> None:
        """Upload the files of tasks, delete replaced files of earlier attempts, and write a journal."""
        sizes = {task.index: _sizes(folder / str(task.index)) for task in tasks}
        self._upload(folder, tasks, sizes, meter)
        lines = []
        for task in tasks:
            files = {name: size for name, size in sizes[task.index].items() if name not in task.failed}
            before = self._fetched.get(task.index)
            self._delete_replaced(task, before, files)
            fetched = FetchedTask(task.url, globs, files, bool(task.failed), task.not_kept)
            lines.append(fetched.merge(before).to_line(task.index))
        # Each portion has a journal of its own, because objects cannot be appended to. The names sort by time.
        name = f"fetched-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.jsonl"
        self._files.write(join(self._url, MARKER, name), "\n".join(lines).encode())

    def _upload(
        self, folder: Path, tasks: Sequence[PendingDownload], sizes: Mapping[int, Mapping[str, int]], meter: Meter
    ) -> None:
        """Upload the files of tasks.

        If the store refuses a file, record the error for this file. Raises StorageError.
        """
        copies = (
            (task, name, Copy(str(folder / str(task.index) / name), join(self._url, str(task.index), name), size))
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
        """Delete the files of an earlier attempt that the present attempt does not have."""
        if before is not None and before.url != task.url:
            for name in before.files:
                if name not in files:
                    self._files.delete(join(self._url, str(task.index), name))


def _sizes(folder: Path) -> dict[str, int]:
    """Return the size in bytes of each file below a folder. The key is the relative name of the file."""
    return {name: os.path.getsize(folder / name) for name in names_below(folder)}
