"""Completion in real shells offers files for file arguments, and jobs for job arguments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from kubeque.cli.program import kubeque
from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.rows.parameters import sequence
from kubeque.model.sweep.sweep import Sweep
from tests.cli.typing_terminal import TypingTerminal

JOB = "sweep-of-sites"
#: The words before the word that is completed, that word, and what the program answers: a name, or "file" to let the
#: shell complete names of files.
TYPED = [
    ("sub -p", "sit", "file"),
    ("sub -f", "jobs", "file"),
    ("sub -u", "mod", "file"),
    ("sub --fetch", "res", "file"),
    ("sub --like", "swe", JOB),
    ("sub --repair -n", "swe", JOB),
    ("sub --each", "mod", "file"),
    ("sub -u", "@mod", "@model.py"),
    ("sub", "pyth", "file"),
    ("sub python3", "mod", "file"),
    ("sub python3", "^mod", "^model.py"),
    ("sub python3", "^bi", "^bin/"),
    ("show", "swe", JOB),
    ("peek", "swe", JOB),
    ("doctor", "swe", JOB),
    ("fetch", "swe", JOB),
    (f"fetch {JOB}", "res", "file"),
    ("timeline", "swe", JOB),
    (f"report {JOB} -o", "mod", "file"),
    (f"collect {JOB} -o", "mod", "file"),
    ("", "stat", "status"),
    ("help", "stat", "status"),
    ("help pool", "ad", "add"),
    ("--config", "mod", "file"),
]
#: Lines that are typed into real shells before the Tab, and what they then end with.
JOB_LINE = ("kubeque fetch swe", f"{JOB} ")
LINES = [
    ("kubeque sub -p sit", "sites.csv "),
    ("kubeque sub --grid lr=0.1,0.2 -p gs://b/c.csv --revi", "--revise "),
]
#: Further lines for bash and zsh.
MORE = [
    ("kubeque sub python3 ^bi", "^bin/"),
    ("kubeque sub python3 ^two", r"two\ \$\(words\).py "),
    ("kubeque sub --like=swe", f"--like={JOB} "),
]
#: The key that prints the line. The test waits for this output.
SHOW = "\x07"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with files, and a home with a job."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("sites.csv", "jobspec.json", "model.py", "results.old", "two $(words).py", "line\nend.py"):
        (folder / name).write_text("")
    environ = {"KUBEQUE_HOME": str(folder / "home")}
    with Client(Config.load(start=folder, home=folder, environ=environ)) as client:
        client.submit(Sweep(["true"], name=JOB, rows=sequence(1)))
        client.wait(JOB, timeout=60)
        yield folder
        client.stop()


def environment(desk: Path) -> dict[str, str]:
    """The environment of a shell in which `kubeque` is this program."""
    binaries = desk / "bin"
    if not binaries.exists():
        binaries.mkdir()
        script = f'#!/bin/sh\nexec "{sys.executable}" -m kubeque.cli "$@"\n'
        (binaries / "kubeque").write_text(script)
        (binaries / "kubeque").chmod(0o755)
    root = str(Path(__file__).parents[2])
    return {
        "PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(desk), "KUBEQUE_HOME": str(desk / "home"),
        "PYTHONPATH": root, "PS1": "", "LC_ALL": "C.UTF-8", "TERM": "dumb",
    }  # fmt: skip


def need(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


@pytest.mark.parametrize(("before", "word", "answer"), TYPED)
def test_files_and_jobs_are_completed_where_they_are_meant(
    desk: Path, monkeypatch: pytest.MonkeyPatch, before: str, word: str, answer: str
) -> None:
    monkeypatch.chdir(desk)
    for name, value in environment(desk).items():
        monkeypatch.setenv(name, value)
    items = ShellComplete(kubeque, {}, "kubeque", "_KUBEQUE_COMPLETE").get_completions(before.split(), word)
    assert answer in [item.value if item.type == "plain" else item.type for item in items]


@pytest.mark.parametrize(
    ("argv", "start", "show"),
    [
        pytest.param(
            ["bash", "--norc", "--noprofile", "-i"],
            'eval "$(kubeque completion bash)"',
            """bind -x '"\\C-g": echo "<$READLINE_LINE>"'""",
            id="bash",
        ),
        pytest.param(
            ["zsh", "-f", "-i"],
            'autoload -U compinit; compinit -u; eval "$(kubeque completion zsh)"',
            """show() { print -r -- "<$BUFFER>" }; zle -N show; bindkey "^G" show""",
            id="zsh",
        ),
    ],
)
def test_tab_completes_files_and_jobs(desk: Path, argv: list[str], start: str, show: str) -> None:
    need(argv[0])
    with TypingTerminal(argv, desk, environment(desk)) as terminal:
        terminal.type(f"{start}; {show}; echo re''ady\n")
        terminal.read_until("ready")
        for typed, whole in [*LINES, *MORE]:
            terminal.text = ""
            terminal.type(f"{typed}\tend{SHOW}")
            terminal.read_until(">")
            assert f"{whole}end>" in terminal.text, terminal.text
            terminal.type("\x15")  # empties the line


def test_fish_completes_files_and_jobs(desk: Path) -> None:
    fish, env = need("fish"), environment(desk)
    lines = "; ".join(f"complete -C {typed!r}; echo --" for typed, _ in [JOB_LINE, *LINES])
    script = f"kubeque completion fish | source; {lines}"
    ran = subprocess.run([fish, "-N", "-c", script], cwd=desk, env=env, text=True, capture_output=True, timeout=100)
    answers = [answer.split() for answer in ran.stdout.split("--\n")]
    for (typed, whole), answer in zip([JOB_LINE, *LINES], answers, strict=False):
        assert whole.strip() in answer, (typed, ran.stdout, ran.stderr)
