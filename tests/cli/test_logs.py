"""`kubeque logs`: the output of all tasks."""

from __future__ import annotations

import json
import time

import pytest

from kubeque.cli.commands.watch.log_printer import LogPrinter
from kubeque.client import Peek
from kubeque.files.live_log import Tail
from kubeque.model.job.task import TaskRecord, TaskState, TaskView
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


@pytest.mark.parametrize(
    "between",
    [
        pytest.param([], id="nothing"),
        pytest.param([(0, b"")], id="its folder is gone and its result is not there yet"),
        pytest.param([(1, b"a\n")], id="an older upload"),
        pytest.param([(0, b""), (1, b"a\nb\nc"), (0, b"")], id="more than once"),
    ],
)
def test_less_output_than_before_does_not_print_it_again(
    between: list[tuple[int, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    printer = LogPrinter("slow", "stdout", 1, lambda _: True, None, as_json=False, follow=True)

    def show(attempt: int, data: bytes, state: TaskState = TaskState.RUNNING) -> None:
        printer.show(Peek(TaskView(0, state, 0, TaskRecord(attempts=attempt)), Tail(0, data), attempt))

    show(1, b"a\nb\nc")
    for attempt, data in between:
        show(attempt, data)
    show(1, b"a\nb\nc\nd", TaskState.OK)

    assert capsys.readouterr().out.splitlines() == ["0 | a", "0 | b", "0 | c", "0 | d"]
    assert printer.finished == {0}


def test_what_is_not_there_is_named(shell: Shell) -> None:
    shell.run("sub", "-n", "quiet", "true")
    long = "import sys; sys.stdout.write('x' * 79 + chr(10)) and [print('y' * 79) for _ in range(1000)]"
    shell.run("sub", "-n", "long", "python3", "-c", long)

    silent = shell.run("logs", "quiet")
    assert silent.stdout == ""
    assert silent.stderr == (
        "quiet: no task has written to stdout: kubeque logs quiet --stderr shows the other output\n"
    )
    assert "quiet: no failed task has written" in shell.run("logs", "quiet", "--state", "failed").stderr
    assert shell.run("logs", "quiet", "--stderr").stderr == "quiet: no task has written to stderr\n"
    assert shell.run("logs", "long", "--grep", "z").stderr.endswith("long: no line of stdout matches --grep\n")
    assert "only the last 64 KiB of task 0 are shown: kubeque fetch long FOLDER" in shell.run("logs", "long").stderr
    assert shell.run("logs", "long", "-n", "1").stdout == f"0 | {'y' * 79}\n"
    assert "is not a regular expression" in shell.run("logs", "long", "--grep", "(").stderr
    assert "there is no job 'none'" in shell.run("logs", "none").stderr


def test_hostile_output_cannot_control_the_terminal(shell: Shell) -> None:
    shell.run("sub", "-n", "evil", "printf", "\\033]0;title\\007a\\033[31mb\\n")
    assert shell.run("logs", "evil").stdout == "0 | ab\n"
