"""The end of a command, and the environment that it gets from the consumer."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from kubeque.consumer.attempt.process import Limits
from kubeque.model.job.causes import Cause

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


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
