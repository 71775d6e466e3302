"""A job made anew under its name: in one step, so that there is the old one or the new one and never none."""

from __future__ import annotations

from collections.abc import Iterable

from kubeque.model.errors import JobExists, JobNotFound
from kubeque.model.job.job import Job
from kubeque.queues.block import Block
from kubeque.queues.patience import until_answered
from kubeque.queues.queue import Queue


def succeed(queue: Queue, before: Job, after: Job, content: Iterable[Block]) -> Job:
    """Put `after` with its blocks in the place of `before`: old consumers cannot record anything from here on.

    Raises JobExists where the name is another job's by now; nothing of `after` is left then.
    """
    queue.insert_blocks(content)
    try:
        there = queue.update(before.name, lambda now: after if now.uid == before.uid else None)
    except JobNotFound:  # also the answer where ours was made and the store's answer was lost
        there = queue.find(before.name) or before
    if there.uid != after.uid:
        until_answered(lambda: queue.store.delete_blocks(after.uid), queue.sleep)
        raise JobExists(f"the job {before.name!r} was removed or made anew by somebody else meanwhile: submit again")
    until_answered(lambda: queue.store.delete_blocks(before.uid), queue.sleep)
    return there
