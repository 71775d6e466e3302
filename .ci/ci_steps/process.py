"""Run a command in its own process group, with a time limit."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Last line of pytest's output, for example "=== 3 passed, 1 skipped in 4.05s ===".
_CLOSING_LINE = re.compile(rb"=+ .*\b(passed|failed|errors?|skipped|deselected|no tests ran)\b.* in .* =+")
#: Signals that end a command, and the seconds to wait after each signal. After SIGINT, pytest closes its fixtures.
_SIGNALS = ((signal.SIGINT, 60.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))


@dataclass(frozen=True)
class Ended:
    """The end of a command."""

    #: Exit code; None if the command exceeded its time limit.
    exit_code: int | None
    seconds: float
    #: The closing lines of each pytest that the command ran.
    closing_lines: tuple[str, ...]


def run(command: str, limit_seconds: float, environ: Mapping[str, str], folder: Path) -> Ended:
    """Run a shell command and print its output. End its process group at the time limit or at an interrupt."""
    began = time.monotonic()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a background job; the command would ignore SIGINT too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env={**os.environ, **environ}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output = _Output(process)
    try:
        exit_code: int | None = process.wait(limit_seconds)
    except subprocess.TimeoutExpired:
        exit_code = None
    finally:
        _end_group(process)
        output.finish()
    return Ended(exit_code, time.monotonic() - began, output.closing_lines())


class _Output:
    """Output of a process. It is printed immediately, and pytest's closing lines are kept."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._pipe = process.stdout
        self._closing: list[str] = []
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def closing_lines(self) -> tuple[str, ...]:
        return tuple(self._closing)

    def finish(self) -> None:
        """Wait for the rest of the output. Do not wait for a process that left the group and keeps the pipe open."""
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._pipe.close()

    def _copy(self) -> None:
        line = b""
        while chunk := os.read(self._pipe.fileno(), 1 << 16):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            *whole, line = (line + chunk).split(b"\n")
            self._closing += [found.decode(errors="replace") for found in whole if _CLOSING_LINE.fullmatch(found)]


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the command if it still runs. End all remaining processes of its group."""
    for sign, patience in _SIGNALS:
        if process.poll() is not None:
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
