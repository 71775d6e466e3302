"""Standard streams that are closed or full, that nobody reads, or whose locale lacks characters of a value."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import Shell

KUBEQUE = f"{sys.executable} -m kubeque.cli"


def run(shell: Shell, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script], cwd=shell.folder, env={**shell.env, **env}, text=True, capture_output=True, timeout=60
    )


@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
@pytest.mark.parametrize("command", ["list", "--help"])
def test_output_that_cannot_be_written_is_one_line_and_its_exit_code_is_not_that_of_failed_tasks(
    shell: Shell, command: str, where: str
) -> None:
    ran = run(shell, f"{KUBEQUE} {command} {where}")
    assert ran.returncode == 74
    (line,) = ran.stderr.splitlines()
    assert line.startswith("kubeque: standard output cannot be written (")


def test_a_job_whose_submitter_cannot_write_goes_on_and_is_named(shell: Shell) -> None:
    ran = run(shell, f"{KUBEQUE} sub -n on true >/dev/full")
    assert (ran.returncode, "on is submitted and continues: kubeque watch on" in ran.stderr) == (74, True), ran.stderr
    assert shell.run("watch", "on").returncode == 0


def test_a_reader_that_leaves_ends_the_command_in_silence(shell: Shell) -> None:
    ran = run(shell, f"{KUBEQUE} --help | true; exit ${{PIPESTATUS[0]}}")
    assert (ran.returncode, ran.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-", "<&- >/dev/null 2>&-"])
def test_messages_that_cannot_be_written_change_no_exit_code(shell: Shell, where: str) -> None:
    assert run(shell, f"{KUBEQUE} show nobody {where}").returncode == 2


def test_a_closed_stream_is_no_other_file(shell: Shell) -> None:
    # Otherwise the queue's file gets its number, and a message is written into the queue
    assert run(shell, f"{KUBEQUE} sub -n closed true >&- 2>&- <&-").returncode == 74
    assert "closed: success" in shell.run("watch", "closed").stdout


def test_a_locale_without_the_characters_of_a_value(shell: Shell) -> None:
    words = ["sub", "--dry-run", "--grid", "x=é,😀", "echo", "{x}"]
    ran = subprocess.run(
        [sys.executable, "-m", "kubeque.cli", *words], cwd=shell.folder, capture_output=True, timeout=60,
        env={**shell.env, "PYTHONIOENCODING": "latin-1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert b'"\xe9"' in ran.stdout
    assert rb"\U0001f600" in ran.stdout


@pytest.mark.parametrize("command", ["show", "fetch", "sub -n", "sub --like"])
def test_a_job_name_that_is_not_utf_8_is_a_mistake_in_one_line(shell: Shell, command: str) -> None:
    ran = run(shell, f"{KUBEQUE} {command} $'\\xff' true")
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1), ran.stderr


def test_ctrl_c_while_the_command_loads_is_one_line(shell: Shell) -> None:
    # Given a command that hangs in its imports
    (shell.folder / "slow").mkdir()
    shell.write("slow/click.py", "import sys, time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    started = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "kubeque.cli", "list"], cwd=shell.folder, text=True,
        env={**shell.env, "PYTHONPATH": str(shell.folder / "slow")}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert started.stdout is not None
    started.stdout.readline()
    # When the user presses Ctrl-C
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=80)
    # Then it ends as any other command does
    assert (started.returncode, said) == (130, "kubeque: interrupted\n")


@pytest.mark.parametrize(
    ("words", "code"), [(["list"], 0), (["watch", "here"], 0), (["fetch", "here", "{out}"], 0), (["sub", "true"], 2)]
)  # fmt: skip
def test_a_current_folder_that_is_gone(shell: Shell, words: list[str], code: int) -> None:
    if words[0] in ("watch", "fetch"):
        shell.run("sub", "-n", "here", "true")
    words = [word.format(out=shell.home.parent / "out") for word in words]
    ran = run(shell, f"mkdir gone; cd gone; rmdir ../gone; exec {KUBEQUE} {' '.join(words)}", PYTHONPATH=os.getcwd())
    assert (ran.returncode, "Traceback" in ran.stderr) == (code, False), ran.stderr
    assert code == 0 or "the current folder is gone" in ran.stderr
