"""The CPU, memory and GPU use of a command over time. Real commands, and a program in the place of nvidia-smi."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.usage import gpu_probe, usage_watch
from tests.consumer.conftest import PATH, Bench

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
#: Use the CPU for 1.5 s of wall time in two processes, below a shell that only waits.
BUSY = """
import time
end = time.monotonic() + 1.5
while time.monotonic() < end: pass
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_watch, "STEP_SECONDS", 0.4)


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A program in the place of nvidia-smi. Each run adds its arguments as a line to the file `calls`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ncat {tmp_path}/answer\n')
    program.chmod(0o755)
    (tmp_path / "answer").write_text("50, 1024\n100, 2048\n[N/A], 3\n")
    monkeypatch.setenv("PATH", f"{folder}:{PATH}")
    gpu_probe.find_program.cache_clear()
    yield program
    gpu_probe.find_program.cache_clear()


def test_a_short_command_has_no_use(bench: Bench) -> None:
    assert bench.sh("sleep 0.5").usage is None


def test_the_memory_of_an_end_soon_after_a_sample_is_that_of_the_sample(bench: Bench) -> None:
    ended = bench.sh("sleep 1.25")

    assert ended.usage is not None
    assert [point.memory > 0 for point in ended.usage.points] == [True] * len(ended.usage.points)


def test_children_count_also_after_their_end(bench: Bench) -> None:
    before = process_tree.reaped_cpu_seconds()
    (bench.folder / "work" / "busy.py").write_text(BUSY)
    ended = bench.sh(f"{sys.executable} busy.py & {sys.executable} busy.py & wait; sleep 0.7")
    spent = process_tree.reaped_cpu_seconds() - before
    assert ended.usage is not None
    points = ended.usage.points
    assert 3 <= len(points) <= 8
    # The cores of a busy machine are shared, so only the sum of the CPU time is certain.
    assert ended.usage.mean_cpu * points[-1].seconds == pytest.approx(spent, rel=0.1)
    assert points[-1].cpu < points[0].cpu
    assert max(point.memory for point in points) > 5 << 20
    assert points[0].seconds >= usage_watch.FIRST_SECONDS
    assert abs(points[-1].seconds - ended.seconds) < 0.3
    assert ended.usage.mean_gpu is None


def test_a_child_that_detached_itself_counts(bench: Bench) -> None:
    before = process_tree.reaped_cpu_seconds()
    (bench.folder / "work" / "busy.py").write_text(BUSY)
    ended = bench.sh(f"(setsid {sys.executable} busy.py &) ; sleep 3")
    spent = process_tree.reaped_cpu_seconds() - before
    assert ended.usage is not None
    assert ended.usage.mean_cpu * ended.usage.points[-1].seconds == pytest.approx(spent, rel=0.2)
    assert sum(point.cpu for point in ended.usage.points[:3]) > 0


def test_gpus_are_asked_for_without_waiting_and_are_no_part_of_the_command(bench: Bench, smi: Path) -> None:
    ended = bench.run("sleep", "3", env={"PATH": PATH, "CUDA_VISIBLE_DEVICES": "0,2"})
    assert ended.usage is not None
    assert ended.usage.points[0].gpu == 1.5
    assert ended.usage.points[0].gpu_memory == 3 << 30
    assert ended.left_behind == 0
    calls = (bench.folder / "calls").read_text().splitlines()
    assert 1 <= len(calls) <= 6
    assert calls[0].endswith("--format=csv,noheader,nounits -i 0,2")


@pytest.mark.parametrize("devices", ["", "-1"])
def test_a_command_without_gpus_asks_for_none(bench: Bench, smi: Path, devices: str) -> None:
    ended = bench.run("sleep", "2.5", env={"PATH": PATH, "CUDA_VISIBLE_DEVICES": devices})
    assert ended.usage is not None
    assert ended.usage.mean_gpu is None
    assert not (bench.folder / "calls").exists()


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "sleep 600"])
def test_a_driver_that_fails_or_hangs_delays_nothing(bench: Bench, smi: Path, script: str) -> None:
    smi.write_text(f'#!/bin/sh\necho "$@" >> {bench.folder}/calls\nexec {script}\n')
    ended = bench.sh("sleep 3")
    assert (ended.code, ended.left_behind) == (0, 0)
    assert ended.usage is not None
    assert ended.usage.mean_gpu is None
    assert len((bench.folder / "calls").read_text().splitlines()) == 1
    again = bench.sh("true")
    assert (again.code, again.left_behind) == (0, 0)
