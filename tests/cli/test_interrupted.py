"""After Ctrl-C at any stage of `kubeque sub`, the exit code is 130. One line says what exists and how to continue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

#: Size of a sparse file. It uses no space on the disk, but reading or sending it takes seconds.
_LARGE = 2 << 30


def has_open(process: subprocess.Popen[str], part: str) -> bool:
    """True if the process has an open file whose path contains `part`."""
    for fd in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            if part in os.readlink(fd):
                return True
        except OSError:  # closed meanwhile
            continue
    return False


def wait_for(process: subprocess.Popen[str], part: str) -> None:
    end = time.monotonic() + 60
    while not has_open(process, part):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"{part} was never opened"
        time.sleep(0.005)


def interrupt(process: subprocess.Popen[str], times: int = 1, *, gap: float = 0.05) -> tuple[str, str]:
    """Send SIGINT `times` times, `gap` seconds apart. Return what the process wrote."""
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(gap)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 130, out + said
    assert "Traceback" not in said
    return out, said


def large(shell: Shell) -> None:
    with (shell.folder / "large.bin").open("wb") as file:
        file.truncate(_LARGE)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("stage", ["large.bin", "/cas/"], ids=["digesting", "uploading"])
def test_before_the_job_is_there_nothing_is_submitted(shell: Shell, stage: str, times: int) -> None:
    # Given a sweep whose input is being read, or is being sent
    large(shell)
    running = shell.start("sub", "-n", "big", "-u", "large.bin", "true")
    wait_for(running, stage)

    # When the user has enough
    began = time.monotonic()
    _, said = interrupt(running, times)

    # Then one line says that there is no job, and there is none
    assert time.monotonic() - began < 30
    last = said.splitlines()[-1]
    assert last.startswith("kubeque: interrupted; nothing was submitted: the same command again"), said
    assert "no jobs yet" in shell.run("status").stdout
    # And no half of the input stays; it may have arrived whole just before
    sizes = {path.stat().st_size for path in (shell.home / "cas").rglob("*") if path.is_file()}
    assert [size for size in sizes if 100 < size != _LARGE] == []


def test_a_second_interrupt_while_the_command_ends_changes_nothing(shell: Shell) -> None:
    large(shell)
    for gap in (0.001, 0.002, 0.003, 0.004, 0.006, 0.008):
        running = shell.start("sub", "-n", "big", "-u", "large.bin", "true")
        wait_for(running, "large.bin")
        _, said = interrupt(running, 2, gap=gap)
        assert said.splitlines()[-1].startswith("kubeque: interrupted; nothing was submitted"), (gap, said)


@pytest.mark.parametrize("times", [1, 2])
def test_once_the_job_is_there_it_goes_on(shell: Shell, times: int) -> None:
    running = shell.start("sub", "-n", "on", "sleep", "2")
    assert running.stdout is not None
    assert running.stdout.readline() == "on: 1 task submitted\n"
    _, said = interrupt(running, times)
    assert "on continues: kubeque watch on, or kubeque kill on" in said or "on is submitted and continues" in said
    assert shell.run("watch", "on").returncode == 0


def test_what_is_watched_goes_on(shell: Shell) -> None:
    shell.run("sub", "-n", "on", "--no-wait", "sleep", "4")
    running = shell.start("watch", "on")
    wait_for(running, "queue.db")
    time.sleep(0.5)
    _, said = interrupt(running)
    assert said.splitlines()[-1] == "kubeque: stopped watching; on continues: kubeque watch on, or kubeque kill on"
    assert shell.run("watch", "on").returncode == 0


def test_with_fetch_the_message_names_the_command_that_fetches_later(shell: Shell) -> None:
    # Given a command that will fetch the results of a job for which no consumer runs
    for name, flags in (("on", ()), ("forced", ("--force",))):
        words = ("-n", name, "--run-on", "work", "--fetch", "my out", *flags)
        running = shell.start("sub", *words, "true")
        assert running.stdout is not None
        assert running.stdout.readline() == f"{name}: 1 task submitted\n"
        wait_for(running, "queue.db")

        # When the user interrupts it, then one line says that the job continues, and that nothing is fetched
        _, said = interrupt(running)
        (line,) = (line for line in said.splitlines() if line.startswith("kubeque: "))
        assert f"{name} continues: kubeque watch {name}" in line or f"{name} is submitted and continues" in line
        later = f"kubeque fetch {name} 'my out'{' --force' if flags else ''}"
        assert line.endswith(f"; nothing is fetched: {later} fetches the results after the end"), line


MAPPED = """
import sys, tempfile
from pathlib import Path
from kubeque import Client
from kubeque.mapping import function_sweep
from kubeque.model.rows.parameters import to_rows

def double(x):
    return 2 * x

with tempfile.TemporaryDirectory() as folder, Client() as client:
    options = {"name": "m", "run_on": "work"}
    client.submit(function_sweep(double, to_rows([{"x": 1}], function=True), Path(folder), options))
"""


def test_a_watched_job_of_map_is_rejoined_in_python(shell: Shell) -> None:
    shell.write("submit.py", MAPPED)
    made = shell.execute(sys.executable, "submit.py")
    assert made.returncode == 0, made.stderr
    running = shell.start("watch", "m")
    wait_for(running, "queue.db")
    assert running.stderr is not None
    assert running.stderr.readline().startswith("m: waiting")
    _, said = interrupt(running)
    assert said.splitlines()[-1] == (
        "kubeque: stopped watching; m continues: kubeque watch m, or kubeque kill m; in Python, the same call of"
        " kubeque.map with name='m' waits for the job and returns its table"
    )
