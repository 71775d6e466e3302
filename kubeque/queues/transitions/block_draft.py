"""A mutable copy of a block."""

from __future__ import annotations

from dataclasses import replace

from kubeque.model.job.task import State, TaskRecord
from kubeque.queues.block import NEVER_RUN, Block


class BlockDraft:
    """A copy of a block with mutable states and records."""

    def __init__(self, block: Block, *, at: float = 0.0, revision: int = 0) -> None:
        """`at`, `revision`: Unix time and revision of the outcomes that the draft records for killed rows."""
        self.block = block
        self._at, self._revision = at, revision
        self.states = bytearray(block.states)
        self.records = dict(block.records)

    def put(self, index: int, state: State, record: TaskRecord | None = None) -> None:
        self.states[index - self.block.lo] = state
        if record is not None:
            self.records[index] = record

    def put_back(self, index: int, record: TaskRecord | None = None) -> None:
        """Make a task pending, or end the task if its row was killed. `record`: its new record; None: unchanged."""
        present = record or self.records.get(index, NEVER_RUN)
        if present.kill:
            self.kill(index, present, present.kill)
        else:
            self.put(index, State.PENDING, record)

    def kill(self, index: int, record: TaskRecord, reason: str) -> None:
        """End a task whose row was killed and that is not running. `reason`: message of the outcome."""
        self.put(index, State.FAILED, record.as_killed(index, self._at, reason, self._revision))

    def reserve(self, count: int) -> None:
        """Reserve at most `count` pending tasks, in order. A task that is a suspect is reserved alone.

        A pending task whose row was killed ends instead.
        """
        lo, reserved = self.block.lo, [o for o, state in enumerate(self.states) if state == State.RESERVED]
        if any(self.records.get(lo + offset, NEVER_RUN).suspect for offset in reserved):
            return
        offset = self.states.find(State.PENDING)
        while offset >= 0 and count > 0:
            index = self.block.lo + offset
            record = self.records.get(index, NEVER_RUN)
            if record.kill:  # a consumer of an older version gave the task back
                self.kill(index, record, record.kill)
            elif record.suspect and State.RESERVED in self.states:
                return
            else:
                self.put(index, State.RESERVED, replace(record, attempts=record.attempts + 1))
                count = 0 if record.suspect else count - 1
            offset = self.states.find(State.PENDING, offset + 1)

    def done(self, **changes: object) -> Block:
        return replace(self.block, states=bytes(self.states), records=self.records, **changes)  # type: ignore[arg-type]
