"""Bring results to a store: like a fetch into a folder, in portions that go through a folder of this machine."""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from kubeque.files.batches import Copy, in_groups
from kubeque.files.parallel import in_parallel
from kubeque.files.progress import Meter, Tell
from kubeque.files.store import Files
from kubeque.files.urls import join
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.download import Choice, Fetched, PendingDownload, bring, check_faults, wanted, write_table
from kubeque.jobs.results.fetch_folder import MARKER, FetchedTask, FolderDestination, names_below
from kubeque.model.errors import DestinationError, FileMissing, StorageError
from kubeque.model.job.job import Job

#: What goes through this machine at once: so many tasks, and bytes, or one task that is larger.
_TASKS, _BYTES = 1000, 256 << 20
_UPLOADS = 16


class StoreDestination:
    """A place below a URL for the results of one job, and what is there already."""

    def __init__(self, files: Files, url: str, job: Job) -> None:
        self.url = url
        self._files = files
        self._job = job
        self._entries: dict[int, FetchedTask[int]] = {}
        self._there: dict[str, int] = {}

    def open(self, *, force: bool) -> None:
        """Make it ours. Raises DestinationError, and StorageError where it cannot be written."""
        self._files.check_writable(self.url)
        owner = join(self.url, MARKER, "job.json")
        try:
            uid = self._files.read_json(owner).get("uid")
        except FileMissing:
            uid = None
        if uid == self._job.uid:
            self._read_journals()
            return
        if self._files.entries(self.url) and not force:
            raise DestinationError(
                f"{self.url} is not empty and does not hold results of {self._job.name}: choose another place, "
                "or say --force"
            )
        self._files.delete_tree(join(self.url, MARKER))
        self._files.write(owner, json.dumps({"job": self._job.name, "uid": self._job.uid}).encode())

    def _read_journals(self) -> None:
        journals = sorted(entry.name for entry in self._files.entries(join(self.url, MARKER)))
        for name in journals:
            if name.endswith(".jsonl"):
                for line in self._files.read(join(self.url, MARKER, name)).decode().splitlines():
                    index, entry = FetchedTask.of_line(line, int)
                    self._entries[index] = entry
        if self._entries:
            self._there = dict(self._files.listing(self.url))

    def has(self, task: PendingDownload, globs: tuple[str, ...]) -> bool:
        """Is all that is asked for of that attempt there?"""
        entry = self._entries.get(task.index)
        if entry is None or not entry.covers(task.url, globs):
            return False
        return all(self._there.get(f"{task.index}/{name}") == size for name, size in entry.files.items())

    def touched(self, task: PendingDownload) -> bool:
        """Was it all there, and has somebody changed or removed something since?"""
        entry = self._entries.get(task.index)
        return entry is not None and entry.mark == task.url and not self.has(task, entry.globs)

    def put(self, folder: Path, tasks: Sequence[PendingDownload], globs: tuple[str, ...], meter: Meter) -> None:
        """Send what came of these tasks, note it, and remove what attempts before had left in its place."""
        found = {task.index: dict(_sizes(folder / str(task.index))) for task in tasks}
        copies = (
            Copy(str(folder / str(index) / name), join(self.url, str(index), name), size)
            for index, files in found.items()
            for name, size in files.items()
        )
        groups = in_groups(copies, lambda copy: copy.size)
        for _ in in_parallel(
            lambda group: self._files.upload_many(group, progress=meter.moved),
            groups,
            threads=_UPLOADS,
            stop=meter.stop,
        ):
            pass
        for task in tasks:
            self._drop(task, found[task.index])
        now = ((task.index, FetchedTask(task.url, globs, found[task.index])) for task in tasks)
        self._note((index, entry.joined(self._entries.get(index))) for index, entry in now)

    def _drop(self, task: PendingDownload, files: Mapping[str, int]) -> None:
        before = self._entries.get(task.index)
        if before is not None and before.mark != task.url:
            for name in before.files:
                if name not in files:
                    self._files.delete(join(self.url, str(task.index), name))

    def _note(self, entries: Iterable[tuple[int, FetchedTask[int]]]) -> None:
        """One more journal: an object cannot be appended to. Their names are in order of time."""
        lines = [entry.line(index) for index, entry in entries]
        name = f"fetched-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.jsonl"
        self._files.write(join(self.url, MARKER, name), "\n".join(lines).encode())


def forward(
    backends: Backends, job: Job, url: str, *, force: bool, choice: Choice, progress: Tell | None = None
) -> Fetched:
    """Bring the results of `job` below `url`; what an earlier call brought is not brought again.

    This machine holds a portion of 256 MB at a time, or the files of one task. Raises as `fetch` does.
    """
    shelf = StoreDestination(backends.files, url, job)
    shelf.open(force=force)
    chosen = list(wanted(backends, job, choice))
    missing = [task for task in chosen if not shelf.has(task, choice.globs)]
    restored = sum(shelf.touched(task) for task in missing)
    meter = Meter(len(missing), sum(task.size for task in missing), progress)
    faulty: list[PendingDownload] = []
    try:
        for portion in in_groups(missing, lambda task: task.size, most=_TASKS, most_bytes=_BYTES):
            faulty += _forward_portion(backends, shelf, job, portion, choice.globs, meter)
        _send_table(backends, shelf, job)
    except OSError as error:
        raise StorageError(f"{tempfile.gettempdir()} cannot be used on the way to {url}: {error.strerror}") from error
    check_faults(faulty)
    files, size = sum(task.written for task in missing), sum(task.written_size for task in missing)
    return Fetched(url, len(missing), len(chosen) - len(missing), files, size, restored)


def _forward_portion(
    backends: Backends,
    shelf: StoreDestination,
    job: Job,
    tasks: Sequence[PendingDownload],
    globs: tuple[str, ...],
    meter: Meter,
) -> list[PendingDownload]:
    """Bring tasks here and send them on. Returns those that are at fault."""
    with tempfile.TemporaryDirectory(prefix="kubeque-fetch-") as folder:
        place = FolderDestination(Path(folder), job)
        with place.opened(force=False):
            came = list(bring(backends, place, tasks, globs, Meter(len(tasks), 0)))
        shelf.put(place.path, [task for task in came if not task.fault], globs, meter)
    meter.done(len(tasks))
    return [task for task in came if task.fault]


def _send_table(backends: Backends, shelf: StoreDestination, job: Job) -> None:
    with tempfile.TemporaryDirectory(prefix="kubeque-fetch-") as folder:
        write_table(backends, job, Path(folder))
        backends.files.upload(Path(folder) / "results.csv", join(shelf.url, "results.csv"))


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    for name in names_below(folder):
        yield name, os.path.getsize(folder / name)
