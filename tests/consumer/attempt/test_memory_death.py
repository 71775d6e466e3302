"""Commands that end because of memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.attempt.process import Limits
from kubeque.model.job.causes import Cause

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
MI = 1 << 20


@linux
def test_a_command_over_its_memory_is_killed_with_its_tree(bench):
    hog = "x = bytearray(200 << 20); import time; time.sleep(60)"
    ended = bench.sh(f"{sys.executable} -c '{hog}'; echo went on", limits=Limits(60, 30, memory=100 * MI))

    assert (ended.cause, ended.code) == (Cause.OOM, None)
    assert "more than the 100Mi it was given" in ended.message
    assert ended.peak_memory > 100 * MI
    assert ended.seconds < 10
    assert bench.stdout == ""


@pytest.fixture
def cgroup(tmp_path: Path) -> Path:
    folder = tmp_path / "cgroup"
    folder.mkdir()
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 4\noom_kill 4\noom_group_kill 0\n")
    return folder


@linux
@pytest.mark.parametrize("end", ["kill -KILL $$", "exit 137", "exit 1"])
def test_a_death_while_the_kernels_count_moved_is_oom(bench, cgroup, end):
    counter = OomCounter.find(cgroup, own=cgroup / "none")
    assert counter is None, "no cgroup of ours is known"
    counter = OomCounter(cgroup / "memory.events")

    ended = bench.sh(f"echo 'oom_kill 5' > {cgroup}/memory.events; {end}", oom=counter)

    assert ended.cause is Cause.OOM
    assert ended.message == "killed by the kernel for lack of memory"


def test_a_death_while_the_count_stood_still_is_what_it_was(bench, cgroup):
    ended = bench.sh("kill -KILL $$", oom=OomCounter(cgroup / "memory.events"))

    assert (ended.cause, ended.code) == (Cause.SIGNAL, 9)


def test_a_success_while_the_count_moved_is_a_success_with_a_warning(bench, cgroup):
    ended = bench.sh(f"echo 'oom_kill 5' > {cgroup}/memory.events", oom=OomCounter(cgroup / "memory.events"))

    assert (ended.cause, ended.code) == (Cause.OK, 0)
    assert "killed for lack of memory, but its exit code is 0" in ended.message


@pytest.mark.parametrize(
    ("options", "hides"),
    [("rw,nosuid", False), ("rw,hidepid=0", False), ("rw,hidepid=off", False), ("rw,hidepid=2", True),
     ("rw,hidepid=invisible,gid=5", True), ("rw,hidepid=ptraceable", True)],
)  # fmt: skip
def test_a_consumer_stays_visible_where_proc_hides_what_may_not_be_inspected(tmp_path, options, hides):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"tmpfs /tmp tmpfs hidepid=2 0 0\nproc /proc proc {options} 0 0\n\n")

    assert process_tree.hides_processes(mounts) is hides
    assert process_tree.hides_processes(tmp_path / "missing")
