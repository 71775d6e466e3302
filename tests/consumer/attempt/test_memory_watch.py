from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.memory_watch import MemoryWatch, OomCounter, memory_of, pause_after
from kubeque.consumer.attempt.process import Limits
from kubeque.model.job.causes import Cause

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
MI = 1 << 20
#: With a limit, however large, samples come ten times a second at least.
OFTEN = Limits(60, 5, memory=1 << 40)


# -- memory of a tree -------------------------------------------------------------------------------------------------


def test_the_peak_is_the_sum_over_the_tree(bench):
    ended = bench.python(
        """
        import subprocess, sys, time
        mine = bytearray(60 << 20)
        subprocess.run([sys.executable, "-c", "import time; x = bytearray(80 << 20); time.sleep(0.4)"])
        """,
        limits=OFTEN,
    )

    assert ended.cause is Cause.OK, bench.stderr
    assert 140 * MI < ended.peak_memory < 200 * MI


def test_a_peak_between_two_samples_is_seen(bench):
    ended = bench.python("x = bytearray(150 << 20); del x; import time; time.sleep(0.4)", limits=OFTEN)

    assert 150 * MI < ended.peak_memory < 200 * MI


def test_memory_that_forked_processes_share_counts_once(bench):
    """The peak of eight workers forked from one large process, and a limit that they keep together."""
    ended = bench.python(
        """
        import os, time
        mine = bytearray(100 << 20)
        children = [os.fork() for _ in range(8) if os.getpid() == os.getsid(0)]
        touched = bytearray(1 << 20)
        time.sleep(0.4)
        if os.getpid() == os.getsid(0):
            for child in children:
                os.waitpid(child, 0)
        """,
        limits=Limits(60, 5, memory=400 * MI),
    )

    assert (ended.cause, ended.code) == (Cause.OK, 0), (ended, bench.stderr)
    # 900 MiB by resident sizes; those that end while their shares are added up leave theirs to the others.
    assert 100 * MI < ended.peak_memory < 300 * MI


def test_the_consumers_own_memory_is_not_the_tasks(bench):
    ours = bytearray(200 * MI)
    ours[::4096] = b"x" * len(ours[::4096])

    assert bench.run("/bin/sleep", "0.05").peak_memory < 20 * MI


def test_a_daemon_counts_as_long_as_it_runs(bench):
    hog = 'import time; x = bytearray(100 << 20); open("ready", "w"); time.sleep(60)'

    ended = bench.sh(f"setsid {sys.executable} -c '{hog}' & until test -e ready; do sleep 0.1; done; sleep 0.7")

    assert ended.peak_memory > 100 * MI


def test_one_sample_over_the_limit_is_a_suspicion_and_two_are_a_verdict():
    watch = MemoryWatch(os.getpid(), 1 * MI)

    assert watch.sample() is False
    assert watch.due - time.monotonic() < 0.02
    assert watch.sample() is True


def test_samples_get_rarer_up_to_half_a_second_or_a_tenth_if_there_is_a_limit():
    def pauses(limited: bool) -> list[float]:
        return [pause_after(samples, 0.0, limited=limited, suspected=False) for samples in range(1, 50)]

    for limited, longest in ((False, 0.5), (True, 0.1)):
        assert pauses(limited)[0] == 0.001
        assert pauses(limited) == sorted(pauses(limited))
        assert pauses(limited)[-1] == longest


def test_a_sample_that_costs_much_is_followed_by_a_longer_pause():
    assert pause_after(50, 0.1, limited=True, suspected=False) == pytest.approx(2.0)
    assert pause_after(50, 0.1, limited=True, suspected=True) == pytest.approx(2.0)


def test_a_suspicion_is_confirmed_soon():
    assert pause_after(50, 0.0, limited=True, suspected=True) == 0.005


def test_the_next_sample_is_due_after_the_pause():
    watch = MemoryWatch(os.getpid(), None)
    before = time.monotonic()

    watch.sample()

    assert watch.due >= before + 0.001


def test_a_process_that_is_gone_has_no_memory():
    gone = subprocess.Popen(["true"])
    gone.wait()

    assert memory_of(gone.pid) is None
    assert MemoryWatch(gone.pid, 1).sample() is False


