"""Messages of commands that have nothing to do, no terminal to ask on, or little to report."""

from __future__ import annotations

import json

from tests.cli.conftest import Shell

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
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (2, "kubeque: no terminal to answer on: add --yes")
    assert shell.run("remove", "j", "--yes").stdout == "j is removed\n"


def test_in_a_pipe_the_reason_of_a_failure_is_whole_and_there_once(shell: Shell) -> None:
    # Given a message longer than the queue keeps, and one that the consumer writes itself
    shell.write("run.py", "raise FileNotFoundError('/long' * 400)\n")
    shell.write("crlf.sh", "#!/bin/sh\r\necho hi\r\n").chmod(0o755)
    for command, whole in (("^run.py", "FileNotFoundError: " + "/long" * 400), ("^crlf.sh", r"'#!/bin/sh\r\n'")):
        words = ("python3", command) if command == "^run.py" else (command,)
        ran = shell.run("sub", "-n", command[1:], *words)
        # Then sub and show print it
        *_, reason, step = ran.stdout.splitlines()
        assert reason.startswith("  1 x exit")
        assert reason.endswith(f"{whole} (row 0)")
        assert step.startswith(f"next: kubeque show {command[1:]} 0 shows the first failure")
        assert ran.stdout.count(whole) == 1
        assert whole in shell.run("show", command[1:], "0").stdout


def test_values_that_cannot_be_read_are_named_at_the_end(shell: Shell) -> None:
    ran = shell.run(
        "sub", "-n", "j", "--repeat", "5", "sh", "-c", "test $1 = 0 || echo \\{half > $KUBEQUE_OUT", "sh", "{index}"
    )
    assert ran.returncode == 0
    (note,) = [line for line in ran.stderr.splitlines() if "note" in line]
    assert note.startswith("j: 4 successful tasks left a note: task 1: ")
    assert note.endswith("; and 1 more")
    assert note in shell.run("fetch", "j", "out").stderr.splitlines()


def test_a_plan_counts_bytes(shell: Shell) -> None:
    shell.write("f", "x" * 137)
    ran = shell.run("sub", "--dry-run", "-u", "f", "true")
    assert "1 file of 137B to upload, 0 of them there already: 137B would be sent" in ran.stderr
