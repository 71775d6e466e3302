"""Find the cause of a command's end from its exit code, or explain why kubeque stopped the command."""

from __future__ import annotations

import signal

from kubeque.model.job.causes import Cause
from kubeque.model.quantities import format_bytes

_SIGNALS = {int(number): number.name for number in signal.Signals}


def cause_of_exit(code: int, *, oom_killed: bool) -> tuple[Cause, int | None, str]:
    """Return the cause, the code and the message for a command that kubeque did not stop.

    The returned code is the exit code or the number of the signal; None if a signal ended the command because memory
    ran out. `code`: exit code, or the negative number of a signal. `oom_killed`: True if the kernel killed a process of
    the command for lack of memory.
    """
    if code == 0:
        killed = "one of its processes was killed for lack of memory, but its exit code is 0"
        return Cause.OK, 0, killed if oom_killed else ""
    if oom_killed:
        return Cause.OOM, own_code(code), "killed by the kernel for lack of memory"
    if code < 0:
        return Cause.SIGNAL, -code, f"ended by {_signal_name(-code)}"
    died_below = f" (128 + {_signal_name(code - 128)})" if code - 128 in _SIGNALS else ""
    return Cause.EXIT, code, f"exit code {code}{died_below}"


def own_code(code: int) -> int | None:
    """Return the exit code of a command; None if a signal ended it. `code`: negative for a signal."""
    return code if code >= 0 else None


def explain_stop(cause: Cause, *, used: int = 0, limit: int = 0, timeout: float | None = None) -> str:
    """Return a message that explains why kubeque stopped a command. `cause`: cause of the stop.

    `used`, `limit`: bytes of memory or disk, for the causes `oom` and `disk`. `timeout`: time limit in seconds.
    """
    if cause is Cause.OOM:
        return f"used {format_bytes(used)} of memory, more than the {format_bytes(limit)} it was given"
    if cause is Cause.DISK:
        return f"used {format_bytes(used)} of disk; it was given {format_bytes(limit)}"
    if cause is Cause.TIMEOUT:
        return f"still running after {timeout:g} s: stopped"
    return "stopped: the job was killed" if cause is Cause.KILLED else "stopped: the consumer had to leave"


def explain_oom_here(given: int | None, machine: int | None) -> str:
    """Return a message if a task that ran out of memory had all the memory of this machine; otherwise an empty text.

    `given`: memory limit of the task in bytes. `machine`: memory of the whole machine in bytes; None if each consumer
    has its own container.
    """
    if machine is None or (given or 0) < machine:
        return ""
    return f"needs more than the {format_bytes(machine)}B of this machine"


def _signal_name(number: int) -> str:
    return _SIGNALS.get(number, f"signal {number}")
