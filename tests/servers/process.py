"""A server process on loopback, in a temporary folder. It ends when this process ends, in whatever way."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.waiting import NotStarted

#: Maximum seconds until a server answers. An idle machine needs two seconds, a busy machine more.
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


class NotHere(Exception):
    """This machine does not have the server. The text names the missing program."""


def free_port() -> int:
    """Return a port on loopback on which no program listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def listening(port: int) -> bool:
    """True if a server answers on this port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def with_us(argv: Sequence[str], sign: str) -> list[str]:
    """The command, sent `sign` by the kernel if we vanish without a farewell (kill -9), where that can be had.

    We are the thread that starts it: start servers from the main thread.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, f"--pdeathsig={sign}", *argv] if setpriv else list(argv)


def temporary_folder(name: str) -> Path:
    """Return a folder that is removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix=f"kubeque-{name}-"))
    owner = os.getpid()
    atexit.register(lambda: os.getpid() == owner and shutil.rmtree(folder, ignore_errors=True))
    return folder


class Process:
    """One server process with its children. `start` waits until it answers. `stop` always ends it."""

    def __init__(self, name: str, argv: Sequence[str], folder: Path, *, gentle: signal.Signals, cwd: Path) -> None:
        self.log = folder / f"{name}.log"
        self._name = name
        self._gentle = gentle
        self._argv = list(argv)
        self._cwd = cwd
        self._owner = os.getpid()
        self._running: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)

    def start(self, answers: Callable[[], bool], *more: str) -> None:
        """Start the server and wait until `answers` returns True. `more`: additional words for this start.

        Raises NotStarted, with the log of the server, if it does not answer in time.
        """
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [*self._argv, *more],
                cwd=self._cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + _START_SECONDS
        while not answers():
            if self._running.poll() is not None or time.monotonic() > end:
                self.stop()
                raise NotStarted(f"{self._name} did not start:\n{self.log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.05)

    def _signal_all(self, sign: signal.Signals) -> None:
        """Send a signal to it and all its children."""
        assert self._running is not None, f"{self._name} is not running"
        for pid in [self._running.pid, *_children(self._running.pid)]:
            os.kill(pid, sign)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It and all its children stand still; the lines to them stay open."""
        self._signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal_all(signal.SIGCONT)

    def await_end(self) -> None:
        """Wait until the server has ended by itself after a request to end."""
        assert self._running is not None, f"{self._name} is not running"
        self._running.wait(_START_SECONDS)

    def vanish(self, *, spare: str) -> None:
        """It and all that it has begun, in whatever session, are gone at once, as when their container dies.

        What has the word `spare` in its command lives on, with all that it has begun.
        """
        assert self._running is not None, f"{self._name} is not running"
        for pid in (self._running.pid, *_descendants(self._running.pid, spare)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.stop()

    def stop(self, sign: signal.Signals | None = None) -> None:
        """End it and all its children: gently, then by force. Only the process that started it can."""
        running, self._running = self._running, None
        if running is None or os.getpid() != self._owner:
            return
        if running.poll() is None:
            running.send_signal(sign or self._gentle)
        try:
            running.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _children(pid: int) -> list[int]:
    """Direct children, which may be in process groups of their own."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in listed.stdout.split()]


def _descendants(pid: int, spare: str) -> list[int]:
    """Return all descendants of a process, except those whose command has the word `spare`."""
    found = [child for child in _children(pid) if spare.encode() not in _command(child).split(b"\0")]
    return [one for child in found for one in (child, *_descendants(child, spare))]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it has ended
