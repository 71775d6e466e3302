"""Request the end of a running command, and wait until the command has ended."""

from __future__ import annotations

import os
import select
import subprocess
from contextlib import suppress
from types import TracebackType

from kubeque.model.job.causes import Cause

#: First and longest pause between two checks whether a child has ended, seconds. Only used if the kernel cannot report
#: the end of the child.
_FIRST_LOOK, _LAST_LOOK = 0.0005, 0.05


class StopSignal:
    """A request to stop a running command. The class takes no lock, so that signal handlers can call its methods."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        #: Cause of the stop, `killed` or `preempted`; None without a request. The first request determines the cause.
        self.cause: Cause | None = None
        #: Time between SIGTERM and SIGKILL, seconds; None: the grace period of the command. A later request can only
        #: shorten this time.
        self.grace_seconds: float | None = None

    def set(self, cause: Cause, *, grace_seconds: float | None = None) -> None:
        """Request the end of the command. `grace_seconds`: time between SIGTERM and SIGKILL; 0: kill immediately."""
        if grace_seconds is not None and (self.grace_seconds is None or grace_seconds < self.grace_seconds):
            self.grace_seconds = grace_seconds
        self.cause = self.cause or cause
        with suppress(BlockingIOError):  # the pipe is full of unread requests, which wake the reader too
            os.write(self._write, b"x")

    def clear(self) -> None:
        """Clear all requests, so that the next command may run."""
        self.cause = self.grace_seconds = None
        self.drain()

    def fileno(self) -> int:
        """Return a descriptor that is readable once `set` has been called."""
        return self._read

    def drain(self) -> None:
        """Discard the bytes in the pipe. Each request writes a byte, which wakes the waiting thread."""
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
    """Waits until a child has ended, or until its stop is requested."""

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
        """Wait until the child has ended or its stop is requested, at most `seconds`. True if the child has ended."""
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
    """Return a descriptor that becomes readable when the process ends; None if the system cannot make one."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        fd: int = os.pidfd_open(pid)
    except OSError:  # kernels before 5.3, and sandboxes that forbid the call
        return None
    return fd
