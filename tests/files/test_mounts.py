"""Mounts are found, and a removal never follows them. Each test has its own mount namespace."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.files.mounts import MountTable, is_on_mount, mount_points, remove_tree, unmount_below
from kubeque.files.store import Files
from kubeque.model.errors import StorageError
from tests.mounting import bind, mount, private_mounts


@pytest.fixture(autouse=True)
def own_namespace() -> Iterator[None]:
    with private_mounts():
        yield


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """Data of somebody else, which must not change."""
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (data / "a").write_bytes(b"precious")
    (data / "deep" / "b").write_bytes(b"too")
    before = digests(data)
    yield data
    assert digests(data) == before


def digests(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file()
    }


ODD = ["m", "a b\tc\nd", "back\\slash", "ümläut", os.fsdecode(b"caf\xe9"), "\\040", "#"]


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_mount_is_found_by_its_name_unmounted_and_its_folder_removed(tmp_path: Path, data: Path, name: str) -> None:
    bind(data, tmp_path / "work" / "x" / name)
    assert mount_points(tmp_path / "work") == [str(tmp_path / "work" / "x" / name)]
    assert mount_points(tmp_path / "wor") == []
    assert is_on_mount(tmp_path / "work" / "x" / name / "deep")

    assert remove_tree(tmp_path / "work", after_task=True) == []

    assert not (tmp_path / "work").exists()


def test_a_table_is_read_again_only_after_a_change(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, work = MountTable(), tmp_path / "work"
    assert table.points(work) == []
    bind(data, work / "m")
    assert table.points(work) == [str(work / "m")]

    monkeypatch.setattr(MountTable, "_read", lambda self: pytest.fail("the table has not changed"))
    assert table.points(work) == [str(work / "m")]
    monkeypatch.undo()

    mount("-t", "tmpfs", "none", work / "m" / "deep")
    assert table.points(work) == [str(work / "m" / "deep"), str(work / "m")]
    assert remove_tree(work, after_task=True) == []
    assert table.points(work) == []


def test_without_leave_to_unmount_the_mount_stays_and_all_else_goes(tmp_path: Path, data: Path) -> None:
    work = tmp_path / "work"
    (work / "z" / "zz").mkdir(parents=True)
    (work / "x").mkdir()
    (work / "x" / "file").touch()
    (work / "link").symlink_to(data)
    bind(data, work / "x" / "m")
    bind(data / "a", work / "x" / "one")

    problems = remove_tree(work)

    assert sorted(problem.split(" is a mount point")[0] for problem in problems) == [
        repr(str(work / "x" / name)) for name in ("m", "one")
    ]
    assert sorted(str(path.relative_to(work)) for path in work.glob("*/*")) == ["x/m", "x/one"]
    assert (work / "x" / "m" / "a").read_bytes() == b"precious"


def test_what_is_mounted_over_the_folder_itself_is_not_removed(tmp_path: Path, data: Path) -> None:
    (tmp_path / "work").mkdir()
    bind(data, tmp_path / "work")
    assert len(remove_tree(tmp_path / "work")) == 1
    (tmp_path / "link").symlink_to("work")
    assert "symbolic link" in remove_tree(tmp_path / "link", after_task=True)[0]

    assert remove_tree(tmp_path / "work", after_task=True) == []


def test_mounts_in_and_over_mounts_are_all_unmounted(tmp_path: Path, data: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    mount("-t", "tmpfs", "none", work)
    bind(data, work / "m" / "inner")
    bind(data / "a", work / "m" / "inner" / "deep" / "b")
    mount("-t", "tmpfs", "none", work / "m")  # hides the other two
    mount("-t", "tmpfs", "none", work / "m")

    assert unmount_below(work) == []
    assert remove_tree(work, after_task=True) == []


def test_a_mount_in_use_stays_and_is_named(tmp_path: Path, data: Path) -> None:
    bind(data, tmp_path / "work" / "m")
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path / "work" / "m") as user:
        (problem,) = remove_tree(tmp_path / "work", after_task=True)
        user.kill()

    assert f"'{tmp_path}/work/m' is a mount point and is not removed" in problem
    assert digests(tmp_path / "work" / "m") == digests(data)


def test_unmounting_a_recursive_bind_mount_leaves_its_source_mounted(tmp_path: Path, data: Path) -> None:
    """The copies of shared mounts get the same events as the mounts they were made from."""
    outer = tmp_path / "outer"
    outer.mkdir()
    mount("-t", "tmpfs", "none", outer)
    mount("--make-shared", outer)
    bind(data, outer / "inner")
    (tmp_path / "work").mkdir()
    mount("--rbind", outer, tmp_path / "work")

    assert remove_tree(tmp_path / "work", after_task=True) == []

    assert digests(outer / "inner") == digests(data)


def test_deleting_from_a_folder_store_leaves_and_names_what_is_mounted(tmp_path: Path, data: Path) -> None:
    files, store = Files(), tmp_path / "store"
    for name in ("job/1/kept", "job/1/file", "job/2/file"):
        files.write(str(store / name), b"x")
    bind(data, store / "job" / "2" / "m")

    with pytest.raises(StorageError, match=r"store/job/2/m' is a mount point and is not removed"):
        files.delete_tree(str(store / "job"), keep=lambda name: name == "1/kept")
    assert digests(store / "job" / "2" / "m") == digests(data)
    with pytest.raises(StorageError, match="is a mount point"):
        files.delete_tree(str(store / "job"))

    assert [path for path in store.rglob("*") if path.is_file()] == [
        store / "job" / "2" / "m" / name for name in ("a", "deep/b")
    ]
    unmount_below(store)
    files.delete_tree(str(store))
    assert not store.exists()
