"""Bring results back: `DEST/{index}/...` for every task that ended, and `DEST/results.csv`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeque.files.parallel import in_parallel
from kubeque.files.paths import inside
from kubeque.files.urls import join
from kubeque.jobs.places import result_url
from kubeque.jobs.site import Site
from kubeque.jobs.table import Line, lines, to_csv
from kubeque.model.errors import DestinationError, StorageError
from kubeque.model.job import Job

#: The folder inside DEST that says whose results these are and what is there already.
MARKER = ".kubeque"
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did."""

    dest: Path
    #: Tasks brought now.
    tasks: int
    #: Tasks that were there already.
    kept: int
    #: Files written now.
    files: int


def fetch(
    site: Site,
    job: Job,
    dest: Path,
    *,
    force: bool = False,
    indexes: Collection[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Fetched:
    """Bring the results of `job` into `dest`, never outside it; what an earlier fetch brought is not brought again.

    `progress` is told (tasks done, tasks in all). Raises DestinationError, StorageError.
    """
    there = _prepare(dest, job, force)
    found = [line for line in lines(site, job) if indexes is None or line.view.index in indexes]
    wanted = [line for line in found if line.view.state in ("ok", "failed") and line.view.record.outcome is not None]
    missing = [line for line in wanted if there.get(str(line.view.index)) != _mark(line)]
    files = 0
    with open(dest / MARKER / "fetched.jsonl", "a", encoding="utf-8") as journal:
        for done, (line, count) in enumerate(
            in_parallel(lambda line: (line, _fetch_task(site, job, line, dest)), missing, threads=_THREADS), 1
        ):
            files += count
            journal.write(json.dumps([line.view.index, _mark(line)]) + "\n")
            journal.flush()
            if progress:
                progress(done, len(missing))
    _write(dest / "results.csv", to_csv(found).encode())
    return Fetched(dest, len(missing), len(wanted) - len(missing), files)


def _mark(line: Line) -> str:
    outcome = line.view.record.outcome
    return outcome.folder if outcome else ""


def _prepare(dest: Path, job: Job, force: bool) -> dict[str, str]:
    """Make `dest` ours. Returns what was fetched into it before: index -> attempt folder."""
    marker = dest / MARKER
    try:
        owner = json.loads((marker / "job.json").read_text()) if (marker / "job.json").is_file() else {}
        if dest.exists() and not dest.is_dir():
            raise DestinationError(f"{dest} is a file: name a folder to fetch into")
        foreign = dest.is_dir() and any(dest.iterdir()) and owner.get("uid") != job.uid
        if foreign and not force:
            raise DestinationError(
                f"{dest} is not empty and does not hold results of {job.name}: choose another folder, or say --force"
            )
        if foreign and marker.is_dir() and not marker.is_symlink():
            shutil.rmtree(marker)
        marker.mkdir(parents=True, exist_ok=True)
        _write(marker / "job.json", json.dumps({"job": job.name, "uid": job.uid}).encode())
        journal = marker / "fetched.jsonl"
        known = [json.loads(text) for text in journal.read_text().splitlines()] if journal.is_file() else []
    except (OSError, ValueError) as error:
        raise DestinationError(f"{dest} cannot be used: {error}") from error
    return {str(index): mark for index, mark in known if (dest / str(index)).is_dir()}


def _fetch_task(site: Site, job: Job, line: Line, dest: Path) -> int:
    """Bring one task into a folder beside its place, then put it there in one step; how many files."""
    index, outcome = line.view.index, line.view.record.outcome
    assert outcome is not None
    partial = dest / MARKER / f"partial-{index}"
    final = dest / str(index)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    count = 0
    if url := result_url(job, outcome):
        result = site.files.read_json(join(url, "result.json"))
        count = _fetch_files(site, url, result, partial)
        for stream in ("stdout", "stderr"):
            text = result.get(stream)
            if not (partial / f"{stream}.txt").exists():
                _write(partial / f"{stream}.txt", (text or "").encode())
    try:
        if final.is_symlink() or final.is_file():
            final.unlink()
        elif final.exists():
            shutil.rmtree(final)
        os.rename(partial, final)
    except OSError as error:
        raise StorageError(f"{final} cannot be written: {error.strerror}") from error
    return count


def _fetch_files(site: Site, url: str, result: dict[str, Any], folder: Path) -> int:
    files = result.get("files", [])
    for item in files:
        path = inside(folder, str(item["name"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        site.files.download(join(url, "files", str(item["name"])), path, size=item["size"], digest=item["digest"])
    for stream in ("stdout", "stderr"):
        if result.get(f"{stream}_bytes", 0) and result.get(stream) is None:
            site.files.download(join(url, f"{stream}.txt"), folder / f"{stream}.txt")
    return len(files)


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
