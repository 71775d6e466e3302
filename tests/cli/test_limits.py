"""The real program enforces the limits of tasks and jobs: time, failures and extra attempts."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from kubeque.clusters.slot import start_ticks
from tests.cli.conftest import Shell
from tests.queues.backend_kinds import on
from tests.waiting import until

ON_EACH_QUEUE = pytest.mark.parametrize(
    "far_shell", [on("sqlite"), on("postgres", pytest.mark.rotating)], indirect=True
)
#: Script that fails in all rows from a given row on. The last word is the number of this row.
FAIL_FROM = ("sh", "-c", 'test "$0" -lt "$1"', "{index}")


def status(shell: Shell, job: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shell.run("status", job, "--json").stdout)
    return found


def task(shell: Shell, job: str, index: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shell.run("show", job, str(index), "--json").stdout)
    return found


# ---------------------------------------------------------------------- a task
def test_a_task_past_its_timeout_is_ended_and_tried_again_as_often_as_it_may(shell: Shell) -> None:
    script = 'test "$0" = 0 || exec sleep 600'
    ran = shell.run(
        "sub",
        "-n",
        "slow",
        "--task-timeout",
        "1s",
        "--retry-causes",
        "timeout=1",
        "--repeat",
        "2",
        "sh",
        "-c",
        script,
        "{index}",
    )
    assert ran.returncode == 1
    assert "1 x timeout: still running after 1 s: stopped (row 1)" in ran.stdout
    slow, quick = task(shell, "slow", 1), task(shell, "slow", 0)
    assert (slow["state"], slow["cause"], slow["attempts"]) == ("failed", "timeout", 2)
    assert (quick["state"], quick["attempts"]) == ("ok", 1)


def test_each_cause_has_its_own_number_of_extra_attempts(shell: Shell) -> None:
    # Given a task that ends with an exit code, and one that needs more memory than it is given
    script = "import sys, time\nif sys.argv[1] == '0': sys.exit(7)\nx = bytearray(200 << 20)\ntime.sleep(60)"
    options = ("--retry-causes", "exit=2,oom=0", "--memory", "64Mi", "--max-memory", "1Gi", "--repeat", "2")
    # When `exit` has two extra attempts, and `oom` (three by default) has none
    assert shell.run("sub", "-n", "tries", *options, "python3", "-c", script, "{index}").returncode == 1
    # Then each has run as often as its budget permits
    ends = [task(shell, "tries", index) for index in range(2)]
    assert [(end["cause"], end["attempts"]) for end in ends] == [("exit", 3), ("oom", 1)]


# ---------------------------------------------------------------------- a job
@ON_EACH_QUEUE
def test_a_job_past_its_deadline_ends_though_nobody_looks(far_shell: Shell) -> None:
    shell = far_shell
    stay = ("sh", "-c", 'echo $$ > "$0/stays.$1"; exec sleep 600', str(shell.folder), "{index}")
    # Given consumers that all run long tasks of a job with a deadline, and no watcher
    options = ("-n", "late", "--no-wait", "--deadline", "10s", "--consumers", "2", "--repeat", "5")
    assert shell.run("sub", *options, *stay).returncode == 0
    until("two running tasks", lambda: len(list(shell.folder.glob("stays.*"))) == 2)
    pids = [int(path.read_text()) for path in shell.folder.glob("stays.*")]
    # Then running tasks are ended, without any command,
    until("the end of the tasks", lambda: not any(start_ticks(pid) for pid in pids))
    # and `watch` reports the reason and the next command
    watched = shell.run("watch", "late")
    assert watched.returncode == 1
    ended, *rest = watched.stdout.splitlines()
    assert ended.startswith("late: stopped (its deadline of 10s has passed): 5 killed of 5 in ")
    assert rest == [
        "to continue: kubeque reset late (its deadline starts again), or kubeque sub --like late -n late --repair with"
        " other limits or another command",
    ]
    # When the job is reset, it has the same time again,
    before = time.time()
    shell.run("reset", "late")
    assert json.loads(shell.run("show", "late", "--json").stdout)["deadline"] > before
    assert shell.run("watch", "late").returncode == 1
    # and a new submission sets its own time
    shell.run("sub", "--revise", "--no-wait", "-n", "late", "--deadline", "1h", "--repeat", "5", *stay)
    assert json.loads(shell.run("show", "late", "--json").stdout)["deadline"] > before + 3000
    assert status(shell, "late")["state"] in ("waiting", "running")
    shell.run("kill", "late")


def test_a_task_that_is_lost_counts_as_a_failure_at_once(shell: Shell) -> None:
    # Given two consumers that run long tasks of a job that one failure ends, and no watcher
    stay = ("sh", "-c", 'echo $$ > "$0/stays.$1"; exec sleep 600', str(shell.folder), "{index}")
    options = ("-n", "lost", "--no-wait", "--max-failures", "1", "--retry-causes", "lost=0", "--consumers", "2")
    shell.run("sub", *options, "--repeat", "2", *stay)
    until("two running tasks", lambda: len([path for path in shell.folder.glob("stays.*") if path.read_text()]) == 2)
    pids = [int(path.read_text()) for path in shell.folder.glob("stays.*")]
    # When one of them is killed
    os.kill(json.loads((shell.home / "fleet" / "0.slot").read_text())["pid"], signal.SIGKILL)
    # Then the other consumer detects that and ends the job with its own task
    until("the end of the tasks", lambda: not any(start_ticks(pid) for pid in pids))
    assert shell.run("watch", "lost").stdout.startswith(
        "lost: stopped (1 task failed and max_failures is 1): 1 failed, 1 killed"
    )


def test_what_ended_before_the_deadline_counts(shell: Shell) -> None:
    script = 'test "$0" -lt 2 || exec sleep 600'
    ran = shell.run("sub", "-n", "half", "--deadline", "5s", "--repeat", "6", "sh", "-c", script, "{index}")
    assert ran.returncode == 1
    counts = status(shell, "half")["counts"]
    assert (counts["ok"] + counts["killed"], counts["failed"], counts["running"]) == (6, 0, 0)
    assert counts["ok"] >= 1
    fetched = shell.run("fetch", "half", "results")
    assert fetched.returncode in (0, 1), fetched.stderr
    assert len((shell.folder / "results" / "results.csv").read_text().splitlines()) == 7


@ON_EACH_QUEUE
@pytest.mark.parametrize("good", [1, 3], ids=["all fail", "two of three are ok"])
def test_a_job_stops_soon_after_its_last_failure_allowed(far_shell: Shell, good: int) -> None:
    # Given many short tasks, of which one in `good` fails, with codes that differ: it is not hopeless
    script = "exit $(( $0 % $1 ? 0 : $0 % 7 + 1 ))"
    options = ("-n", "fails", "--max-failures", "5", "--consumers", "2", "--repeat", "3000")
    # When the fifth has failed
    ran = far_shell.run("sub", *options, "sh", "-c", script, "{index}", str(good))
    # Then it stops. Only tasks that the two consumers had begun by then may still fail
    assert ran.returncode == 1
    assert "failed and max_failures is 5): " in ran.stdout
    assert "next: kubeque show fails " in ran.stdout
    assert "kubeque reset fails --update runs failed tasks with a corrected script" in ran.stdout
    counts = status(far_shell, "fails")["counts"]
    assert 5 <= counts["failed"] <= 12, counts
    assert counts["killed"] > 2000


@pytest.mark.parametrize(
    ("allowed", "failing", "code"), [("1%", 1, 0), ("1%", 2, 1), ("2", 2, 0), ("2", 3, 1)]
)  # fmt: skip
def test_so_many_failures_as_are_allowed_are_a_success(shell: Shell, allowed: str, failing: int, code: int) -> None:
    ran = shell.run("sub", "-n", "most", "--allow-failed", allowed, "--repeat", "100", *FAIL_FROM, str(100 - failing))
    assert ran.returncode == code, ran.stdout
    job = status(shell, "most")
    assert (job["state"], job["counts"]["failed"]) == ("failed" if code else "success", failing)
    assert "exit code 1 (row" in ran.stdout, "what failed is said all the same"


def test_a_job_whose_first_tasks_all_fail_alike_stops_by_itself(shell: Shell) -> None:
    ran = shell.run("sub", "-n", "hopeless", "--consumers", "2", "--repeat", "3000", "sh", "-c", "exit 3")
    assert ran.returncode == 1
    assert "hopeless: stopped (the first " in ran.stdout
    assert "attempts all ended by exit 3; --max-failures " in ran.stdout
    assert 10 <= status(shell, "hopeless")["counts"]["failed"] <= 30


def test_a_job_of_which_some_succeed_is_not_given_up(shell: Shell) -> None:
    script = 'test "$0" -eq 0 || exit 3'
    ran = shell.run("sub", "-n", "hope", "--consumers", "1", "--repeat", "60", "sh", "-c", script, "{index}")
    assert (ran.returncode, status(shell, "hope")["counts"]["failed"]) == (1, 59)


# ---------------------------------------------------------------------- what cannot be a limit
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--task-timeout", "0", "task_timeout '0' is not a time: write it as 90, 90s, 30m, 1.5h or 2d"),
        ("--deadline", "soon", "deadline 'soon' is not a time: write it as"),
        ("--max-failures", "0", "max_failures 0: give a number from 1, or leave it out"),
        ("--max-failures", "many", "'many' is not a valid integer; see kubeque sub --help"),
        ("--allow-failed", "101%", "allow_failed '101%': give a count or a share, for example 3 or 1%"),
        ("--allow-failed", "-1", "allow_failed '-1': give a count or a share"),
        ("--retry-causes", "exit", "--retry-causes 'exit': write NAME=VALUE"),
        ("--retry-causes", "exit=1,exit=2", "--retry-causes 'exit' is given twice with different values: remove one"),
        ("--retry-causes", "exit=-1", "--retry-causes exit=-1: write a whole number, for example exit=3"),
        ("--retry-causes", "hunger=1", "retries of 'hunger': unknown cause; the causes are exit, signal,"),
    ],
)
def test_what_cannot_be_a_limit_is_refused_in_one_line(shell: Shell, option: str, value: str, said: str) -> None:
    refused = shell.run("sub", "-n", "bad", option, value, "true")
    (line,) = refused.stderr.splitlines()
    assert (refused.returncode, line.startswith("kubeque: "), said in line) == (2, True, True), line
    assert shell.run("list").stdout.startswith("no jobs yet")


def test_the_folder_of_a_refused_sweep_stays_empty(shell: Shell) -> None:
    shell.run("sub", "-n", "bad", "--deadline", "never", "^mandelbrot.py")
    assert not [path for path in Path(shell.home).rglob("*") if "mandelbrot" in path.name or "results" in path.parts]
