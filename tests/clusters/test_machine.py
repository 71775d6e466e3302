"""The resources of this machine, as cgroups, CPU affinity and the GPU driver report them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from kubeque.clusters.machine import declare_gpus, gpu_devices, this_machine

MI = 1 << 20


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("0::/a/b\n", {"a/b/memory.max": f"{512 * MI}\n", "a/b/cpu.max": "50000 100000\n"}),
        ("0::/a/b\n", {"a/memory.max": f"{512 * MI}\n", "a/b/memory.max": "max\n", "a/cpu.max": "5000 10000\n"}),
        ("0::/host/path\n", {"memory.max": f"{512 * MI}\n", "cpu.max": "50000 100000\n"}),
        (
            "5:memory:/d\n4:cpu,cpuacct:/d\n",
            {
                "memory/d/memory.limit_in_bytes": f"{512 * MI}\n",
                "cpu/d/cpu.cfs_quota_us": "50000\n",
                "cpu/d/cpu.cfs_period_us": "100000\n",
            },
        ),
    ],
    ids=["own group", "parent", "container", "version 1"],
)
def test_the_limits_of_cgroups_count(tmp_path: Path, own: str, files: dict[str, str]) -> None:
    write(tmp_path / "cgroup", files)
    write(tmp_path, {"own": own})
    found = this_machine(tmp_path / "cgroup", tmp_path / "own")
    assert (found.cores, found.memory) == (0.5, 512 * MI)


@pytest.mark.parametrize(
    "files",
    [{}, {"memory.max": "max", "cpu.max": "max 100000"}, {"memory/memory.limit_in_bytes": str(2**63 - 4096)}],
    ids=["no files", "no limits", "no limits in version 1"],
)
def test_without_limits_the_whole_machine_counts(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path / "cgroup", files)
    write(tmp_path, {"own": "0::/\n3:memory:/\n"})
    found = this_machine(tmp_path / "cgroup", tmp_path / "own")
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.memory == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_bytes_that_are_no_text_are_read(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"0::/\xff\n")
    assert this_machine(tmp_path, tmp_path / "own").cores >= 1


def test_the_devices_of_the_configuration_replace_those_of_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gpu_devices(tmp_path) == ()
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpu_devices(tmp_path) == ("0", "1")
    declare_gpus(tmp_path, ("GPU-7", "3"))
    assert gpu_devices(tmp_path) == ("GPU-7", "3")


def test_a_driver_that_fails_has_no_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 0\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpu_devices(tmp_path) == ()


def test_a_reader_never_gets_a_part_of_the_declared_devices(tmp_path: Path) -> None:
    few, many = ("4",), ("5", "6", "7")
    declare_gpus(tmp_path, few)
    over = threading.Event()

    def declare() -> None:
        while not over.is_set():
            declare_gpus(tmp_path, many)
            declare_gpus(tmp_path, few)

    writer = threading.Thread(target=declare)
    writer.start()
    try:
        assert {gpu_devices(tmp_path) for _ in range(2000)} <= {few, many}
    finally:
        over.set()
        writer.join()
    assert [path.name for path in tmp_path.iterdir()] == ["gpus.txt"]
