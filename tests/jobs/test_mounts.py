"""Tasks that mount file systems. Mounted files are neither stored nor deleted, and mounts are removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.files.mounts import mount_points
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep
from tests.mounting import private_mounts
from tests.waiting import until

TASK = """
mkdir m; echo mine > mine
case "$0" in
bind) mount --bind "$1" m ;;
tmpfs) mount -t tmpfs none m && echo x > m/x ;;
own) unshare -m --propagation private sh -c 'mount --bind "$1" m && touch mounted && sleep 100' sh "$1" &
     while [ ! -e mounted ]; do sleep 0.01; done ;;
over) mount --bind "$1" "$PWD" ;;
esac
"""
HOW = ("bind", "tmpfs", "own", "over")


@pytest.fixture(autouse=True)
def own_namespace() -> Iterator[None]:
    with private_mounts():
        yield


def test_what_tasks_mounted_is_neither_stored_nor_deleted(client: Client, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    for name in ("a", "deep/b"):
        (data / name).write_text("precious")
    rows = from_records([{"how": how} for how in HOW])

    client.submit(Sweep(["sh", "-c", TASK, "{how}", str(data)], rows=rows, name="mounts"))
    assert client.wait("mounts", timeout=60).counts.ok == len(HOW)

    work = client.config.home / "work"
    until("the removal of the working directories", lambda: not list(work.glob("*/*-*-*")))
    assert mount_points(work) == []
    assert [(data / name).read_text() for name in ("a", "deep/b")] == ["precious", "precious"]
    results = [client.task("mounts", index).result or {} for index in range(len(HOW))]
    assert [[file["name"] for file in result["files"]] for result in results] == [
        ["mine"], ["mine"], ["mine", "mounted"], [],
    ]  # fmt: skip
    refused = ["'m' is a mount point: copy what you need from it"]
    replaced = ["'.' was replaced by a link or a mount: nothing in it is kept"]
    assert [result["refused"] for result in results] == [refused, refused, [], replaced]

    replayed = client.replay("mounts", 0, tmp_path / "replay", echo=False)
    assert replayed.notes == ("not kept: " + refused[0],)
    assert mount_points(tmp_path / "replay") == [str(tmp_path / "replay" / "work" / "m")]
