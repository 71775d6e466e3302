"""`kubeque logs`: the output of all tasks."""

from __future__ import annotations

import json
import time

from tests.cli.conftest import Shell

SCRIPT = 'echo "row $0 begins"; echo "warning $0" >&2; test "$0" != 1'


def test_each_line_has_its_task_in_front(shell: Shell) -> None:
    shell.run("sub", "-n", "talk", "--repeat", "12", "sh", "-c", SCRIPT, "{index}")

    everything = shell.run("logs", "talk")
    assert everything.stdout.splitlines() == [f"{index:>2} | row {index} begins" for index in range(12)]
    assert (everything.returncode, everything.stderr) == (0, "")
    assert shell.run("logs", "talk", "--state", "failed", "--stderr").stdout == " 1 | warning 1\n"
    assert shell.run("logs", "@", "--grep", "row 1+ ").stdout == " 1 | row 1 begins\n11 | row 11 begins\n"
    piece = json.loads(shell.run("logs", "talk", "--json", "--state", "failed").stdout)
    assert (piece["index"], piece["text"], piece["state"]) == (1, "row 1 begins\n", "failed")


def test_it_follows_the_job_to_its_end(shell: Shell) -> None:
    # Given a job whose tasks write something, wait, and write their last line
    script = 'printf "begin $0\nmiddle"; while ! test -e "$1"; do sleep 0.1; done; echo; printf "end $0"'
    go = shell.folder / "go"
    told = ("-n", "slow", "--no-wait", "--consumers", "2", "--repeat", "3")
    shell.run("sub", *told, "sh", "-c", script, "{index}", str(go))

    # When the output is followed
    following = shell.start("logs", "slow", "--follow")
    time.sleep(2)
    go.touch()
    out, said = following.communicate(timeout=80)

    # Then each line is there once
    assert sorted(out.splitlines()) == sorted(
        f"{index} | {text}" for index in range(3) for text in (f"begin {index}", "middle", f"end {index}")
    ), said


def test_what_is_not_there_is_named(shell: Shell) -> None:
    shell.run("sub", "-n", "quiet", "true")
    long = "import sys; sys.stdout.write('x' * 79 + chr(10)) and [print('y' * 79) for _ in range(1000)]"
    shell.run("sub", "-n", "long", "python3", "-c", long)

    assert shell.run("logs", "quiet").stdout == ""
    assert "only the last 64 KiB of task 0 are shown: kubeque fetch long FOLDER" in shell.run("logs", "long").stderr
    assert shell.run("logs", "long", "-n", "1").stdout == f"0 | {'y' * 79}\n"
    assert "is not a regular expression" in shell.run("logs", "long", "--grep", "(").stderr
    assert "there is no job 'none'" in shell.run("logs", "none").stderr


def test_hostile_output_cannot_control_the_terminal(shell: Shell) -> None:
    shell.run("sub", "-n", "evil", "printf", "\\033]0;title\\007a\\033[31mb\\n")
    assert shell.run("logs", "evil").stdout == "0 | ab\n"
