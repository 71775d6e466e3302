"""The tasks of a job in the form that users see, made from its blocks."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from kubeque.model.job.job import Job
from kubeque.model.job.task import Running, State, TaskState, TaskView
from kubeque.queues.block import Block

_SHOWN = {
    State.PENDING: TaskState.PENDING, State.OK: TaskState.OK,
    State.FAILED: TaskState.FAILED, State.UNKNOWN: TaskState.UNKNOWN,
}  # fmt: skip


def in_order(job: Job, content: Iterable[Block]) -> Iterator[TaskView]:
    """Yield each task once, in order of its index. `content`: blocks of the job, in order of their first task.

    A task that is stolen or moves while the blocks are read can be in two of them. Only its state in the first of these
    blocks is yielded. Keeps only a few blocks in memory.
    """
    last = -1
    for view in _merge(job, content):
        if view.index > last:
            last = view.index
            yield view


def _merge(job: Job, content: Iterable[Block]) -> Iterator[TaskView]:
    held: list[tuple[int, int, TaskView]] = []
    for number, block in enumerate(content):
        while held and held[0][0] < block.lo:
            yield heapq.heappop(held)[2]
        for view in _views(job, block):
            heapq.heappush(held, (view.index, number, view))
    while held:
        yield heapq.heappop(held)[2]


def _views(job: Job, block: Block) -> Iterator[TaskView]:
    shown = dict(_SHOWN)
    if job.was_ended:
        shown[State.PENDING] = TaskState.KILLED
    elif block.held:
        shown[State.PENDING] = TaskState.HELD
    for index in range(block.lo, block.hi):
        state = block.state(index)
        if state is State.RESERVED:
            runs, note = block.runs(index), block.command_note
            seen = TaskState.RUNNING if runs else shown[State.PENDING]
            command = Running(note.since, note.noted) if runs and note is not None else None
            yield TaskView(index, seen, block.size_class, block.record(index), block.owner, command)
        elif state is not State.MOVED:
            record = block.record(index)
            killed = state is State.FAILED and record.is_killed
            yield TaskView(index, TaskState.KILLED if killed else shown[state], block.size_class, record)
