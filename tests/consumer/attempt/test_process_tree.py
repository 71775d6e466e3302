"""Processes that a command leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from kubeque.consumer.attempt import process_tree
from kubeque.model.job.causes import Cause

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


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
    threading.Timer(0.3, lambda: bench.stop.set(Cause.KILLED, grace_seconds=0)).start()

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
