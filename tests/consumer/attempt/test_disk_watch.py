"""The disk use of a task is watched, and its files are removed afterwards."""

from __future__ import annotations

import os
from pathlib import Path

from kubeque.consumer.attempt.disk_watch import DiskWatch, usage, was_full
from kubeque.consumer.attempt.tmp_cleanup import StrayFiles, own_folders
from kubeque.model.job.causes import Cause
from tests.consumer.conftest import Bench
from tests.mounting import bind, private_mounts


def test_what_lies_in_folders_is_added_up_and_links_count_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(bytes(100_000))
    os.link(tmp_path / "sub" / "a", tmp_path / "b")
    (tmp_path / "elsewhere").symlink_to("/usr")

    assert 100_000 <= usage(tmp_path) < 200_000
    assert usage(tmp_path / "gone") == 0


def test_a_command_that_fills_its_disk_is_ended_before_the_pod_is(bench: Bench) -> None:
    watch = DiskWatch([bench.folder], 10 << 20)
    ended = bench.sh("dd if=/dev/zero of=big bs=1M count=20 2>/dev/null; sleep 60", disk=watch)

    assert ended.cause is Cause.DISK
    assert ended.message.endswith("of disk; it was given 10Mi")


def test_a_command_that_ran_out_of_disk_says_so_on_its_stderr(bench: Bench) -> None:
    ended = bench.sh("cat /proc/self/status > /dev/full")

    assert ended.cause is Cause.DISK
    assert "no disk left (it said: No space left on device)" in ended.message


def test_who_fails_otherwise_has_not_run_out_of_disk(bench: Bench) -> None:
    assert bench.sh("echo space left >&2; exit 3").cause is Cause.EXIT
    assert bench.sh("cat /proc/self/status > /dev/full; true").cause is Cause.OK
    assert was_full(1, bench.folder) == ""


def test_what_a_command_left_elsewhere_is_removed_and_what_was_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    stray_files = StrayFiles([tmp_path, tmp_path / "gone"])
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").touch()
    (tmp_path / "link").symlink_to("/usr")

    stray_files.remove()

    assert os.listdir(tmp_path) == ["old"]
    assert Path("/usr/bin").is_dir()


def test_folders_on_another_disk_are_not_ours() -> None:
    assert own_folders([Path("/proc"), Path("/gone")], Path("/")) == []


def test_a_mounted_folder_is_not_ours_and_what_a_command_mounted_stays_whole(tmp_path: Path) -> None:
    with private_mounts():
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "precious").touch()
        stray_files = StrayFiles([tmp_path])
        bind(tmp_path / "data", tmp_path / "new" / "m")  # the device is that of its source
        assert own_folders([tmp_path / "new" / "m", tmp_path / "new"], tmp_path) == [tmp_path / "new"]

        stray_files.remove()

    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["data", "data/precious"]
