"""Messages of commands that have nothing to do, no terminal to ask on, or little to report."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.typing_terminal import TypingTerminal
from tests.waiting import until

KUBEQUE = (sys.executable, "-m", "kubeque.cli")
SLOW = ("sh", "-c", "echo hello; exec sleep 100")

#: Python marks the failing part of a source line in the next line of the traceback.
SCRIPT = "import sys; print('  ~~~~^^^', file=sys.stderr); sys.exit(3 if {index} else 0)"


def state(shell: Shell, name: str) -> dict[str, object]:
    """Return what `show` prints about a job, without the consumers, which leave at any time."""
    shown: dict[str, object] = json.loads(shell.run("show", name, "--json").stdout)
    return shown | {"consumers": None}


def test_what_is_said_of_a_job_in_which_there_is_nothing_to_do(shell: Shell) -> None:
    script = SCRIPT.replace("{index}", "int(sys.argv[1])")
    ran = shell.run("sub", "-n", "j", "--repeat", "2", "python3", "-c", script, "{index}")
    assert ran.returncode == 1
    # The marks of a traceback are not part of the message
    assert "exit code 3" in ran.stdout
    assert "^^^" not in ran.stdout
    # A reset without a matching task reports that, and changes nothing
    before = state(shell, "j")
    for words in ((), ("--update",)):
        assert shell.run("reset", "j", "--only-cause", "oom", *words).stdout.splitlines() == [
            "j: failed: 1 ok, 1 failed of 2", "nothing is reset: no task failed by oom",
        ]  # fmt: skip
    # A dry run counts the rows
    counted = "j: 1 row will run again, 1 ok row will be kept"
    assert shell.run("reset", "j", "--dry-run").stdout.splitlines() == [counted, "nothing was reset"]
    assert state(shell, "j") == before
    done = shell.run("reset", "j").stdout.splitlines()
    assert (done[0], done[-1]) == (counted, "next: kubeque watch j")
    assert shell.run("watch", "j").stdout.splitlines()[0].endswith("(run 1)")
    # An ended task writes nothing more, and a waiting task will
    assert shell.run("peek", "j", "0").stderr == "j 0: ok, attempt 1, nothing on stdout\n"
    # Without a terminal, the message names the option that replaces the answer
    ran = shell.run("remove", "j")
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (
        2,
        "kubeque: there is no terminal to answer the question: add --yes",
    )
    assert shell.run("remove", "j", "--yes").stdout == "j is removed\n"


def test_in_a_pipe_the_reason_of_a_failure_is_whole_and_there_once(shell: Shell) -> None:
    # Given a message longer than the queue keeps, and one that the consumer writes itself
    shell.write("run.py", "raise FileNotFoundError('/long' * 400)\n")
    shell.write("crlf.sh", "#!/bin/sh\r\necho hi\r\n").chmod(0o755)
    for command, whole in (("^run.py", "FileNotFoundError: " + "/long" * 400), ("^crlf.sh", r"'#!/bin/sh\r\n'")):
        words = ("python3", command) if command == "^run.py" else (command,)
        ran = shell.run("sub", "-n", command[1:], *words)
        # Then sub and show print it
        *_, reason, step, reset, repair = ran.stdout.splitlines()
        assert reason.startswith("  1 x exit")
        assert reason.endswith(f"{whole} (row 0)")
        assert step == f"next: kubeque show {command[1:]} 0 shows the first failure"
        assert reset == f"      kubeque reset {command[1:]} runs failed tasks again"
        assert repair.startswith(f"      kubeque reset {command[1:]} --update runs ")
        assert ran.stdout.count(whole) == 1
        assert whole in shell.run("show", command[1:], "0").stdout
        assert shell.run("show", command[1:]).stdout.splitlines()[-1] == reason


def test_the_next_step_names_the_module_beside_the_script_that_was_not_sent(shell: Shell) -> None:
    for name in ("src", "src/helper"):
        (shell.folder / name).mkdir()
    shell.write("src/helper/__init__.py", "")
    shell.write("src/train.py", "import helper\n")
    ran = shell.run("sub", "-n", "j", "python3", "^src/train.py")
    step = "next: kubeque sub --like j -n j --repair -u src/helper uploads the missing files"
    assert ran.stdout.splitlines()[-1].startswith(step)
    (report,) = (shell.home / "results/j").rglob("report-0.html")
    assert (
        "<code>kubeque sub --like j -n j --repair -u src/helper</code> uploads the missing files" in report.read_text()
    )
    assert shell.run("sub", "--like", "j", "-n", "j", "--repair", "-u", "src/helper").returncode == 0


def test_values_that_cannot_be_read_are_named_at_the_end(shell: Shell) -> None:
    ran = shell.run(
        "sub", "-n", "j", "--repeat", "5", "sh", "-c", "test $1 = 0 || echo \\{half > $KUBEQUE_OUT", "sh", "{index}"
    )
    assert ran.returncode == 0
    (note,) = [line for line in ran.stderr.splitlines() if "note" in line]
    assert note.startswith("j: 4 successful tasks left a note: task 1: ")
    assert note.endswith("; and 1 more")
    assert note in shell.run("fetch", "j", "out").stderr.splitlines()


def test_a_command_for_the_shell_is_shown_as_the_user_wrote_it(shell: Shell) -> None:
    shell.write("p.csv", "name\nit's\n")
    assert shell.run("sub", "-n", "s", "--shell", "-p", "p.csv", "echo {name}\ndate +%Y").returncode == 0
    lines = shell.run("show", "s", "0").stdout.splitlines()
    assert lines[1:4] == ["name   it's", "in sh  echo {name}", "       date +%Y"]
    # A report is a page, and nothing else is written under another ending
    refused = shell.run("report", "s", "-o", "r.pdf")
    assert (refused.returncode, "a report is an HTML page, not .pdf" in refused.stderr) == (2, True)
    assert not (shell.folder / "r.pdf").exists()


def test_patterns_of_files_are_named_where_they_stay_texts(shell: Shell) -> None:
    noted = shell.run("sub", "--dry-run", "--grid", "f=*.csv,x", "echo", "{f}").stderr
    assert (
        "f=*.csv is used as text, although files in this folder match the pattern: --each '*.csv' makes one"
        " row per file"
    ) in noted
    assert "is used as text" not in shell.run("sub", "--dry-run", "--grid", "f=*.zip", "echo", "{f}").stderr
    assert "names of inputs are not patterns" in shell.run("sub", "--dry-run", "cat", "^*.csv").stderr


def test_a_variable_that_kubeque_does_not_read_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEQUE_QUEUE_URL", "sqlite:///x.db")
    done = shell.run("list", "--json")
    assert (done.returncode, done.stdout) == (0, "[]\n")
    assert done.stderr == (
        "kubeque reads no setting from the environment except KUBEQUE_HOME: KUBEQUE_QUEUE_URL: write"
        " queue_url = VALUE in a .kubeque file\n"
    )


def test_a_pattern_of_results_with_a_comma_gets_a_note(shell: Shell) -> None:
    done = shell.run("sub", "--dry-run", "--results", "*.csv,*.png", "--ignore", "a[,]b", "true")
    assert done.stderr.count("is one pattern") == 1
    assert "--results '*.csv,*.png' is one pattern, for names with a comma: give several patterns" in done.stderr


def test_a_plan_counts_bytes(shell: Shell) -> None:
    shell.write("f", "x" * 137)
    ran = shell.run("sub", "--dry-run", "-u", "f", "true")
    assert "1 input file (137B), 0 of them stored already: 137B would be uploaded" in ran.stderr


def test_a_job_without_consumers_is_named_and_removed_with_its_folders(shell: Shell) -> None:
    # Given a job whose consumers were stopped while a row ran
    assert shell.run("sub", "-n", "w", "--no-wait", "--repeat", "2", "--consumers", "1", *SLOW).returncode == 0
    until("the output of a row", lambda: "hello" in shell.run("peek", "w", "0").stdout)
    (consumer,) = [json.loads(path.read_text())["pid"] for path in (shell.home / "fleet").glob("*.slot")]
    # When its consumer dies and no observer starts another one, then the check of everything names the job
    os.kill(consumer, signal.SIGKILL)
    done = shell.run("doctor")
    assert done.returncode == 1
    assert "WRONG  waits     w: no consumer runs: `kubeque watch w` starts consumers" in done.stdout
    assert "contains 1 job\n" in done.stdout
    # When the user answers no, nothing is removed, and the exit code is not that of Ctrl-C
    with TypingTerminal([*KUBEQUE, "remove", "w"], shell.folder, shell.env) as terminal:
        terminal.read_until("delete w with the results of its 2 tasks?")
        terminal.type("n\r")
        terminal.read_until("kubeque: nothing is changed")
        assert terminal.wait() == 1
    # Its working directory goes with it
    assert shell.run("kill", "w").returncode == 0
    assert shell.run("remove", "w", "--yes").returncode == 0
    assert list((shell.home / "work").glob("*/*-*-*")) == []


def test_a_killed_job_names_what_waits_for_its_end_and_where_its_output_is(shell: Shell) -> None:
    shell.run("sub", "-n", "w", "--no-wait", "--repeat", "2", "--consumers", "1", *SLOW)
    until("the output of the row", lambda: "hello" in shell.run("peek", "w", "0").stdout)
    assert shell.run("kill", "w").stdout.splitlines() == [
        "w: killed: 1 stopping, 1 killed of 2", "next: kubeque watch w",
    ]  # fmt: skip
    # Its rows have a cause, and the row that ran names its output
    assert shell.run("watch", "w").returncode == 1
    assert [(row["cause"], row["attempts"]) for row in rows(shell, "w")] == [("killed", 1), ("killed", 0)]
    assert "kubeque peek w 0 shows the output of attempt 1" in shell.run("show", "w", "0").stdout
    assert "hello" in shell.run("peek", "w", "0").stdout
    assert "peek" not in shell.run("show", "w", "1").stdout


def test_a_sweep_that_is_fetched_names_no_fetch_and_stays(shell: Shell) -> None:
    done = shell.run("sub", "-n", "f", "-u", "params.csv", "--fetch", "out", "true")
    assert (done.returncode, "next:" in done.stdout) == (0, False)
    shown = shell.run("show", "f", "--json").stdout
    assert Path(json.loads(shown)["report"].removeprefix("file://")).is_file()
    shell.run("remove", "f", "--yes")
    young, nothing, home = shell.run("gc").stdout.splitlines()
    assert young.startswith("1 unused input of ")
    assert young.endswith("of the last day again: kubeque gc --now --yes deletes them now")
    assert nothing == "there is nothing to delete now"
    assert re.fullmatch(r"'.*home' uses [^:]+: inputs \S+B, queue and logs \S+B", home), home


def test_large_inputs_of_a_removed_job_are_named_with_the_command_that_deletes_them(shell: Shell) -> None:
    (shell.folder / "large").write_bytes(b"0" * (2 << 20))
    shell.run("sub", "-n", "f", "-u", "large", "true")
    assert shell.run("remove", "f", "--yes").stderr == (
        "inputs of 2MiB stay, because other jobs may use them: kubeque gc --yes deletes those that no job uses a day"
        " after their upload, and kubeque gc --now --yes deletes them now\n"
    )
    assert (
        shell.run("gc", "--now").stdout.splitlines()[-2] == "2MiB would be deleted: kubeque gc --now --yes deletes it"
    )
    freed = json.loads(shell.run("gc", "--now", "--yes", "--json").stdout)
    assert [(piece["kind"], piece["bytes"]) for piece in freed["pieces"]] == [("input", 2 << 20)]
    assert (freed["young"], freed["young_until"], freed["home"]["inputs"] < 4096) == (0, None, True)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            ("sub", "python3", "^mandelbrot.py", "{n}", "-p", "params.csv"),
            "-p is a word of the command: write options of kubeque before the command",
        ),
        (("sub", "-n", "mine", "--repair"), "kubeque sub -n mine --repair -p rows.csv python3 '^run.py' '{x}'"),
    ],
    ids=["order", "repair"],
)
def test_a_misplaced_option_is_named_with_its_place(shell: Shell, words: tuple[str, ...], remedy: str) -> None:
    done = shell.run(*words)
    assert done.returncode == 2
    assert remedy in done.stderr


def rows(shell: Shell, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in shell.run("status", name, "--tasks", "--json").stdout.splitlines()]
