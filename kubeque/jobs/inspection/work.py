"""List the jobs for `kubeque work`, and count the consumers that a job wants now."""

from __future__ import annotations

import time
from collections.abc import Sequence

from kubeque.clusters.machine import runs_consumers, this_machine
from kubeque.files.spec_file import read_spec
from kubeque.files.store import Files
from kubeque.jobs.backends import Backends
from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config_file import hide_password
from kubeque.model.errors import QueueGone, StorageError, UserError
from kubeque.model.quantities import format_bytes
from kubeque.model.sweep.offer import Offer
from kubeque.queues.open import open_queue


@dataclass(frozen=True, slots=True)
class WorkChoice:
    """An open job that allows consumers of `kubeque work`."""

    name: str
    #: Why it is left alone here; empty if its tasks run here.
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The consumers that a job wants now."""

    consumers: int
    #: Cores and bytes of memory of one consumer; None if the sweep gives no size.
    cpu: float | None
    memory: int | None


def make_offer(
    cpu: float | None, memory: int | None, *, tags: Sequence[str] = (), jobs: str = "*", seconds: float | None = None
) -> Offer:
    """Return the offer of this machine. `seconds`: time until the consumers leave; None without a limit.

    `cpu`, `memory`: cores and bytes that all tasks may use together; None for all of the machine. Raises UserError if
    `cpu` or `memory` is more than the machine has, or if consumers cannot run on this operating system.
    """
    if not runs_consumers():
        raise UserError("consumers run only under Linux with /proc: run kubeque work on such a machine")
    machine = this_machine()
    if cpu is not None and cpu > machine.cores:
        raise UserError(f"--cpu {cpu:g}: this process can use {machine.cores:g} cores: give at most this number")
    if memory is not None and memory > machine.memory:
        has = format_bytes(machine.memory)
        raise UserError(f"--memory {format_bytes(memory)}: this process can use {has}: give at most this size")
    until = None if seconds is None else time.time() + seconds
    return Offer(
        machine.cores if cpu is None else cpu, machine.memory if memory is None else memory, tuple(tags), jobs, until
    )


def list_work(queue_url: str, offer: Offer) -> list[WorkChoice]:
    """Return the open jobs of a queue that allow consumers of `kubeque work`.

    Raises UserError if the queue does not exist. Raises QueueError.

    Reads the specs of these jobs. So a store that this machine cannot reach is detected before a task is claimed.
    """
    files, found = Files(), []
    try:
        jobs = open_queue(queue_url, create=False).jobs()
    except QueueGone:
        raise UserError(
            f"there is no queue {hide_password(queue_url)}: give the queue to which the sweeps were submitted, with"
            " --queue URL or with queue_url in a .kubeque file"
        ) from None
    for job in jobs:
        if job.open and offer.wants(job):
            try:
                spec = read_spec(files, job)
                reason = offer.refuse(job, spec) or offer.refuse_for_time(spec, time.time())
            except StorageError as error:
                reason = f"its store cannot be read here: {error}"
            found.append(WorkChoice(job.name, reason))
    return found


def count_wanted(backends: Backends, name: str) -> Wanted:
    """Return how many consumers a job wants now, and their size. Raises JobNotFound, QueueError, StorageError."""
    job = backends.queue.job(name)
    spec, counts = backends.spec(job), backends.queue.counts(job)
    left = counts.pending + counts.running if job.startable else 0
    return Wanted(min(job.consumers, left), spec.cpu, job.shapes[job.floor].memory)
