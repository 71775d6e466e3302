"""Properties of folders: a killed process leaves nothing behind, links are not followed, fsspec is not needed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kubeque.files.sha256 import sha256_file
from kubeque.files.store import Files
from kubeque.files.stores.local import Folder, is_temporary, put, temporary_name
from kubeque.model.errors import FileMissing, StorageError


def test_the_folders_above_a_file_are_made_again_when_somebody_removed_them(tmp_path: Path) -> None:
    files = Files()
    files.write(f"{tmp_path}/a/b/c", b"1")
    shutil.rmtree(tmp_path / "a")
    files.write(f"{tmp_path}/a/b/c", b"2")
    assert files.read(f"{tmp_path}/a/b/c") == b"2"


def test_a_writer_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def fail(file: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put(str(tmp_path / "file"), fail)
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


KILLED = """
import sys, time
from kubeque.files.stores.local import put
def fill(file):
    file.write(b"half"); file.flush(); print("writing", flush=True); time.sleep(60)
put(sys.argv[1], fill)
"""


def test_a_writer_that_is_killed_leaves_nothing_that_a_listing_shows(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "file")], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()

    assert [is_temporary(name) for name in os.listdir(tmp_path)] == [True]
    assert list(Files().listing(str(tmp_path))) == []
    assert not (tmp_path / "file").exists()


def test_two_temporary_names_are_never_the_same() -> None:
    assert len({temporary_name() for _ in range(1000)}) == 1000


def test_files_get_the_permissions_that_the_user_gives_to_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        Files().write(f"{tmp_path}/file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_below_a_private_folder_only_the_user_may_read_new_files(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "home-of-another"
    before = os.umask(0)
    try:
        files = Files(private=home)
        files.write(f"{home}/a/b/written", b"")
        files.write_new(f"{home}/a/new", b"")
        files.upload(home / "a/new", f"{home}/c/uploaded")
        files.download(f"{home}/a/new", home / "d" / "downloaded")
        files.write(f"{other}/open", b"")
    finally:
        os.umask(before)
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert {mode for name, mode in modes.items() if (tmp_path / name).is_dir() and name.startswith("home/")} == {0o700}
    assert {mode for name, mode in modes.items() if (tmp_path / name).is_file() and name.startswith("home/")} == {0o600}
    assert (modes["home-of-another"], modes["home-of-another/open"]) == (0o777, 0o666)


def test_links_are_neither_listed_nor_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    store = tmp_path / "store"
    store.mkdir()
    (store / "own").write_bytes(b"own")
    (store / "folder").symlink_to(outside)
    (store / "file").symlink_to(outside / "secret")

    assert list(Files().listing(str(store))) == [("own", 3)]
    Files().delete_tree(str(store))
    assert (outside / "secret").exists()


@pytest.mark.parametrize("keep", [None, lambda name: name == "job.json"], ids=["all", "some"])
def test_a_folder_that_was_replaced_by_a_link_is_named_and_not_followed(tmp_path: Path, keep: Any) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").touch()
    (tmp_path / "job").symlink_to(tmp_path / "precious")

    with pytest.raises(
        StorageError, match=r"job' (is a link and is not removed|could not be removed: .*symbolic link)"
    ):
        Files().delete_tree(f"{tmp_path}/job", keep=keep)

    assert (tmp_path / "precious" / "thesis.tex").exists()


def test_a_tree_that_two_delete_at_once_is_gone_and_neither_complains(tmp_path: Path) -> None:
    for number in range(300):
        Files().write(f"{tmp_path}/tree/{number % 20}/{number}", b"")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Folder().delete_tree(f"{tmp_path}/tree", None), range(4)))
    assert not (tmp_path / "tree").exists()


@pytest.mark.parametrize("url", ["/", "//", "file:///", "memory://bucket", "memory://bucket/"])
def test_a_whole_disk_or_bucket_is_not_deleted(url: str) -> None:
    with pytest.raises(StorageError, match="is not deleted"):
        Files().delete_tree(url)


def test_a_name_with_nul_is_refused(tmp_path: Path) -> None:
    files, url = Files(), f"{tmp_path}/a\0b"
    for act in (files.read, files.look, lambda url: files.write(url, b""), lambda url: files.write_new(url, b"")):
        with pytest.raises(StorageError):
            act(url)


def test_a_name_that_is_not_utf8_is_a_name_all_the_same(tmp_path: Path) -> None:
    url = f"{tmp_path}/" + os.fsdecode(b"\x80")
    Files().write(url, b"1")
    assert Files().read(url) == b"1"


def test_a_name_that_is_too_long_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="File name too long"):
        Files().write(f"{tmp_path}/{'x' * 300}", b"")


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    (tmp_path / "source").write_bytes(b"data")

    def fill(file: object) -> None:
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"data")

    with pytest.raises(OSError, match="No space left"):
        put(str(tmp_path / "file"), fill)
    assert os.listdir(tmp_path) == ["source"]


def test_a_relative_path_is_below_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Files().write("plain", b"1")
    Files().write("sub/plain", b"2")
    assert (tmp_path / "plain").read_bytes() == b"1"
    assert sorted(Files().listing("sub")) == [("plain", 1)]


def test_a_file_url_without_an_absolute_path_is_refused() -> None:
    with pytest.raises(StorageError, match="file:///data"):
        Files().read("file://data/x")


def test_reading_a_folder_says_that_it_is_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="directory") as refused:
        Files().read(str(tmp_path))
    assert not isinstance(refused.value, FileMissing)


LIGHT = """
import sys
for name in ("fsspec", "gcsfs", "s3fs", "aiohttp"):
    sys.modules[name] = None
