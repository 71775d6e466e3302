"""Clocks that tests set, and backends as seen by machines with wrong clocks."""

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
    """A backend with a clock that is wrong by some seconds, because the machine has to use its own clock."""

    def __init__(self, backend: Backend, seconds: float) -> None:
        self.backend = backend
        self.seconds = seconds

    def now(self) -> float:
        return self.backend.now() + self.seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)
