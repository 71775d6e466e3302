"""Tasks as people see them, from the blocks of a job."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from kubeque.model.job.job import Job, JobState
from kubeque.model.job.task import State, TaskView
from kubeque.queues.block import Block


def in_order(job: Job, content: Iterable[Block]) -> Iterator[TaskView]:
    """Every task once, in order of its index, from blocks in order of their first task. Memory: a few blocks.

    A block that was split or a task that moved while the blocks were read shows up twice: the first sight counts.
    """
    last = -1
    for view in _merged(job, content):
        if view.index > last:
            last = view.index
            yield view


def _merged(job: Job, content: Iterable[Block]) -> Iterator[TaskView]:
    held: list[tuple[int, int, TaskView]] = []
    for number, block in enumerate(content):
        while held and held[0][0] < block.lo:
            yield heapq.heappop(held)[2]
        for view in _views(job, block):
            heapq.heappush(held, (view.index, number, view))
    while held:
        yield heapq.heappop(held)[2]


def _views(job: Job, block: Block) -> Iterator[TaskView]:
    names = {State.PENDING: "pending", State.RESERVED: "running", State.OK: "ok", State.FAILED: "failed"}
    if job.state in (JobState.KILLED, JobState.STOPPED):
        names[State.PENDING] = "killed"
    elif block.held:
        names[State.PENDING] = "held"
    for index in range(block.lo, block.hi):
        state = block.state(index)
        if state is not State.MOVED:
            owner = block.owner if state is State.RESERVED else ""
            yield TaskView(index, names[state], block.size_class, block.record(index), owner)
