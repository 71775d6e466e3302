"""Decisions of a consumer with a clock, and the jobs and leases of their tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.decisions import Decisions
from kubeque.consumer.events import Event, LeaseView
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.consumer.instructions import Instruction
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job

SHORT, LONG = 0.5, 60.0
GIB = 1 << 30
JOB = Job("sweep", "uid-1", 100, "file:///r")
URGENT = Job("urgent", "uid-2", 10, "file:///r", priority=5)
KEY = (JOB.uid, JOB.revision)


def lease(number: int = 1, **fields: Any) -> LeaseView:
    """Return a lease with ten pending tasks and no reserved task."""
    view = LeaseView(
        number, JOB, size_class=0, held=True, lost=False, waiting=0, waiting_since=None, committed_at=0.0, pending=10,
        untouched=0, idle=True,
    )  # fmt: skip
    return replace(view, **fields)


class Machine:
    """Decisions with a clock, and the sequences of events that a task causes."""

    def __init__(self, **profile: Any) -> None:
        self.decisions = Decisions(ConsumerProfile("me", **profile))
        self.now = 1000.0

    def __call__(self, event: Event, after: float = 0.0) -> list[Instruction]:
        self.now += after
        return self.decisions.handle(event, self.now)

    def supply(self, *leases: LeaseView, after: float = 0.0) -> list[Instruction]:
        return self(on.SupplierReady(leases), after)

    def list_jobs(self, *jobs: Job) -> None:
        self(on.JobsListed(jobs))

    def begin(self, number: int = 1) -> None:
        """Stage a task and start its command."""
        self(on.TaskStaged())
        self(on.TaskPicked(number, key=KEY))
        assert self(on.LeaseChecked(number, held=True, told_to_leave=False)) == [do.RunTask()]

    def end(self, seconds: float = SHORT) -> None:
        """End its command."""
        assert self(on.RunEnded(KEY, seconds)) == [do.ResetStop()]

    def save(self, view: LeaseView | None = None, cause: Cause = Cause.OK, early: int = 20) -> list[Instruction]:
        instructions = self(on.TaskSaved(view or lease(), cause, early))
        self(on.TaskLeft())
        return instructions

    def run(self, seconds: float = SHORT, **how: Any) -> list[Instruction]:
        """Run one task from the reservation to the result."""
        self.begin()
        self.end(seconds)
        return self.save(**how)

    def may_begin(self) -> bool:
        return self(on.RunnerReady(told_to_leave=False)) == []

    def stays(self) -> bool:
        return do.Leave() not in self(on.RunnerReady(told_to_leave=False))
