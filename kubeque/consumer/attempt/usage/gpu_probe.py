"""Read the use of a command's GPUs from nvidia-smi, without waiting for its answer."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache

_COMMAND = "nvidia-smi"
_QUERY = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")
#: Environment variable that lists the GPUs of a command.
VISIBLE = "CUDA_VISIBLE_DEVICES"
#: Values of CUDA_VISIBLE_DEVICES with which a command has no GPU.
_NONE = ("", "-1", "none", "void")
#: Maximum number of bytes to read of the answer of nvidia-smi. The answer has a short line for each GPU.
_ANSWER_BYTES = 1 << 14


class GpuProbe:
    """Runs nvidia-smi while a command runs. If nvidia-smi does not answer, nothing waits for it."""

    def __init__(self, program: str, devices: str, strangers: set[int]) -> None:
        """`program`: path of nvidia-smi. `devices`: GPUs to query, separated by commas; empty: all GPUs.

        `strangers`: pids of the children of this process that do not belong to the command. This object adds the pid of
        nvidia-smi while nvidia-smi runs.
        """
        self._words = [program, *_QUERY, *(["-i", devices] if devices else [])]
        self._strangers = strangers
        self._running: subprocess.Popen[bytes] | None = None
        self._failed = False
        self._spent = 0.0

    @classmethod
    def open(cls, env: Mapping[str, str], strangers: set[int]) -> GpuProbe | None:
        """Return the probe for a command with the environment `env`; None if it has no GPU or nvidia-smi is missing."""
        devices, program = env.get(VISIBLE), find_program()
        hidden = devices is not None and devices.strip() in _NONE
        return None if program is None or hidden else cls(program, devices or "", strangers)

    def start(self) -> None:
        """Start nvidia-smi. Do nothing if it still runs, or if it has failed before."""
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
        """Return the utilization of all GPUs together (1.0 is one busy GPU), and their used memory in bytes.

        Return None if nvidia-smi has not answered yet, or if it has failed.
        """
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
        """End nvidia-smi if it still runs.

        Return the CPU time, in seconds, of all nvidia-smi processes that have ended and were waited for.
        """
        if (process := self._running) is not None:
            process.kill()
            self._reap(process)
            if process.stdout is not None:
                process.stdout.close()
        return self._spent

    def _reap(self, process: subprocess.Popen[bytes]) -> bool:
        """If nvidia-smi has ended, reap it, add its CPU time and return True. Otherwise return False."""
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            self._strangers.discard(pid)
            self._spent += used.ru_utime + used.ru_stime
        return bool(pid)


@cache
def find_program() -> str | None:
    """Return the path of nvidia-smi; None if nvidia-smi is not installed."""
    return shutil.which(_COMMAND)


def _parse(answer: bytes) -> Iterator[tuple[int, int]]:
    """Yield the utilization in percent and the used memory in MiB of each GPU. Skip GPUs without these numbers."""
    for line in answer.decode(errors="replace").splitlines():
        use, _, memory = (part.strip() for part in line.partition(","))
        if use.isdigit() and memory.isdigit() and len(use) <= 3:
            yield int(use), int(memory)
