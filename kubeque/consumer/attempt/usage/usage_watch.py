"""Record the CPU, memory and GPU use of a command over time. A command that takes less than a second is not sampled."""

from __future__ import annotations

import time
from collections.abc import Mapping

from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.memory_watch import MemoryWatch
from kubeque.consumer.attempt.usage.gpu_probe import GpuProbe
from kubeque.model.stats.usage import Point, Usage

#: Seconds after the start of a command at which the first sample is due.
FIRST_SECONDS = 1.0
#: Minimum seconds between two samples. This interval doubles whenever the number of points is halved.
STEP_SECONDS = 5.0
#: Shortest interval of a point, seconds. The kernel counts CPU time in steps of 0.01 s.
_SHORTEST_SECONDS = 0.2


class UsageWatch:
    """Samples the use of one command. Before the first sample, it makes no system call."""

    def __init__(self, began: float, env: Mapping[str, str], strangers: set[int]) -> None:
        """`began`: start of the command, seconds of the monotonic clock. `env`: environment of the command.

        `strangers`: children of this process that do not belong to the command.
        """
        self._began = began
        self._env = env
        self._strangers = strangers
        self._gpus: GpuProbe | None = None
        self._usage = Usage()
        self._step = STEP_SECONDS
        #: CPU seconds: of the command, at the last sample; of all earlier children of this process, at the start.
        self._cpu, self._earlier = 0.0, 0.0
        #: Time of the next sample, seconds of the monotonic clock.
        self.due = began + FIRST_SECONDS

    def sample(self, watch: MemoryWatch) -> None:
        """Take one sample. `watch`: watches the same command."""
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
        """Return the resource usage of the command after its processes were reaped; None without a sample.

        `ended`: end of the command, seconds of the monotonic clock.
        """
        if not self._usage.points:
            return None
        self._read_gpus()
        spent = self._gpus.close() if self._gpus is not None else 0.0
        # No process is left to measure. If the memory was not measured after the last sample, use its value.
        memory = watch.take_recent() or self._usage.points[-1].memory
        self._add(ended, process_tree.reaped_cpu_seconds() - self._earlier - spent, memory)
        return self._usage

    def _add(self, now: float, cpu: float, memory: int) -> None:
        """Add a point, unless no time has passed. `cpu`: CPU time of the command so far, seconds."""
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
