"""The files of a task are uploaded. An error affects only one file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubeque.consumer.attempt.upload import upload_files, upload_streams
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.files.store import Files
from kubeque.model.errors import FileError, StorageError
from tests.mounting import mount, private_mounts


@pytest.mark.parametrize("others", [1, 100], ids=["one group", "several groups"])
def test_a_file_that_vanishes_or_that_the_store_refuses_costs_only_itself(tmp_path: Path, others: int) -> None:
    workdir = Workdir(tmp_path / "work", "a")
    names = [f"file{n}" for n in range(others)]
    deep = "/".join(["d" * 200] * 18) + "/deep"
    for name in (*names, "gone", "folder", deep):
        path = workdir.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (workdir.path / "file0").chmod(0o755)
    collected = workdir.collect()
    (workdir.path / "gone").unlink()
    (workdir.path / "folder").unlink()
    (workdir.path / "folder").mkdir()
    store = tmp_path.joinpath(*["e" * 200] * 3)

    records = upload_files(Files(), str(store), collected)

    assert [record["name"] for record in records] == sorted(names)
    assert [record["name"] for record in records if record.get("executable")] == ["file0"]
    assert {path.name: path.read_text() for path in (store / "files").iterdir()} == {name: name for name in names}
    reasons = {line.split("'")[1]: line for line in collected.refused}
    assert sorted(name[:6] for name in reasons) == ["dddddd", "folder", "gone"]
    assert "could not be stored: cannot read" in reasons["gone"]


def test_a_full_disk_is_no_error_of_a_file(tmp_path: Path) -> None:
    with private_mounts():
        disk = tmp_path / "disk"
        disk.mkdir()
        mount("-t", "tmpfs", "-o", "size=100k", "none", disk)
        workdir = Workdir(tmp_path / "work", "a")
        (workdir.path / "file").write_bytes(bytes(range(256)) * 1000)
        collected = workdir.collect()

        with pytest.raises(StorageError, match="No space left") as raised:
            upload_files(Files(), str(disk / "store"), collected)

    assert not isinstance(raised.value, FileError)
    assert collected.refused == []


@pytest.mark.parametrize("size", [5, 100_000])
@pytest.mark.parametrize("instead", ["folder", "FIFO", "link", "nothing"])
def test_a_stream_that_the_task_replaced_is_empty(tmp_path: Path, instead: str, size: int) -> None:
    workdir = Workdir(tmp_path / "work", "a")
    workdir.stdout.write_text("x" * size)
    match instead:
        case "folder":
            workdir.stderr.mkdir()
        case "FIFO":
            os.mkfifo(workdir.stderr)
        case "link":
            workdir.stderr.symlink_to("/etc/passwd")

    kept = upload_streams(Files(), str(tmp_path / "store"), workdir, workdir.collect())

    assert (kept["stdout_bytes"], kept["stderr"], kept["stderr_bytes"]) == (size, "", 0)
