"""Shared fixtures of the consumer's tests: a folder in which commands run as in a consumer."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.disk_watch import DiskWatch
from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.attempt.process import Ended, Limits, run_command
from kubeque.consumer.attempt.stop_signal import StopSignal

PATH = os.pathsep.join([os.path.dirname(sys.executable), "/usr/local/bin:/usr/bin:/bin"])


@dataclass
class Bench:
    """Runner of commands, with the same code as the consumer."""

    folder: Path
    stop: StopSignal
    #: Children that this process had before, such as servers of other tests.
    before: frozenset[int]

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def run(
        self,
        *argv: str,
        limits: Limits | None = None,
        oom: OomCounter | None = None,
        env: dict[str, str] | None = None,
        disk: DiskWatch | None = None,
    ) -> Ended:
        return run_command(
            argv,
            cwd=self.folder / "work",
            env=env or {"PATH": PATH},
            stdout=self.folder / "stdout",
            stderr=self.folder / "stderr",
            limits=limits or Limits(timeout=60, grace_seconds=5),
            stop=self.stop,
            oom=oom,
            disk=disk,
        )

    def sh(self, script: str, **how: object) -> Ended:
        return self.run("/bin/sh", "-c", script, **how)  # type: ignore[arg-type]

    def python(self, source: str, **how: object) -> Ended:
        return self.run(sys.executable, "-c", textwrap.dedent(source), **how)  # type: ignore[arg-type]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    process_tree.adopt_orphans()
    (tmp_path / "work").mkdir()
    with StopSignal() as stop:
        yield Bench(tmp_path, stop, process_tree.own_children())


def is_running(pid: int) -> bool:
    """True if the process exists and is not a zombie."""
    stat = process_tree.read_proc(f"/proc/{pid}/stat")
    return bool(stat) and stat[stat.rindex(b")") + 2 :][:1] != b"Z"


@pytest.fixture
def running() -> object:
    return is_running
