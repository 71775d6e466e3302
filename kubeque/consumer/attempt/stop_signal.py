"""How the end of a running command is asked for, and waited for."""

from __future__ import annotations

import os
import select
import subprocess
from contextlib import suppress
from types import TracebackType

from kubeque.model.job.task import Cause

#: Seconds from one look to the next where the kernel cannot wake us at a child's end: it begins and ends with these.
_FIRST_LOOK, _LAST_LOOK = 0.0005, 0.05


class StopSignal:
    """Asks a running command to end, from another thread or from a signal handler: it takes no lock."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        #: `killed` or `preempted`; None as long as nobody asked. The first to ask decides.
        self.cause: Cause | None = None
        #: Seconds between SIGTERM and SIGKILL; None: what the command's limits say. A later call can only shorten it.
        self.grace_seconds: float | None = None

    def set(self, cause: Cause, *, grace_seconds: float | None = None) -> None:
        """Ask for the end. `grace_seconds` 0: SIGKILL at once."""
        if grace_seconds is not None and (self.grace_seconds is None or grace_seconds < self.grace_seconds):
            self.grace_seconds = grace_seconds
        self.cause = self.cause or cause
        with suppress(BlockingIOError):  # Full of calls that nobody has read yet: one of them wakes the reader.
            os.write(self._write, b"x")

    def clear(self) -> None:
        """Nobody asks any more: the next command may run."""
        self.cause = self.grace_seconds = None
        self.drain()

    def fileno(self) -> int:
        """Readable once `set` was called."""
        return self._read

    def drain(self) -> None:
        """Forget wake-ups that were seen."""
        with suppress(BlockingIOError):
            os.read(self._read, 4096)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)

    def __enter__(self) -> StopSignal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class End:
    """Waits for the end of a child, and for the signal that somebody wants it."""

    def __init__(self, process: subprocess.Popen[bytes], stop: StopSignal) -> None:
        self._process = process
        self._stop = stop
        self._look = _FIRST_LOOK
        self._poll = select.poll()
        self._poll.register(stop.fileno(), select.POLLIN)
        self._pidfd = _open_pidfd(process.pid)
        if self._pidfd is not None:
            self._poll.register(self._pidfd, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Return within `seconds`, or as soon as anything happens. True if the child has ended."""
        if self._pidfd is None:
            seconds, self._look = min(seconds, self._look), min(2 * self._look, _LAST_LOOK)
        ready = {fd for fd, _ in self._poll.poll(max(0.0, seconds) * 1000)}
        if self._stop.fileno() in ready:
            self._stop.drain()
        return self._pidfd in ready if self._pidfd is not None else self._process.poll() is not None

    def close(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)


def _open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the system has no such thing."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # Kernels before 5.3, and sandboxes that do not allow it.
        return None