@pytest.mark.parametrize("listed", [True, False], ids=["children listed", "children not listed"])
def test_descendants_are_found_with_and_without_the_kernels_list(listed, monkeypatch):
    monkeypatch.setattr(process_tree, "_is_listed", lambda: listed)
    nested = 'sh -c "sleep 60 & echo; wait" & wait'
    with subprocess.Popen(["/bin/sh", "-c", nested], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()

            found = process_tree.descendants([process.pid])

            assert len(found) == 3
            assert list(found.values()) == [0, *list(found)[:2]]
            assert process.pid in process_tree.own_children()
        finally:
            process_tree.kill_all([process.pid])


# -- the kernel's count -----------------------------------------------------------------------------------------------

V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
V2 = "low 0\nhigh 0\nmax 9\noom 7\noom_kill 3\noom_group_kill 1\n"


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("0::/\n", {"memory.events": V2}),
        ("0::/kubepods/pod1/c1\n", {"kubepods/pod1/c1/memory.events": V2, "memory.events": "oom_kill 99\n"}),
        ("0::/../../elsewhere\n", {"memory.events": V2}),
        ("0::/s\udcff\r\n", {"s\udcff\r/memory.events": V2}),
        ("5:cpu,memory:/kubepods/c1\n0::/\n", {"memory/kubepods/c1/memory.oom_control": V1}),
        ("4:memory:/kubepods/c1\n3:cpuset:/x\n", {"memory/memory.oom_control": V1}),
    ],
    ids=[
        "v2 in its namespace",
        "v2 below the root",
        "v2 mounted from elsewhere",
        "a name that is not UTF-8",
        "v1",
        "v1 in a container",
    ],
)
def test_the_counter_of_our_own_cgroup_is_found(tmp_path, own, files):
    (tmp_path / "self").write_bytes(os.fsencode(own))
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(text)

    counter = OomCounter.find(tmp_path / "cgroup", own=tmp_path / "self")

    assert counter is not None
    assert counter.read() == 3
    counter.close()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("low 0\nhigh 12\nmax 40\noom 2\noom_kill 2\noom_group_kill 0\n", 2),
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", 7),
        ("oom_kill_disable 0\nunder_oom 0\n", 0),  # v1 before Linux 4.13
        ("", 0),
    ],
    ids=["v2", "v1", "old v1", "empty"],
)
@pytest.mark.parametrize("code", [-9, 137, 1, 0, -15, 143])
def test_in_a_shared_cgroup_only_a_killed_command_ran_out_of_memory(tmp_path, text, count, code):
    file = tmp_path / "memory.events"
    file.write_text(text)
    own, shared = OomCounter(file), OomCounter(file, shared=True)
    assert own.read() == count
    assert own.has_killed(count - 1, code) is True
    assert shared.has_killed(count - 1, code) is (code in (-9, 137))
    assert not own.has_killed(count, code)
    assert not shared.has_killed(count, code)
    own.close()
    shared.close()


def test_a_system_without_a_counter_has_none(tmp_path):
    assert OomCounter.find(tmp_path, own=tmp_path / "none") is None


@pytest.fixture
def small_cgroup() -> Iterator[Path]:
    """A cgroup (v1 or v2) of ours with 64 MiB of memory, where this machine lets us make one."""
    v1 = Path("/sys/fs/cgroup/memory")
    root = v1 if v1.is_dir() else Path("/sys/fs/cgroup")
    folder = root / f"kubeque-test-{os.getpid()}"
    limit = folder / ("memory.limit_in_bytes" if v1.is_dir() else "memory.max")
    try:
        folder.mkdir()
        limit.write_text(str(64 * MI))
    except OSError as error:
        if folder.is_dir():
            folder.rmdir()
        pytest.skip(f"no cgroup can be made here: {error}")
    yield folder
    for _ in range(100):
        try:
            folder.rmdir()
            break
        except OSError:  # Busy until its last process is wholly gone.
            time.sleep(0.02)


@pytest.mark.parametrize(("shared", "causes"), [("", "oom oom signal"), ("yes", "oom exit signal")])
def test_a_real_death_by_memory_is_told_from_a_plain_kill(small_cgroup, tmp_path, shared, causes):
    consumer = """
        import sys
        from pathlib import Path
        from kubeque.consumer.attempt.process import Limits, run_command
        from kubeque.consumer.attempt.stop_signal import StopSignal
        from kubeque.consumer.attempt.memory_watch import OomCounter
        Path(sys.argv[1], "cgroup.procs").write_text("0")
        oom, stop, here = OomCounter.find(shared=bool(sys.argv[2])), StopSignal(), Path.cwd()
        hog = "x = bytearray(200 << 20)"
        for argv in (
            [sys.executable, "-c", hog],
            ["/bin/sh", "-c", f"{sys.executable} -c '{hog}'; exit 1"],
            ["/bin/sh", "-c", "kill -KILL $$"],
        ):
            how = {"cwd": here, "env": {}, "stdout": here / "out", "stderr": here / "err"}
            print(run_command(argv, **how, limits=Limits(), stop=stop, oom=oom).cause)
    """
    argv = [sys.executable, "-c", textwrap.dedent(consumer), str(small_cgroup), shared]
    root = str(Path(__file__).parents[3])

    done = subprocess.run(argv, cwd=tmp_path, env={"PYTHONPATH": root}, capture_output=True, text=True, timeout=60)

    assert done.stdout.split() == causes.split(), done.stderr


def test_the_peak_of_a_very_short_command_is_plausible_or_unknown(bench):
    for _ in range(20):
        peak = bench.run("/bin/true").peak_memory
        assert peak == 0 or peak >= MI
