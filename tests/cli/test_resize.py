"""Live views and progress bars on a real terminal that changes its size: nothing of an earlier picture stays."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.screen import Screen
from tests.cli.typing_terminal import TypingTerminal

#: Sizes of the terminal, one after the other: narrower, wider, fewer lines, more lines, and both at once.
SIZES = [(60, 30), (140, 30), (140, 8), (140, 40), (50, 12), (100, 30)]
#: Seconds in which a picture is drawn again, with reserve for a busy machine.
PATIENCE_SECONDS = 20.0
#: Lines on the screen before the picture.
BEFORE = "seq 40; exec "
_BAR = """
import time
from kubeque.cli.output.progress_bar import show_transfer
from kubeque.client import Transfer
with show_transfer("uploading", "files") as tell:
    for number in range(10_000):
        tell(Transfer(number, 10_000, number << 20, 10_000 << 20))
        time.sleep(0.05)
"""
_MAP = """
import time
from kubeque.client import Progress
from kubeque.map_progress import show_progress
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
with show_progress("uploading", shown=True) as show:
    for number in range(10_000):
        show(Progress(Job("sweep", "u" * 12, 10_000, "/x"), Counts(10_000 - number, 0, number, 0), 1))
        time.sleep(0.05)
"""


def terminal_environment(shell: Shell) -> dict[str, str]:
    """Return the environment of a terminal. Without COLUMNS, programs ask it for its size."""
    return {name: value for name, value in shell.env.items() if name not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}


def until_shown(terminal: TypingTerminal, screen: Screen, right: Callable[[list[str]], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        screen.feed(terminal.read_for(0.4))
        if right(screen.text):
            return
        assert time.monotonic() < end, "\n".join([f"the screen of {screen.columns} columns:", *screen.text])


def is_one_picture(lines: list[str]) -> bool:
    """True if the screen has one live view of the job, and nothing else."""
    once = ("sweep ", "8 pending", "1 consumer", "running now", "  task 0 ")
    return len(lines) == 6 and [sum(line.startswith(words) for line in lines) for words in once] == [1] * 5


def is_one_bar(lines: list[str]) -> bool:
    """True if the screen has one progress bar, which can take two lines on a narrow screen, and nothing else."""
    bars = [line for line in lines if "uploading" in line]
    return len(bars) == 1 and lines[0] == bars[0] and len(lines) <= 2


@pytest.fixture
def watched(shell: Shell) -> Shell:
    """A job with a task that runs, and tasks that wait."""
    ran = shell.run("sub", "-n", "sweep", "--no-wait", "--consumers", "1", "--grid", "x=1..9", "sleep", "{x}00")
    assert ran.returncode == 0, ran.stderr
    return shell


@pytest.mark.parametrize("reflows", [True, False], ids=["reflows", "cuts"])
def test_the_live_view_leaves_nothing_of_an_earlier_size(watched: Shell, reflows: bool) -> None:
    command = f"{BEFORE}{sys.executable} -m kubeque.cli watch sweep"
    env = terminal_environment(watched)
    with TypingTerminal(["sh", "-c", command], watched.folder, env) as terminal:
        terminal.resize(120, 30)
        screen = Screen(120, 30, reflows=reflows)
        until_shown(terminal, screen, lambda lines: any("running now" in line for line in lines))
        assert [line for line in screen.text if line.isdigit()], "the lines before the picture are there"
        for columns, rows in SIZES:
            terminal.resize(columns, rows)
            screen.resize(columns, rows)
            until_shown(terminal, screen, is_one_picture)
            assert len(screen.text) < rows
        fed = len(terminal.text)
        terminal.type("\x03")
        terminal.read_to_end()
    screen.feed(terminal.text[fed:])
    assert [line.startswith("kubeque: stopped watching") for line in screen.text if line] == [True], screen.text


@pytest.mark.rotating
@pytest.mark.parametrize("script", [_BAR, _MAP], ids=["transfer", "map"])
def test_a_progress_bar_leaves_nothing_of_an_earlier_size(tmp_path: Path, shell: Shell, script: str) -> None:
    (tmp_path / "bar.py").write_text(script)
    env = terminal_environment(shell) | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with TypingTerminal(["sh", "-c", f"{BEFORE}{sys.executable} bar.py"], tmp_path, env) as terminal:
        terminal.resize(120, 30)
        screen = Screen(120, 30, reflows=True)
        until_shown(terminal, screen, lambda lines: any("━" in line for line in lines))
        for columns, rows in SIZES:
            terminal.resize(columns, rows)
            screen.resize(columns, rows)
            until_shown(terminal, screen, is_one_bar)
