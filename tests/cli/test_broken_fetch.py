"""Ctrl-C during a fetch leaves only complete results. The next fetch gets the rest."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from kubeque.jobs.results.destination import MARKER
from tests.cli.conftest import Shell
from tests.cli.test_interrupted import has_open, interrupt

#: Task 0 leaves a small file, the others large ones.
SCRIPT = 'truncate -s "$(($0 ? $1 : 10))" made'


def submit(shell: Shell, tasks: int, size: int) -> None:
    ran = shell.run("sub", "-n", "job", "--repeat", str(tasks), "sh", "-c", SCRIPT, "{index}", str(size))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def wait_for_the_middle(shell: Shell, *words: str) -> subprocess.Popen[str]:
    """Return a running fetch that has recorded the first task and is fetching a second task."""
    running = shell.start(*words)
    journal = shell.folder / "dest" / MARKER / "fetched.jsonl"
    end = time.monotonic() + 60
    while not (journal.is_file() and journal.read_text().endswith("\n") and has_open(running, "/partial-")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.002)
    return running


def whole(dest: Path, size: int) -> list[str]:
    """Return the fetched tasks. Check that each of them is complete."""
    found = sorted(path.name for path in dest.iterdir() if path.name.isdigit())
    for name in found:
        assert (dest / name / "made").stat().st_size == (size if name != "0" else 10)
        assert {path.name for path in (dest / name).iterdir()} == {"made"}
    return found


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_leaves_nothing_half_fetched_and_the_next_fetch_brings_the_rest(shell: Shell, times: int) -> None:
    size = 400 << 20
    submit(shell, 3, size)
    running = wait_for_the_middle(shell, "fetch", "job", "dest")
    # When the user has enough
    _, said = interrupt(running, times)
    # Then one line says what exists
    assert said.splitlines()[-1] == (
        "kubeque: interrupted; the files in dest are complete: kubeque fetch job dest fetches the rest"
    )
    came = whole(shell.folder / "dest", size)
    # and the same command brings what is missing, and nothing twice
    ran = shell.run("fetch", "job", "dest", "--json")
    assert ran.returncode == 0, ran.stderr
    done = json.loads(ran.stdout)
    assert (done["kept"], done["tasks"], done["restored"]) == (len(came), 3 - len(came), 0)
    assert whole(shell.folder / "dest", size) == ["0", "1", "2"]
