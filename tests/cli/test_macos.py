"""The command line as on macOS: an interpreter without the features of Linux, and as root also without /proc."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.cli.command_names import COMMANDS
from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.rows.parameters import grid
from kubeque.model.sweep.sweep import Sweep
from tests.cli.conftest import Shell
from tests.macos.interpreter import HERE, python_environ, python_words

NO_CONSUMERS = (
    "kubeque: tasks run on this machine only under Linux with /proc, and this is macOS: give a cluster with --cluster"
    " or cluster_url, or submit on a machine with Linux\n"
)
#: Words, exit code, and a part of the output. `done` has one ok and one failed row, `open` has rows that wait.
ANSWERS = [
    ("list", 0, "done  failed"),
    ("status", 0, "open  waiting"),
    ("status done", 0, "done: failed: 1 ok, 1 failed of 2"),
    ("status open", 0, "open: waiting: 2 pending of 2"),
    ("show done", 0, "attempts   2"),
    ("show done 1 --json", 0, '"code": 1'),
    ("peek done 0", 0, "row 0"),
    ("logs done", 0, "0 | row 0"),
    ("fetch done out", 0, "out: 2 tasks with 4 files"),
    ("fetch done out", 0, "2 fetched before"),
    ("collect done -o table.csv", 0, "table.csv: 2 rows"),
    ("report done -o page.html", 0, "page.html: open it in a browser"),
    ("report open -o open.html", 0, "open.html: open it in a browser"),
    ("timeline done -o lanes.html", 0, "lanes.html: 2 attempts"),
    ("params done", 0, "x\n0\n1\n"),
    ("watch done", 1, "done: failed: 1 ok, 1 failed of 2"),
    ("explain done 1", 0, "next: kubeque show done 1"),
    ("replay done 0", 0, "the same outcome: ok"),
    ("priority open 3", 0, "open: priority 3"),
    ("scale open 1", 0, "open: 1 consumer wanted"),
    ("pause open", 0, "paused"),
    ("resume open", 0, "this is macOS"),
    ("reset done", 0, "this is macOS"),
    ("consumers open", 0, "no consumer has tasks of open now: kubeque explain open shows why"),
    ("wanted open", 0, "1\n"),
    ("send-home lab7", 2, "'lab7': no consumer of kubeque work has tasks now, so none can leave"),
    ("work", 2, "consumers run only under Linux with /proc"),
    ("doctor", 1, "WRONG  cluster   tasks run on this machine only under Linux"),
    ("doctor done", 1, ": all files exist"),
    ("start", 0, "\ntasks run on this machine only under Linux"),
    ("stop", 0, "0 consumers stopped"),
    ("kill open", 0, "killed"),
    ("remove open --yes", 0, "open is removed"),
    ("metrics", 0, "kubeque_queue_up 1.0"),
    ("gc", 0, "there is nothing to delete"),
    ("help sub", 0, "kubeque sub"),
    ("trust", 2, ".kubeque cannot be read"),
    ("completion bash", 0, "_kubeque_completion"),
    ("sub -n new --grid x=0..1 echo {x}", 2, NO_CONSUMERS),
    ("sub -n new --cluster local --dry-run echo", 2, NO_CONSUMERS),
    ("sub -n new --try 1 --consumers 2 --cpu 1 --grid x=0..1 echo {x}", 2, NO_CONSUMERS),
    ("list --json", 0, '"done"'),
]  # fmt: skip
#: Commands without an answer above: GKE's, and one for jobs with canaries.
OTHERS = {"resize", "pool", "go"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Shell]:
    """A folder with two jobs. Its path contains a symbolic link, as the temporary folders of macOS do."""
    (tmp_path / "real" / "desk").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    shell = Shell(tmp_path / "link" / "desk", tmp_path / "link" / "home")
    config = Config.load(start=shell.folder, home=shell.folder, environ={"KUBEQUE_HOME": str(shell.home)})
    rows = grid({"x": ["0", "1"]})
    with Client(config) as client:
        client.submit(Sweep(["sh", "-c", "echo row $0 | tee kept; test $0 = 0", "{x}"], rows, name="done"))
        client.wait("done")
        client.submit(Sweep(["sleep", "100"], rows, name="open"))
        client.stop()
        yield shell


def on_macos(shell: Shell, commands: list[list[str]]) -> list[tuple[int, str]]:
    """Return exit code and output of each command."""
    done = subprocess.run(
        [*python_words(), HERE / "commands.py"], input=json.dumps(commands), cwd=shell.folder, text=True,
        capture_output=True, check=False, env={**shell.env, **python_environ()},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(code, output) for code, output in json.loads(done.stdout)]


def test_each_command_is_a_client_and_local_consumers_need_linux(desk: Shell) -> None:
    assert {words.split()[0] for words, *_ in ANSWERS} | OTHERS == set(COMMANDS)
    answers = on_macos(desk, [words.split() for words, *_ in ANSWERS])
    for (words, code, part), (found, output) in zip(ANSWERS, answers, strict=True):
        assert found == code, (words, output)
        assert part in output, words
        assert output == part or part != NO_CONSUMERS
    assert "new" not in answers[-1][1]
    assert (desk.folder / "out" / "1" / "kept").read_text() == "row 1\n"
