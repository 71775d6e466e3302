"""No text from outside controls the terminal, whatever the command writes: on a pipe and on a terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.typing_terminal import TypingTerminal

#: Sets the clipboard and the title, moves the cursor by C1, reorders text, ends a string.
EVIL = "x\x1b]52;c;cm0gLXJmIH4=\x07\x1b]0;owned\x07\x1b[2J\x9b2J\u202egnp\u2066\u200f"
BIDI = "\u202e\u2066\u200f"


def find_unsafe(text: str, *, terminal: bool = False) -> str:
    """Return the characters in the output that a terminal obeys.

    `terminal`: the colours and cursor movements of kubeque are allowed.
    """
    text = re.sub(r"\x1b\[[\d;?]*[mKAhl]|\r", "", text) if terminal else text
    return "".join(c for c in text if c not in "\n\t" and (ord(c) < 32 or 127 <= ord(c) < 160 or c in BIDI))


PROGRAM = f"""
import json, os, sys
evil = {EVIL!r}
with open(evil.replace("/", ""), "w") as file:
    file.write("x")
with open("z" + evil.replace("/", "") + ".bad", "w") as file:
    file.write("x")
with open(os.environ["KUBEQUE_OUT"], "w") as file:
    json.dump({{"k" + evil: 1, "v": evil + chr(0), evil: evil}}, file)
print(evil + chr(0))
print(evil + chr(0), file=sys.stderr)
sys.exit(int(os.environ["KUBEQUE_TASK_INDEX"]) % 2)
"""

#: Commands about the job `j`. `{evil}` is the hostile text.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("watch", "j"), ("status", "j"), ("status",), ("list",), ("show", "j"), ("show", "j", "1"), ("show", "j", "0"),
    ("show", "j", "--sort", "nope"), ("show", "j", "--sort", "{evil}"), ("show", "j", "--where", "{evil}=1"),
    ("peek", "j", "1"), ("peek", "j", "1", "--stderr"), ("logs", "j"), ("logs", "j", "--stderr"),
    ("logs", "j", "--grep", "({evil}"), ("fetch", "j", "out"), ("fetch", "j", "out2", "--files", "{evil}"),
    ("collect", "j", "-o", "t.csv"), ("collect", "j", "-o", "{evil}.nope"), ("doctor", "j"), ("kill", "j"),
    ("scale", "j", "{evil}"), ("priority", "j", "{evil}"), ("reset", "j", "--dry-run"), ("show", "{evil}"),
    ("watch", "{evil}"), ("fetch", "{evil}", "x"), ("{evil}",), ("list", "--{evil}"),
    ("--config", "{evil}", "list"), ("sub", "-n", "{evil}", "true"), ("sub", "-p", "p.csv", "echo", "{{y}}"),
    ("sub", "-p", "{evil}", "true"), ("sub", "^{evil}"),
    ("sub", "--dry-run", "--grid", "a={evil},2", "echo", "{{a}}"), ("sub", "--like", "{evil}"),
    ("sub", "--env", "{evil}", "true"), ("replay", "j", "1"), ("report", "j"), ("timeline", "j"),
    ("params", "j", "--state", "{evil}"), ("gc",), ("remove", "{evil}"),
)  # fmt: skip


pytestmark = pytest.mark.xdist_group("hostile_text")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell with one ended job, for all tests of this module."""
    shell = Shell(tmp_path_factory.mktemp("desk"), tmp_path_factory.mktemp("user") / "home")
    shell.write("w.py", PROGRAM)
    shell.write("p.csv", f'"{EVIL}",n\n{EVIL},1\n{EVIL},2\n')
    shell.run("sub", "-n", "j", "-p", "p.csv", "--env", f"E={EVIL}", sys.executable, "^w.py", "{n}", EVIL)
    yield shell
    shell.run("stop")


@pytest.mark.parametrize("first", range(0, len(COMMANDS), 8))
def test_no_command_writes_a_control_character(job: Shell, first: int) -> None:
    for words in COMMANDS[first : first + 8]:
        ran = job.run(*(word.format(evil=EVIL) for word in words))
        assert find_unsafe(ran.stdout + ran.stderr) == "", (words, ran.stdout, ran.stderr)


def test_a_file_that_is_missing_in_the_store(job: Shell) -> None:
    job.run("sub", "-n", "broken", sys.executable, "^w.py")
    url = Path(json.loads(job.run("show", "broken", "--json").stdout)["url"])
    for path in url.glob("tasks/*/*/files/*"):
        path.unlink()

    said = job.run("fetch", "broken", "out-broken").stderr

    assert "owned" in said
    assert find_unsafe(said) == ""


@pytest.mark.parametrize(
    "words",
    [("status", "j"), ("watch", "j"), ("show", "j"), ("params", "j"), ("show", EVIL), ("collect", "j", "-o", "-")],
    ids=str,
)
def test_a_terminal_obeys_only_kubeque(job: Shell, words: tuple[str, ...]) -> None:
    env = {**job.env, "TERM": "xterm-256color", "COLUMNS": "200", "PYTHONPATH": str(Path(__file__).parents[2])}
    with TypingTerminal([sys.executable, "-m", "kubeque.cli", *words], job.folder, env) as terminal:
        terminal.read_to_end()
    assert find_unsafe(terminal.text, terminal=True) == "", terminal.text


def test_data_on_a_pipe_is_exact(job: Shell) -> None:
    assert EVIL in job.run("params", "j").stdout
    assert EVIL in job.run("collect", "j", "-o", "-").stdout
    jobspec = json.loads(job.run("sub", "--dry-run", "echo", EVIL).stdout)
    assert jobspec["command"] == ["echo", EVIL]
