"""Ask nvidia-smi for the use of the GPUs of a command, without waiting for its answer."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache

_COMMAND = "nvidia-smi"
_QUERY = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")
#: Environment variable that lists the devices of a command.
VISIBLE = "CUDA_VISIBLE_DEVICES"
#: Values of this variable with which a command has no GPU.
_NONE = ("", "-1", "none", "void")
#: Number of bytes of the answer to read. The answer has a short line for each device.
_ANSWER_BYTES = 1 << 14


class GpuProbe:
    """Runs nvidia-smi in parallel to a command. If the driver does not answer, the command is not delayed."""

    def __init__(self, program: str, devices: str, strangers: set[int]) -> None:
        """`devices`: devices to ask for, separated by commas; empty for all devices.

        `strangers`: children of this process that do not belong to the command. This object adds the pid of its running
        nvidia-smi.
        """
        self._words = [program, *_QUERY, *(["-i", devices] if devices else [])]
        self._strangers = strangers
        self._running: subprocess.Popen[bytes] | None = None
        self._failed = False
        self._spent = 0.0

    @classmethod
    def open(cls, env: Mapping[str, str], strangers: set[int]) -> GpuProbe | None:
        """Return the probe for a command with this environment; None without a GPU or nvidia-smi."""
        devices, program = env.get(VISIBLE), find_program()
        hidden = devices is not None and devices.strip() in _NONE
        return None if program is None or hidden else cls(program, devices or "", strangers)

    def start(self) -> None:
        """Start nvidia-smi, unless it still runs or has failed before."""
        if self._running is not None or self._failed:
            return
        try:
            self._running = subprocess.Popen(
                self._words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError:
            self._failed = True
            return
        self._strangers.add(self._running.pid)

    def read(self) -> tuple[float, int] | None:
        """Return the number of GPUs in use and their memory in bytes; None if nvidia-smi has not answered yet."""
        process = self._running
        if process is None or not self._reap(process):
            return None
        assert process.stdout is not None
        with process.stdout as stream:
            lines = list(_parse(stream.read(_ANSWER_BYTES))) if process.returncode == 0 else []
        self._running = None
        self._failed = not lines
        return (sum(use for use, _ in lines) / 100, sum(memory for _, memory in lines) << 20) if lines else None

    def close(self) -> float:
        """End nvidia-smi if it still runs. Return the CPU time of all its runs that are reaped, seconds."""
        if (process := self._running) is not None:
            process.kill()
            self._reap(process)
            if process.stdout is not None:
                process.stdout.close()
        return self._spent

    def _reap(self, process: subprocess.Popen[bytes]) -> bool:
        """Reap the process if it has ended, and add its CPU time. Return True if it has ended."""
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            self._strangers.discard(pid)
            self._spent += used.ru_utime + used.ru_stime
        return bool(pid)


@cache
def find_program() -> str | None:
    """Return the path of nvidia-smi, or None if it is not installed."""
    return shutil.which(_COMMAND)


def _parse(answer: bytes) -> Iterator[tuple[int, int]]:
    """Yield utilization in percent and memory in MiB of each device. Devices without these numbers are left out."""
    for line in answer.decode(errors="replace").splitlines():
        use, _, memory = (part.strip() for part in line.partition(","))
        if use.isdigit() and memory.isdigit() and len(use) <= 3:
            yield int(use), int(memory)
