"""Replace a job with a new job of the same name."""

from __future__ import annotations

from collections.abc import Iterable

from kubeque.model.errors import JobExists, JobNotFound
from kubeque.model.job.job import Job
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue


def replace_job(queue: Queue, before: Job, after: Job, content: Iterable[Block]) -> Job:
    """Replace the job `before` with the job `after`, and return the stored job. `content`: all blocks of `after`.

    After the call, consumers of `before` cannot record anything. Raises JobExists if another program has removed or
    replaced `before` meanwhile; the blocks of `after` are then deleted.
    """
    queue.insert_blocks(content)
    try:
        there = queue.update(before.name, lambda now: after if now.uid == before.uid else None)
    except JobNotFound:  # also raised if `after` was stored, but the answer to this write was lost
        there = queue.find(before.name) or before
    if there.uid != after.uid:
        queue.delete_blocks(after.uid)
        raise JobExists(
            f"the job {before.name!r} was removed or replaced by another program during the submission: submit again"
        )
    queue.delete_blocks(before.uid)
    return there
