"""Read facts about groups of failures. These facts decide which command to type next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress

from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.unsent_files import find_unsent_module, find_unsent_program
from kubeque.model.command.command import format_word
from kubeque.model.errors import ClusterError, StorageError
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.stats.failure_groups import Group
from kubeque.model.stats.remedies import FailedGroup, sub_again

#: Maximum number of groups about which facts are read.
GROUPS = 5


def read_failed_groups(backends: Backends, job: Job, groups: Sequence[Group]) -> tuple[FailedGroup, ...]:
    """Return the facts about the largest groups of failures, in the order of `groups`.

    Reads one task for each group. Without access to the store, the facts come from the queue alone.
    """
    found = list[FailedGroup]()
    mapped = bool(groups) and is_mapped(backends, job)
    for group in groups[:GROUPS]:
        task = backends.queue.task(job, group.first[0][0])
        if task is not None:
            resend = _find_resend(backends, job, group.message) if group.cause is Cause.EXIT else ""
            memory = _machine_memory(backends, job) if group.cause is Cause.OOM else None
            found.append(FailedGroup(task, group.count, resend, memory, mapped))
    return tuple(found)


def _find_resend(backends: Backends, job: Job, message: str) -> str:
    """Return the `kubeque sub` command that uploads the program or file that tasks did not find; empty if unknown."""
    with suppress(StorageError):
        if program := find_unsent_program(backends, job, message):
            words = [f"^{program}", *map(format_word, backends.spec(job).command[1:])]
            return f"{sub_again(job)} -- {shlex.join(words)}"
        if push := find_unsent_module(backends, job, [message]):
            return f"{sub_again(job)} -u {shlex.quote(push)}"
    return ""


def is_mapped(backends: Backends, job: Job) -> bool:
    """True if `kubeque.map` submitted the job. False for a function of Airflow, or if the store does not answer."""
    with suppress(StorageError):
        return "dag" not in job.origin and backends.spec(job).function is not None
    return False


def _machine_memory(backends: Backends, job: Job) -> int | None:
    with suppress(StorageError, ClusterError):
        machine = backends.cluster_of(job).capacity(gpus=False) if job.runs_at_home else None
        return machine.memory if machine is not None else None
    return None
