"""Records with added keys and fields of a later version of kubeque can be read."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kubeque.files.inputs.digest_cache import DigestCache
from kubeque.files.layout import manifest_url, owner_url
from kubeque.files.live_log import LiveLog, Tail
from kubeque.files.store import Files
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.result_manifest import read_manifest, read_result
from kubeque.jobs.upkeep.gc_lock import register, users
from kubeque.jobs.upkeep.owner import is_ours, write_owner
from kubeque.jobs.upkeep.result_links import parse_links
from kubeque.model.compatibility.unknown_entries import UNREADABLE
from kubeque.model.errors import FileDamaged
from kubeque.model.job.job import Job

LATER: dict[str, Any] = {"version": 2, "added": {"key": [1]}}


def store(url: str, value: Any) -> None:
    Files().write(url, json.dumps(value).encode())


def test_a_manifest(tmp_path: Path) -> None:
    attempt = str(tmp_path)
    item = {"name": "a.txt", "size": 1, "digest": "0" * 64, "mode": 0o644}
    store(manifest_url(attempt), LATER | {"files": [item], "stdout": "hi", "stderr": None, "cause": "a later cause"})

    assert [(file.name, file.size) for file in read_manifest(Files(), attempt).files] == [
        ("a.txt", 1), ("stdout.txt", 2), ("stderr.txt", 0),
    ]  # fmt: skip
    assert read_result(Files(), attempt)["added"] == {"key": [1]}


def test_a_manifest_that_is_no_object_is_damaged(tmp_path: Path) -> None:
    store(manifest_url(str(tmp_path)), ["files"])
    with pytest.raises(FileDamaged, match="not a JSON object"):
        read_result(Files(), str(tmp_path))


def test_a_live_log() -> None:
    log = LiveLog(1.5, Tail(3, b"out"), Tail(0, b"err"))
    stored = json.loads(json.dumps(log.to_wire()))
    later = {key: [*value, "added"] if isinstance(value, list) else value for key, value in stored.items()}

    assert LiveLog.from_wire(later | LATER) == log


def test_links() -> None:
    assert parse_links(LATER | {"gs://b/job/uid": [[0, 2], [5, 6, "added"]]}, 6) == {"gs://b/job/uid": {0, 1, 5}}


@pytest.mark.parametrize("stored", [[], 7, {"x": [[0, 10**12]]}, {"x": [7]}, {"x": [["0", 1]]}, {"x": [[0, 1]] * 9}])
def test_damaged_links_are_recognised(stored: Any) -> None:
    with pytest.raises(UNREADABLE):
        parse_links(stored, 6)


def test_the_owner_of_a_folder(backends: Backends, tmp_path: Path) -> None:
    job = Job("job", "uid", 1, str(tmp_path / "job" / "uid"))
    write_owner(backends, job)
    store(owner_url(job.url), Files().read_json(owner_url(job.url)) | LATER)

    assert is_ours(backends, job.url)
    # A program that can write to the store can copy the note into another folder.
    copied = str(tmp_path / "other" / "uid")
    store(owner_url(copied), Files().read_json(owner_url(job.url)))
    assert not is_ours(backends, copied)


def test_the_users_of_the_inputs(backends: Backends) -> None:
    register(backends)
    ((prefix, url),) = users(backends)
    Files().write(url, f"{prefix}\nadded".encode())

    assert users(backends) == [(prefix, url)]


def test_the_cache_of_digests(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, path = tmp_path / "file", tmp_path / "digests.db"
    file.write_bytes(b"x")
    cache = DigestCache(path, now=lambda: 1e12)
    first = cache.sha256(file)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("ALTER TABLE digest ADD COLUMN added TEXT")
    other = tmp_path / "other"
    other.write_bytes(b"y")

    assert cache.sha256(file) == first
    assert cache.sha256(other) != first
    assert not caplog.records
