"""Digests are correct, and are cached only while that is safe."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import sqlite3
import time
from pathlib import Path

import pytest

from kubeque.files.inputs.digest_cache import DigestCache
from kubeque.files.sha256 import sha256_file
from kubeque.model.errors import FileMissing, StorageError

HOUR = 3600.0


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def old_file(path: Path, data: bytes) -> Path:
    """A file that was not changed for an hour."""
    path.write_bytes(data)
    os.utime(path, (time.time() - HOUR, time.time() - HOUR))
    return path


def poison(cache: Path) -> None:
    """Change the digests in the cache, so that a test detects if the cache is read."""
    with sqlite3.connect(cache) as database:
        database.execute("UPDATE digest SET sha256 = 'remembered'")
    database.close()


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    for data in (b"", b"abc", os.urandom(3_000_000)):
        (tmp_path / "file").write_bytes(data)
        assert sha256_file(tmp_path / "file") == sha256(data)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="nowhere"):
        sha256_file(tmp_path / "nowhere")
    with pytest.raises(StorageError, match=str(tmp_path)):
        sha256_file(tmp_path)
    with pytest.raises(FileMissing, match="nowhere"):
        DigestCache(tmp_path / "cache.db").sha256(tmp_path / "nowhere")


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    file = old_file(tmp_path / "file", b"abc")
    assert DigestCache(tmp_path / "new" / "cache.db").sha256(file) == sha256(b"abc")
    poison(tmp_path / "new" / "cache.db")
    assert DigestCache(tmp_path / "new" / "cache.db").sha256(file) == "remembered"


def test_paths_are_told_apart_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        old_file(tmp_path / name / "file", name.encode())
        monkeypatch.chdir(tmp_path / name)
        assert DigestCache(tmp_path / "cache.db").sha256(Path("file")) == sha256(name.encode())


def _same_size(file: Path) -> None:
    file.write_bytes(b"xyz")


def _same_size_and_time(file: Path) -> None:
    status = file.stat()
    file.write_bytes(b"xyz")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def _another_file(file: Path) -> None:
    status = file.stat()
    other = file.with_name("other")
    other.write_bytes(b"xyz")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(other, file)


@pytest.mark.parametrize("change", [_same_size, _same_size_and_time, _another_file])
def test_a_changed_file_is_read_again(tmp_path: Path, change: object) -> None:
    assert callable(change)
    file = old_file(tmp_path / "file", b"abc")
    cache = DigestCache(tmp_path / "cache.db")
    cache.sha256(file)
    change(file)
    assert cache.sha256(file) == sha256(b"xyz")


def test_a_file_that_has_just_changed_is_neither_remembered_nor_trusted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    changed = file.stat().st_mtime

    # Given a digest taken one second after the change, it is not kept
    DigestCache(tmp_path / "cache.db", now=lambda: changed + 1).sha256(file)
    poison(tmp_path / "cache.db")
    late = DigestCache(tmp_path / "cache.db", now=lambda: changed + 3)
    assert late.sha256(file) == sha256(b"abc")
    # and three seconds after it, it is; but not taken by somebody whose clock says that it is fresh.
    poison(tmp_path / "cache.db")
    assert late.sha256(file) == "remembered"
    assert DigestCache(tmp_path / "cache.db", now=lambda: changed + 1).sha256(file) == sha256(b"abc")
    # A date in the future is nothing to rely on either.
    assert DigestCache(tmp_path / "cache.db", now=lambda: changed - HOUR).sha256(file) == sha256(b"abc")


def test_many_files_are_digested_at_once(tmp_path: Path) -> None:
    files = [old_file(tmp_path / f"{number}", b"%d" % number) for number in range(100)]
    cache = DigestCache(tmp_path / "cache.db")
    expected = {file: sha256(b"%d" % number) for number, file in enumerate(files)}
    assert cache.sha256_many(files) == expected
    files.append(old_file(tmp_path / "100", b"100"))
    assert cache.sha256_many(files) == expected | {files[-1]: sha256(b"100")}
    assert cache.sha256_many([]) == {}


@pytest.mark.parametrize("damage", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_damaged_cache_is_passed_over_with_a_warning(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache.db").write_bytes(damage)
    file = old_file(tmp_path / "file", b"abc")
    cache = DigestCache(tmp_path / "cache.db")
    with caplog.at_level(logging.WARNING):
        assert cache.sha256(file) == cache.sha256(file) == sha256(b"abc")
    assert [str(tmp_path / "cache.db") in record.getMessage() for record in caplog.records] == [True]


def test_a_cache_that_cannot_be_written_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "regular").write_bytes(b"")
    file = old_file(tmp_path / "file", b"abc")
    with caplog.at_level(logging.WARNING):
        assert DigestCache(tmp_path / "regular" / "cache.db").sha256(file) == sha256(b"abc")
    assert "regular/cache.db" in caplog.text


def _digest_often(cache: Path, files: list[Path]) -> list[str]:
    return [digest for _ in range(5) for digest in DigestCache(cache).sha256_many(files).values()]


def test_many_processes_share_a_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = [old_file(tmp_path / f"{number}", b"%d" % number) for number in range(20)]
    expected = [sha256(b"%d" % number) for number in range(20)] * 5
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        results = pool.starmap(_digest_often, [(tmp_path / "cache.db", files)] * 8)
    assert results == [expected] * 8
    with sqlite3.connect(tmp_path / "cache.db") as database:
        assert database.execute("SELECT count(*) FROM digest").fetchone() == (20,)
    database.close()
