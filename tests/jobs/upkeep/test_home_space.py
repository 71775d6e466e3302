"""The home folder of a machine holds nothing large after all of its jobs were removed."""

from __future__ import annotations

import os
import random
from pathlib import Path

import kubeque
from kubeque.client import Client
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep

#: Size of each input and result of these tests, bytes.
LARGE = 3 << 20


def count(name: str) -> int:
    with open(name, "rb") as file:
        return len(file.read())


def large_file(path: Path) -> Path:
    path.write_bytes(random.Random(path.name).randbytes(LARGE))
    return path


def large_files(home: Path) -> list[str]:
    """Return the files of at least half a mebibyte below a folder."""
    found = (os.path.join(folder, name) for folder, _, names in os.walk(home) for name in names)
    return sorted(os.path.relpath(path, home) for path in found if os.path.getsize(path) >= 512 << 10)


def test_a_home_without_jobs_holds_only_small_files(client: Client, tmp_path: Path) -> None:
    # Given a sweep of a command and one of a function, with large inputs and results, both ended
    for name in ("one", "two"):
        large_file(tmp_path / name)
    rows = from_records([{"n": "a"}, {"n": "b"}])
    client.submit(Sweep(["sh", "-c", "cp one out"], rows, push=["one"], name="command", base=tmp_path, consumers=2))
    client.wait("command", timeout=60)
    push = [f"{tmp_path}/two"]
    table = kubeque.map(count, [{"name": "two"}], client=client, name="function", push=push, progress=False)
    assert table[0]["out.value"] == LARGE
    home = client.config.home
    assert {path.split("/")[0] for path in large_files(home)} == {"cas", "results", "work"}

    # When the jobs are removed, although the consumers may still run
    for name in ("command", "function"):
        client.remove(name)

    # Then only their inputs in the store stay, and `gc` with `now` deletes them
    assert [path.split("/")[0] for path in large_files(home)] == ["cas", "cas"]
    found = client.gc(really=True)
    assert found.pieces == []
    assert found.young_bytes > 2 * LARGE
    assert found.home["inputs"] > 2 * LARGE
    freed = client.gc(really=True, now=True)
    assert {piece.kind for piece in freed.pieces} == {"input"}
    assert freed.young == 0
    assert large_files(home) == []
    assert sum(freed.home.values()) < LARGE
    # and a few bytes that register the user of the store of inputs
    assert {kind for kind, size in freed.home.items() if size} == {"inputs", "queue and logs"}
    assert freed.home["inputs"] < 4096
