from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.attempt.process import Limits
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.model.job.task import Cause

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
MI = 1 << 20


def later(seconds: float, act: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


# -- how it ends ------------------------------------------------------------------------------------------------------


def test_a_command_that_ends_well(bench):
    before = time.time()

    ended = bench.run("echo", "a b", "$HOME; {x}")

    assert (ended.cause, ended.code, ended.message, ended.left_behind) == (Cause.OK, 0, "", 0)
    assert bench.stdout == "a b $HOME; {x}\n"
    assert bench.stderr == ""
    assert before <= ended.start <= time.time()
    assert 0 < ended.seconds < 5


def test_an_exit_code_is_kept(bench):
    ended = bench.sh("echo oh >&2; exit 3")

    assert (ended.cause, ended.code, ended.message) == (Cause.EXIT, 3, "exit code 3")
    assert bench.stderr == "oh\n"


def test_an_exit_code_that_stands_for_a_signal_says_which(bench):
    assert bench.sh("exit 137").message == "exit code 137 (128 + SIGKILL)"
    assert bench.sh("exit 255").message == "exit code 255"


@pytest.mark.parametrize("name", ["SEGV", "KILL", "TERM"])
def test_a_command_that_dies_of_a_signal_is_no_oom(bench, name):
    ended = bench.sh(f"kill -{name} $$")

    assert (ended.cause, ended.code) == (Cause.SIGNAL, signal.Signals[f"SIG{name}"])
    assert ended.message == f"ended by SIG{name}"


def test_a_command_hears_of_the_end_at_once_also_without_pidfd(bench, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)

    ended = bench.sh("sleep 0.1; exit 4")

    assert (ended.cause, ended.code) == (Cause.EXIT, 4)
    assert 0.05 <= ended.seconds < 2


def test_output_can_go_to_open_descriptors_that_stay_open(bench, tmp_path):
    with (tmp_path / "both").open("wb") as both:
        from kubeque.consumer.attempt.process import run_command

        fd = both.fileno()
        how = {"cwd": tmp_path, "env": {}, "stdout": fd, "stderr": fd, "limits": Limits(), "stop": bench.stop}
        run_command(["/bin/sh", "-c", "echo out; echo err >&2"], **how)
        both.write(b"still open")

    assert (tmp_path / "both").read_text() == "out\nerr\nstill open"


# -- what it is given -------------------------------------------------------------------------------------------------


@linux
def test_a_command_gets_its_own_session_and_none_of_our_files(bench, tmp_path):
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        ended = bench.python(
            """
            import os
            print(os.getsid(0) == os.getpid() == os.getpgid(0))
            print(os.readlink("/proc/self/fd/0"))
            print(sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1])
            print(os.getcwd())
            print(open("/proc/self/oom_score_adj").read().strip())
            """
        )

    assert ended.cause is Cause.OK, bench.stderr
    assert bench.stdout.splitlines() == ["True", "/dev/null", "[0, 1, 2]", str(bench.folder / "work"), "1000"]


def test_a_command_gets_no_variable_but_those_given(bench, monkeypatch):
    monkeypatch.setenv("OURS", "secret")

    bench.run("/usr/bin/env", env={"A": "1"})

    assert bench.stdout == "A=1\n"


# -- what cannot be started -------------------------------------------------------------------------------------------


def test_a_program_that_is_not_there(bench):
    ended = bench.run("no-such-program", "x", env={"PATH": "/usr/bin:/bin"})

    assert (ended.cause, ended.code) == (Cause.EXIT, 127)
    assert "'no-such-program' was not found on the PATH (/usr/bin:/bin)" in ended.message
    assert bench.stderr == f"kubeque: {ended.message}\n"


def test_a_file_that_is_not_there(bench):
    ended = bench.run("./render.py")

    assert ended.code == 127
    assert "'./render.py' was not found: bring it along as ^render.py" in ended.message


@pytest.mark.parametrize(
    ("content", "mode", "code", "says"),
    [
        ("#!/no/such/python3\n", 0o755, 127, "begins with '#!/no/such/python3\\n'"),
        ("#!/bin/sh\r\necho hi\r\n", 0o755, 127, "begins with '#!/bin/sh\\r\\n'"),
        ("echo hi", 0o644, 126, "set its executable bit (chmod +x)"),
        ("echo hi", 0o755, 126, "neither a script that begins with #!"),
    ],
)
def test_a_script_that_cannot_be_run_says_why(bench, content, mode, code, says):
    script = bench.folder / "work" / "render.py"
    script.write_text(content, newline="")
    script.chmod(mode)

    ended = bench.run("./render.py")

    assert (ended.cause, ended.code) == (Cause.EXIT, code)
    assert "'./render.py'" in ended.message
    assert says in ended.message


def test_a_folder_is_no_program(bench):
    (bench.folder / "work" / "folder").mkdir()

    assert "'./folder' is a folder" in bench.run("./folder").message


@linux
def test_an_argument_that_the_kernel_refuses_is_named(bench):
    ended = bench.run("echo", "short", "x" * 140_000)

    assert (ended.cause, ended.code) == (Cause.EXIT, 126)
    assert "argument 2 of 'echo' is too long for the kernel: 140000 bytes" in ended.message


@pytest.mark.parametrize(("argv", "env"), [(["echo", "a\0b"], {}), (["echo"], {"A=B": "1"}), (["echo", "\ud800"], {})])
def test_what_no_program_can_receive_is_an_end_not_an_exception(bench, argv, env):
    ended = bench.run(*argv, env={"PATH": "/bin", **env})

    assert (ended.cause, ended.code) == (Cause.EXIT, 126)
    assert "'echo'" in ended.message


def test_a_machine_that_cannot_start_anything_is_to_blame_itself(bench):
    (bench.folder / "work").rmdir()

    ended = bench.run("echo")

    assert (ended.cause, ended.code) == (Cause.STAGE, None)
    assert str(bench.folder / "work") in ended.message


# -- when it must stop ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_machine_that_cannot_keep_a_stream_is_to_blame_itself(bench, stream):
    (bench.folder / stream).mkdir()
    before = os.listdir("/proc/self/fd")

    ended = bench.sh("exit 0")

    assert (ended.cause, ended.code) == (Cause.STAGE, None)
    assert ended.message == f"the machine could not make {bench.folder / stream}: Is a directory"
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_command_that_takes_too_long_is_asked_to_end(bench):
    ended = bench.sh("trap 'echo asked; exit 0' TERM; while :; do sleep 0.01; done", limits=Limits(0.2, 5))

    assert (ended.cause, ended.code) == (Cause.TIMEOUT, 0)
    assert ended.message == "still running after 0.2 s: stopped"
    assert bench.stdout == "asked\n"
    assert 0.2 <= ended.seconds < 2


def test_a_command_that_does_not_listen_is_killed_after_the_grace(bench):
    ended = bench.sh("trap '' TERM; while :; do sleep 0.01; done", limits=Limits(0.1, 0.3))

    assert (ended.cause, ended.code) == (Cause.TIMEOUT, None)
    assert 0.4 <= ended.seconds < 2


@pytest.mark.parametrize("cause", [Cause.KILLED, Cause.PREEMPTED])
def test_a_command_is_stopped_by_another_thread(bench, cause):
    timer = later(0.1, lambda: bench.stop.set(cause))

    ended = bench.run("sleep", "30")
    timer.join()

    assert (ended.cause, ended.code) == (cause, None)
    assert ended.message.startswith("stopped: ")
    assert 0.05 <= ended.seconds < 2


def test_a_stop_wakes_us_at_once_also_without_pidfd(bench, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    later(0.1, lambda: bench.stop.set(Cause.KILLED))

    assert bench.run("sleep", "30").seconds < 2


def test_no_command_begins_once_a_stop_was_asked_for_until_it_is_cleared(bench):
    bench.stop.set(Cause.PREEMPTED)
    assert bench.run("touch", "ran").cause is Cause.PREEMPTED
    assert not (bench.folder / "work" / "ran").exists()

    bench.stop.clear()
    assert bench.run("touch", "ran").cause is Cause.OK


def test_the_first_stop_names_the_cause_and_a_later_one_can_only_shorten_the_grace():
    with StopSignal() as stop:
        stop.set(Cause.PREEMPTED, grace_seconds=5)
        stop.set(Cause.KILLED, grace_seconds=9)
        assert (stop.cause, stop.grace_seconds) == (Cause.PREEMPTED, 5)
        stop.set(Cause.KILLED, grace_seconds=0)
        assert (stop.cause, stop.grace_seconds) == (Cause.PREEMPTED, 0)


def test_a_stop_that_gets_urgent_kills_a_command_in_its_grace(bench):
    later(0.1, lambda: bench.stop.set(Cause.PREEMPTED, grace_seconds=30))
    later(0.3, lambda: bench.stop.set(Cause.KILLED, grace_seconds=0))

    ended = bench.sh("trap '' TERM; while :; do sleep 0.01; done")

    assert ended.cause is Cause.PREEMPTED
    assert ended.seconds < 2


def test_a_stop_may_be_called_more_often_than_the_pipe_is_wide():
    with StopSignal() as stop:
        for _ in range(100_000):
            stop.set(Cause.KILLED)
        assert stop.cause is Cause.KILLED


def test_a_stopped_command_hears_that_it_must_end(bench):
    ended = bench.sh("kill -STOP $$; echo went on", limits=Limits(0.2, 5))

    assert ended.cause is Cause.TIMEOUT
    assert ended.seconds < 2


def test_the_program_below_a_shell_may_use_the_grace_that_the_shell_did_not(bench):
    """`sh -c 'program; more'` dies of SIGTERM at once; the program is still writing its checkpoint."""
    program = "trap 'sleep 0.3; echo saved > checkpoint; exit' TERM; while :; do sleep 0.01; done"
    (bench.folder / "work" / "program.sh").write_text(program)

    ended = bench.sh("/bin/sh program.sh; echo more", limits=Limits(0.2, 5))

    assert ended.cause is Cause.TIMEOUT
    assert (bench.folder / "work" / "checkpoint").read_text() == "saved\n"


# -- what it leaves behind --------------------------------------------------------------------------------------------


@linux
@pytest.mark.parametrize(
    "detach",
    ["sleep 60 & echo $! > pid", "setsid sh -c 'echo $$ > pid; exec sleep 60' & until [ -s pid ]; do sleep 0.01; done"],
    ids=["same group", "own session"],
)
def test_nothing_that_a_command_leaves_behind_lives_on(bench, running, detach):
    ended = bench.sh(detach)

    assert ended.cause is Cause.OK, bench.stderr
    assert ended.left_behind == 1
    assert not running(int((bench.folder / "work" / "pid").read_text()))
    assert process_tree.own_children() <= bench.before


@linux
def test_a_daemon_that_detached_itself_twice_is_found(bench, running):
    ended = bench.python(
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            for _ in range(2):
                if os.fork():
                    os._exit(0)
            os.environ.clear()
            open("pid", "w").write(str(os.getpid()))
            time.sleep(60)
        while not os.path.exists("pid") or not open("pid").read():
            time.sleep(0.01)
        """
    )

    assert (ended.cause, ended.left_behind) == (Cause.OK, 1), bench.stderr
    assert not running(int((bench.folder / "work" / "pid").read_text()))


@linux
def test_a_daemon_is_killed_with_a_command_that_is_stopped(bench, running):
    later(0.3, lambda: bench.stop.set(Cause.KILLED, grace_seconds=0))

    ended = bench.sh("setsid sh -c 'echo $$ > pid; trap \"\" TERM; sleep 60' & sleep 60")

    assert ended.cause is Cause.KILLED
    assert not running(int((bench.folder / "work" / "pid").read_text()))
    assert process_tree.own_children() <= bench.before


@linux
def test_other_children_of_the_consumer_are_left_alone(bench):
    other = subprocess.Popen(["sleep", "60"])
    try:
        ended = bench.sh("sleep 60 &")

        assert ended.left_behind == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@linux
def test_a_command_does_not_outlive_an_error_in_the_consumer(bench, running):
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            bench.sh("echo $$ > pid; sleep 60")
    finally:
        signal.signal(signal.SIGALRM, old)

    assert not running(int((bench.folder / "work" / "pid").read_text()))


# -- memory -----------------------------------------------------------------------------------------------------------


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
    assert "killed for lack of memory, and yet it ended well" in ended.message


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