from kubeque.files.sha256 import sha256_file
from kubeque.files.store import Files
from kubeque.files.inputs.inputs import find_inputs
from kubeque.files.rows.row_pages import PageReader
files = Files()
files.write(sys.argv[1] + "/a/b", b"1")
files.upload(sys.argv[1] + "/a/b", sys.argv[1] + "/c")
files.check_writable(sys.argv[1])
print(sorted(files.listing(sys.argv[1])), files.existing(sys.argv[1], ["a/b", "d"]))
"""


def test_folders_need_no_library(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[('a/b', 1), ('c', 1)] {'a/b'}"), done.stderr


def test_a_file_that_is_written_new_over_a_dangling_link_loses(tmp_path: Path) -> None:
    (tmp_path / "claim").symlink_to(tmp_path / "nowhere")
    assert Files().write_new(f"{tmp_path}/claim", b"1") is False
    assert not (tmp_path / "nowhere").exists()


def used(path: Path) -> int:
    return path.stat().st_blocks * 512


@pytest.mark.parametrize(
    "parts", [[(0, b"start")], [(5 << 20, b"x" * 70_000)], [(0, b"a"), ((64 << 20) - 1, b"z")], []],
    ids=["start", "middle", "ends", "only a hole"],
)  # fmt: skip
def test_holes_stay_holes_on_the_way_into_a_store_and_back(tmp_path: Path, parts: list[tuple[int, bytes]]) -> None:
    source, files = tmp_path / "source", Files()
    with source.open("wb") as file:
        file.truncate(64 << 20)
        for at, data in parts:
            file.seek(at)
            file.write(data)
    if used(source) > 4 << 20:
        pytest.skip("this file system has no holes")

    files.upload(str(source), f"{tmp_path}/store/file", digest=sha256_file(source))
    files.download(f"{tmp_path}/store/file", tmp_path / "back", digest=sha256_file(source), size=64 << 20)

    assert sha256_file(tmp_path / "back") == sha256_file(source)
    assert used(tmp_path / "store" / "file") <= 4 << 20
    assert used(tmp_path / "back") <= 4 << 20
