"""Clocks that tests set, and stores seen by machines whose clocks are wrong."""

from __future__ import annotations

from typing import Any

from kubeque.queues.backends.backend import Backend


class Clock:
    """A monotonic clock that a test advances."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def tick(self, seconds: float) -> None:
        self.time += seconds


class Skewed:
    """A store whose clock is off by some seconds, as a machine sees it that has to use its own."""

    def __init__(self, backend: Backend, seconds: float) -> None:
        self.backend = backend
        self.seconds = seconds

    def now(self) -> float:
        return self.backend.now() + self.seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)
