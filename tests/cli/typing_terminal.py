"""A program on a terminal, and a test that types into this terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class TypingTerminal:
    """One program on a terminal. `type` sends keys. `read_until` returns the output."""

    def __init__(self, argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self._argv, self._folder, self._env = list(argv), folder, dict(env)
        self._pid = 0
        self._fd = -1
        #: All that the program wrote.
        self.text = ""

    def __enter__(self) -> TypingTerminal:
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(self._folder)
            os.execvpe(self._argv[0], self._argv, self._env)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._fd)

    def wait(self) -> int:
        """Wait for the end of the program, and return its exit code."""
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_for(self, seconds: float) -> str:
        """Return what the program writes in the next seconds."""
        end, before = time.monotonic() + seconds, len(self.text)
        while (left := end - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                self.text += os.read(self._fd, 65536).decode(errors="replace")
        return self.text[before:]

    def read_until(self, words: str, seconds: float = 20.0) -> None:
        """Read until the program has written `words`. Otherwise raise AssertionError with the actual output."""
        end = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < end, f"{words!r} is not in {self.text!r}"
            if select.select([self._fd], [], [], 0.1)[0]:
                self.text += os.read(self._fd, 65536).decode(errors="replace")

    def read_to_end(self, seconds: float = 20.0) -> None:
        """Read until the program closes its terminal."""
        end = time.monotonic() + seconds
        while True:
            assert time.monotonic() < end, f"the program goes on after {self.text!r}"
            try:
                data = os.read(self._fd, 65536) if select.select([self._fd], [], [], 0.1)[0] else b" "
            except OSError:  # the terminal is closed
                return
            self.text += data.decode(errors="replace") if data != b" " else ""
