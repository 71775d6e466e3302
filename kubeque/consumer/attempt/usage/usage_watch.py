"""Record the CPU, memory and GPU use of a command over time. A command of less than one second is not sampled."""

from __future__ import annotations

import time
from collections.abc import Mapping

from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.memory_watch import MemoryWatch
from kubeque.consumer.attempt.usage.gpu_probe import GpuProbe
from kubeque.model.stats.usage import Point, Usage

#: Time from the start of a command to the first sample, seconds.
FIRST_SECONDS = 1.0
#: Shortest time between two samples, seconds. It doubles whenever the number of recorded points is halved.
STEP_SECONDS = 5.0
#: Shortest time for which a point is recorded, seconds. The kernel counts CPU time in steps of 0.01 s.
_SHORTEST_SECONDS = 0.2


class UsageWatch:
    """Samples the CPU, memory and GPU use of one command. Before the first sample, it makes no system call."""

    def __init__(self, began: float, env: Mapping[str, str], strangers: set[int]) -> None:
        """`began`: start of the command, seconds of the monotonic clock. `env`: environment of the command.

        `strangers`: pids of the children of this process that do not belong to the command.
        """
        self._began = began
        self._env = env
        self._strangers = strangers
        self._gpus: GpuProbe | None = None
        self._usage = Usage()
        self._step = STEP_SECONDS
        #: CPU time of the command until the last sample, and of all children reaped before the first sample, seconds.
        self._cpu, self._earlier = 0.0, 0.0
        #: Time of the next sample, seconds of the monotonic clock.
        self.due = began + FIRST_SECONDS

    def sample(self, watch: MemoryWatch) -> None:
        """Take one sample. `watch`: memory watch of the same command."""
        now = time.monotonic()
        if not self._usage.points:
            self._earlier = process_tree.reaped_cpu_seconds()
            self._gpus = GpuProbe.open(self._env, self._strangers)
        self._read_gpus()
        self._add(now, sum(map(process_tree.cpu_seconds, watch.pids())), watch.take_recent())
        if self._gpus is not None:
            self._gpus.start()
        self.due = now + self._step

    def finish(self, watch: MemoryWatch, ended: float) -> Usage | None:
        """Return the use of the command; None if no sample was taken. Call this after its processes were reaped.

        `watch`: memory watch of the same command. `ended`: end of the command, seconds of the monotonic clock.
        """
        if not self._usage.points:
            return None
        self._read_gpus()
        spent = self._gpus.close() if self._gpus is not None else 0.0
        # No process is left to measure. If the memory was not measured since the last sample, use that sample's value.
        memory = watch.take_recent() or self._usage.points[-1].memory
        self._add(ended, process_tree.reaped_cpu_seconds() - self._earlier - spent, memory)
        return self._usage

    def _add(self, now: float, cpu: float, memory: int) -> None:
        """Add a point at the time `now`. Do nothing if less than _SHORTEST_SECONDS have passed since the last point.

        `cpu`: CPU time of the command so far, seconds. `memory`: memory of the command, bytes.
        """
        seconds, points = now - self._began, self._usage.points
        length = seconds - (points[-1].seconds if points else 0.0)
        if length < _SHORTEST_SECONDS:
            return
        self._usage = self._usage.add(Point(seconds, max(0.0, cpu - self._cpu) / length, memory))
        self._cpu = max(self._cpu, cpu)
        if len(self._usage.points) < len(points):
            self._step *= 2

    def _read_gpus(self) -> None:
        if self._gpus is not None and self._usage.points and (found := self._gpus.read()) is not None:
            self._usage = self._usage.with_gpu(*found)
