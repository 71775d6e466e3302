"""`kubeque sub --try N` runs a few rows, estimates the whole sweep, asks the user, and then runs the other rows."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jsonschema
import pytest

from docs.generate.schemas import OUTPUTS
from tests.cli.conftest import Shell

#: Script that writes each run of a row to a file. Rows with a negative value fail.
NOTE = ("sh", "-c", 'echo "$1" >> "$2"; test "$1" -ge 0', "note", "{n}")


def sweep(shell: Shell, *values: int) -> tuple[str, ...]:
    """Return the words for `sub`, with one row for each value. The program writes each run of a row to ran.txt."""
    shell.write("rows.csv", "n\n" + "".join(f"{value}\n" for value in values))
    return ("-p", "rows.csv", *NOTE, str(shell.folder / "ran.txt"))


def ran(shell: Shell) -> list[int]:
    return sorted(map(int, (shell.folder / "ran.txt").read_text().split()))


def counts(shell: Shell, job: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(shell.run("status", job, "--json").stdout)["counts"]
    return {state: count for state, count in found.items() if count}


def test_where_nobody_can_be_asked_the_rest_is_held_until_go(shell: Shell) -> None:
    # Given a sweep that tries three rows without a terminal
    tried = shell.run("sub", "-n", "t", "--try", "3", "--memory", "1Gi", *sweep(shell, *range(9)))

    # Then the first, a middle and the last row ran; the output has an estimate for all rows and the next command
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert tried.stdout.startswith("t: 9 tasks submitted, 3 of them first\n")
    assert "t: 3 of 3 trial rows are ok" in tried.stdout
    assert tried.stderr.startswith(
        "t: the trial runs rows 0, 4, 8: the first row, the last row, and rows evenly between them, because their"
        " values often differ most\n"
    )
    assert "canar" not in tried.stdout + tried.stderr
    assert re.search(r"^  time +\S+ a task \(\S+ to \S+\)$", tried.stdout, re.MULTILINE)
    assert re.search(r"^  memory  .*requested 1Gi$", tried.stdout, re.MULTILINE)
    assert re.search(r"^  all +6 more tasks with \d+ consumers?: about \S+$", tried.stdout, re.MULTILINE)
    assert "kubeque go t runs the held tasks" in tried.stdout
    assert ran(shell) == [0, 4, 8]

    # And each command reports the job as held: no error, no end, nothing to repair
    assert shell.run("status", "t").stdout == (
        "t: held: 3 ok, 6 held of 9\nt is held: kubeque go t runs the held tasks, kubeque kill t stops the job\n"
    )
    assert shell.run("explain", "t").stdout.startswith("t is held: its trial rows have ended (3 ok, 0 failed)")
    watched = shell.run("watch", "t")
    assert (watched.returncode, "kubeque go t" in watched.stdout) == (0, True)
    assert shell.run("doctor", "t").returncode == 0
    states = [json.loads(line)["state"] for line in shell.run("status", "t", "--tasks", "--json").stdout.splitlines()]
    assert states == ["ok", "held", "held", "held", "ok", "held", "held", "held", "ok"]

    # When a user runs `kubeque go`
    schema = next(output.schema for output in OUTPUTS if output.command.startswith("kubeque go "))
    jsonschema.validate(json.loads(shell.run("go", "t", "--json").stdout), schema)

    # Then all others run, and the canaries do not run again
    assert shell.run("watch", "t").returncode == 0
    assert ran(shell) == list(range(9))
    again = shell.run("go", "t")
    assert (again.returncode, "no task of t is held" in again.stderr) == (2, True)


def test_yes_goes_on_at_once(shell: Shell) -> None:
    done = shell.run("sub", "-n", "y", "--try", "2", "--yes", "--json", *sweep(shell, *range(6)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["counts"]["ok"] == 6
    assert "y: 2 of 2 trial rows are ok" in done.stderr
    assert ran(shell) == list(range(6))


def test_a_canary_that_fails_stops_there_also_with_yes(shell: Shell) -> None:
    # Given a sweep whose last row fails
    words = sweep(shell, 0, 1, 2, 3, 4, -1)
    stopped = shell.run("sub", "-n", "bad", "--try", "2", "--yes", *words)
    assert stopped.returncode == 1
    assert "bad: 1 of 2 trial rows are ok" in stopped.stdout
    assert "task 5 n=-1  exit code 1" in stopped.stdout
    assert counts(shell, "bad") == {"ok": 1, "failed": 1, "held": 4}

    # When the job is killed, its held tasks end too, and a reset runs them
    killed = shell.run("kill", "bad", "--json")
    assert json.loads(killed.stdout)["counts"]["killed"] == 4
    refused = shell.run("go", "bad")
    assert (refused.returncode, "kubeque reset bad" in refused.stderr) == (2, True)
    shell.run("reset", "bad")
    assert shell.run("watch", "bad").returncode == 1
    assert counts(shell, "bad") == {"ok": 5, "failed": 1}


def test_a_reset_keeps_rows_held_and_failed_canaries_are_explained_before_go(shell: Shell) -> None:
    # Given a trial with a script that fails
    shell.write("s.py", "import sys\nsys.exit('broken')\n")
    words = ("--try", "2", "--repeat", "6", "python3", "^s.py")
    tried = shell.run("sub", "-n", "t", *words)
    hint = tried.stdout.splitlines()[-1]
    assert (tried.returncode, "kubeque go" in hint) == (1, False)
    assert "kubeque explain t" in hint
    assert "kubeque reset t --update" in hint
    explained = shell.run("explain", "t").stdout
    assert (
        "t is held: 2 of 2 trial rows failed; 2 tasks (the first failure is of task 0) failed: exit code 1: broken"
        in explained
    )
    assert "`kubeque reset t --update` runs the failed rows again" in explained
    assert "The other 4 tasks stay held after a reset, and run after --repair; `kubeque go t` runs them" in explained
    assert "kubeque reset t --update" in shell.run("status", "t").stdout.splitlines()[-1]
    assert "next: kubeque show t 0 shows the first failure" in explained.splitlines()

    # When the script is corrected, and the failed canaries run again
    shell.write("s.py", "")
    planned = shell.run("reset", "t", "--dry-run").stdout
    assert "t: 2 rows will run again, 0 ok rows will be kept, 4 rows stay held until kubeque go t\n" in planned
    reset = shell.run("reset", "t", "--update")
    assert "4 rows stay held until kubeque go t" in reset.stdout

    # Then the other rows stay held until `go`
    assert "kubeque go t runs the held tasks" in shell.run("watch", "t").stdout
    assert counts(shell, "t") == {"ok": 2, "held": 4}
    shell.run("go", "t")
    assert shell.run("watch", "t").returncode == 0


def test_a_try_of_all_rows_is_no_try(shell: Shell) -> None:
    done = shell.run("sub", "-n", "all", "--try", "5", *sweep(shell, 1, 2))
    assert (done.returncode, "trial" in done.stdout + done.stderr) == (0, False), done.stdout + done.stderr


@pytest.mark.parametrize("words", [["--try", "0"], ["--try", "1001"], ["--try", "2", "--replace", "-n", "x"]])
def test_what_cannot_be_tried_is_one_line(shell: Shell, words: list[str]) -> None:
    refused = shell.run("sub", *words, "--repeat", "5", "true")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1), refused.stderr
    assert "try" in refused.stderr


@pytest.mark.parametrize("flag", ["--repair", "--revise", "--replace"])
def test_the_remedies_for_a_trial_of_an_existing_job_work(shell: Shell, flag: str) -> None:
    # Given a job with failed rows, and the error for a trial of its repair
    words = sweep(shell, 0, -1, -2, 3)
    shell.run("sub", "-n", "f", *words)
    refused = shell.run("sub", "-n", "f", flag, "--try", "1", *words)
    assert (refused.returncode, refused.stderr) == (
        2,
        f"kubeque: --try is for new jobs, and {flag} changes an existing job: leave out --try; to run a few rows of f"
        f" first, kubeque reset f --update --index ROWS; for a new job, leave out {flag} and choose another name with"
        " -n\n",
    )
    # Then each remedy is accepted
    assert shell.run("sub", "-n", "f", flag, "--yes", "--no-wait", *words).returncode == 0
    assert shell.run("watch", "f").returncode == 1
    assert "f: 1 row will run again" in shell.run("reset", "f", "--update", "--index", "1").stdout
    assert shell.run("sub", "-n", "g", "--try", "1", "--no-wait", *words).returncode == 0


def test_a_dry_run_says_what_would_run_first_and_a_jobspec_can_ask_for_it(shell: Shell) -> None:
    dry = shell.run("sub", "--dry-run", "--try", "2", "--repeat", "5", "true")
    assert "2 of the tasks run first: the first and the last row" in dry.stderr
    shell.write("job.json", dry.stdout)
    assert "2 of them first" in shell.run("sub", "-n", "spec", "-f", "job.json").stdout


# ---------------------------------------------------------------------- at a terminal
@contextmanager
def terminal(shell: Shell, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start `kubeque WORDS` on its own terminal. Yield the process and the test's end of the terminal."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "kubeque.cli", *words],
        cwd=shell.folder, env=shell.env | {"TERM": "dumb"}, stdin=its, stdout=its, stderr=its, start_new_session=True,
    )  # fmt: skip
    os.close(its)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(ours: int, text: str, seconds: float = 60.0) -> str:
    """Return the terminal's output up to `text`. If `text` is "", wait for the end of the output."""
    seen, end = "", time.monotonic() + seconds
    while not (text and text in seen):
        assert time.monotonic() < end, seen
        if select.select([ours], [], [], 0.5)[0]:
            try:
                data = os.read(ours, 65536)
            except OSError:  # on Linux: the other end is closed
                data = b""
            if not data:
                assert not text, seen
                break
            seen += data.decode(errors="replace")
    return seen


