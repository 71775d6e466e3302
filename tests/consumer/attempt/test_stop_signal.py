"""Commands are stopped at their time limit, or when another thread requests it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from kubeque.consumer.attempt.process import Limits
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.model.job.causes import Cause


def later(seconds: float, act: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


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
