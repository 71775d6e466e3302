"""Numbers of tasks of a job, or of a block, in each state."""

from __future__ import annotations

from dataclasses import asdict

from kubeque.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Number of tasks of a job in each state.

    `killed` is the number of killed rows. If the job was killed or stopped, it also includes the tasks that had not
    ended.
    """

    pending: int = 0
    running: int = 0
    ok: int = 0
    failed: int = 0
    killed: int = 0
    #: Number of held tasks, which wait until the canaries have ended and a user runs `kubeque go`.
    held: int = 0

    @property
    def total(self) -> int:
        return self.pending + self.running + self.ok + self.failed + self.killed + self.held

    @property
    def ended(self) -> int:
        return self.ok + self.failed + self.killed

    def to_wire(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Tally:
    """Number of tasks of a block in each state. A task that moved to another block is counted only there.

    A consumer's reserved task whose command does not run yet counts as pending.
    """

    ok: int = 0
    failed: int = 0
    running: int = 0
    pending: int = 0
    #: Number of rows that a user killed.
    killed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.ok + other.ok,
            self.failed + other.failed,
            self.running + other.running,
            self.pending + other.pending,
            self.killed + other.killed,
        )