@pytest.mark.parametrize(("answer", "left"), [("y", {"ok": 6}), ("n", {"ok": 2, "held": 4})])
def test_at_a_terminal_it_asks(shell: Shell, answer: str, left: dict[str, int]) -> None:
    with terminal(shell, "sub", "-n", "ask", "--try", "2", *sweep(shell, *range(6))) as (process, ours):
        asked = read_until(ours, "[y/N]")
        assert "run the other 4 rows?" in asked
        os.write(ours, f"{answer}\n".encode())
        read_until(ours, "")
        assert process.wait(60) == 0
    assert counts(shell, "ask") == left


def test_ctrl_c_at_the_question_holds_the_rest_and_says_how_to_go_on(shell: Shell) -> None:
    with terminal(shell, "sub", "-n", "ask", "--try", "2", *sweep(shell, *range(6))) as (process, ours):
        read_until(ours, "[y/N]")
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            process.send_signal(signal.SIGINT)  # a Ctrl-C exactly when the question starts to wait is lost
            time.sleep(1.0)
        said = read_until(ours, "")
        assert process.returncode == 130
    assert "kubeque: ask is held: kubeque go ask runs the held tasks" in said
    assert "Traceback" not in said
    assert counts(shell, "ask") == {"ok": 2, "held": 4}
