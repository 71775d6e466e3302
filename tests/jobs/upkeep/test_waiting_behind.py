"""A job that waits behind another job names it, and the command that changes the order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubeque.jobs.upkeep.progress import find_rival
from kubeque.model.job.job import Job
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.queue import Queue
from kubeque.queues.running_command import RunningCommand
from tests.queues.makers import claim, make_job, submit


def _submit(queue: Queue, name: str, **fields: Any) -> Job:
    return submit(queue, make_job(4, name=name, uid=name, **{"fleet": "local"} | fields))


def _find(queue: Queue, job: Job, consumers: int = 2) -> str:
    return "; ".join(find_rival(queue, job, queue.counts(job), consumers))


def test_a_job_behind_another_names_it_and_the_command() -> None:
    queue = Queue(MemoryBackend())
    first, second = _submit(queue, "first", created=1.0), _submit(queue, "second", created=2.0)
    claim(queue, first, command=RunningCommand())
    words = "first runs first (3 pending, 1 running): kubeque priority second 1 lets second start first"
    assert _find(queue, second) == words
    assert _find(queue, first) == "", "it runs"
    assert _find(queue, second, consumers=0) == "", "no consumer runs: that is the reason"

    queue.update("second", lambda job: replace(job, priority=1))
    words = "all consumers run tasks of first; second starts when one of these tasks ends"
    assert _find(queue, queue.job("second")) == words


def test_a_job_with_consumers_of_its_own_waits_for_no_other() -> None:
    queue = Queue(MemoryBackend())
    claim(queue, _submit(queue, "first", created=1.0, fleet="other"), command=RunningCommand())
    assert _find(queue, _submit(queue, "second", created=2.0)) == ""
