"""Run the commands of docs/generate/screens.py on terminals, and return their screens."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from docs.generate.screens import FIT, GROUPS, SIZES, Blocks, Shown
from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.rows.grid import grid
from kubeque.model.sweep.sweep import Sweep
from tests.cli.screen import Screen
from tests.cli.typing_terminal import TypingTerminal

#: Seconds in which a screen is complete, with reserve for a busy machine.
PATIENCE_SECONDS = 100.0
#: Names of the 60 jobs that `kubeque list` shows.
NAMES = [f"{kind}-2026-11-{day:02}" for day in range(10, 30) for kind in ("resample", "fit-arima", "report")]


def draw_screens(group: str, kubeque: str, folder: Path, home: Path, env: Mapping[str, str]) -> Blocks:
    """Return the screens of a group of GROUPS. `kubeque`: the command that starts the program."""
    (folder / "fit.sh").write_text(FIT)
    env = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")} | {"TERM": "xterm"}
    if group == "list":
        _add_jobs(folder, home)
    found: Blocks = {}
    for name, shown in GROUPS[group].items():
        command = ["sh", "-c", "exec " + shown.line.replace("kubeque", kubeque, 1)]
        screens = _follow(shown, command, folder, env) if shown.ready else _run(command, folder, env)
        for size, text in screens.items():
            found[name, *size] = f"$ {shown.line}\n{text}"
    return found


def _add_jobs(folder: Path, home: Path) -> None:
    with Client(Config.load(start=folder, home=home, environ={"KUBEQUE_HOME": str(home)})) as client:
        for number, name in enumerate(NAMES):
            command = ["sh", "-c", "test $1 != 2", "sh", "{seed}" if number % 9 == 4 else "1"]
            client.submit(Sweep(command=command, name=name, rows=grid(seed=[1, 2, 3][: 1 + number % 3])))
        for name in NAMES:
            client.wait(name, timeout=PATIENCE_SECONDS)


def _follow(shown: Shown, command: list[str], folder: Path, env: Mapping[str, str]) -> dict[tuple[int, int], str]:
    """Return the screens of a live view. The terminal changes its size, then the program is ended."""
    screens = {}
    with TypingTerminal(command, folder, env) as terminal:
        screen = Screen(*SIZES[0], reflows=True)
        for size in SIZES:
            terminal.resize(*size)
            screen.resize(*size)
            end = time.monotonic() + PATIENCE_SECONDS
            while not _is_complete(screen, shown):
                assert time.monotonic() < end, "\n".join(screen.text)
                screen.feed(terminal.read_for(0.4))
            screens[size] = "".join(f"{line}\n" for line in screen.text)
    return screens


def _is_complete(screen: Screen, shown: Shown) -> bool:
    text = "\n".join(screen.text)
    wide = any(line.endswith("%)") and len(line) == screen.columns for line in screen.text)  # drawn in this size
    return wide and all(re.search(one, text) for one in shown.ready)


def _run(command: list[str], folder: Path, env: Mapping[str, str]) -> dict[tuple[int, int], str]:
    screens = {}
    for size in SIZES:
        with TypingTerminal(["sh", "-c", f"sleep 0.1; {command[2]}"], folder, env) as terminal:
            terminal.resize(*size)
            screen = Screen(*size, reflows=True)
            terminal.read_to_end(PATIENCE_SECONDS)
            screen.feed(terminal.text)
        screens[size] = "".join(f"{line}\n" for line in (*screen.history, *screen.text))
    return screens
