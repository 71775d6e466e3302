"""The interface of a host, in which a consumer runs: a slot of this machine, a pod, or a process of `kubeque work`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.hosts.ledger import Need
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.model.job.causes import Death
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec


class Host(Protocol):
    """The slot, the pod or the process of `kubeque work` in which one consumer runs."""

    @property
    def fleet(self) -> str | None:
        """Name of the fleet whose jobs the consumer serves; None if it serves all fleets."""

    @property
    def profile(self) -> ConsumerProfile:
        """Properties of the consumer on which its decisions depend."""

    @property
    def number(self) -> int | None:
        """Position of the consumer among the consumers that start together, from 0; None if unknown."""

    @property
    def work(self) -> Path:
        """Folder for working directories and cached inputs."""

    def select_jobs(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the jobs that the consumer may serve, in the given order. `jobs`: jobs of the fleet."""

    def environment_of(self, job: Job, spec: JobSpec) -> Environment:
        """Return the environment that the tasks of a job inherit. Raises EnvironmentGone, ClusterError."""

    @property
    def oom(self) -> OomCounter | None:
        """Counter of the kernel's out-of-memory kills in the cgroup of the commands; None if the system has none."""

    @property
    def watched(self) -> tuple[Path, ...]:
        """Folders whose contents count towards the disk limit of a task."""

    @property
    def echo(self) -> Callable[[str], object] | None:
        """Function that prints the output of running commands; None if nothing is printed."""

    def record_task(self, task: dict[str, object]) -> None:
        """Record outside of this process which task is about to run."""

    def record_error(self, message: str) -> None:
        """Record why this process ends, in a place that outlives this process."""

    def record_process(self, pid: int) -> None:
        """Record the pid of the command that the consumer runs, in a place that outlives this process."""

    def remove_stray_files(self) -> None:
        """Remove files that a command left outside of its working directory."""

    def hold(self, need: Need, stopped: Callable[[], bool]) -> AbstractContextManager[Sequence[str]]:
        """Return a context manager that waits until the resources in `need` are free, and reserves them.

        The value of the context is a list of GPU devices. `stopped`: returns True once the wait has to end without the
        resources.
        """

    @property
    def memory_limit(self) -> int | None:
        """Memory that no task can exceed on any host of the fleet, bytes; None if another host may have more."""

    @property
    def charges_leaving(self) -> bool:
        """True if a system, not only the user, may end this consumer at any time.

        The interrupted run of a task is then charged to the budget of the cause `preempted`.
        """

    def find_death(self, owner: str) -> Death | None:
        """Return how the consumer `owner` died; None if the consumer is alive, or if its state is unknown."""

    def has_home(self) -> bool:
        """True while other programs can find this consumer."""


def jobs_at_home(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs that the consumers of their own cluster may run."""
    return [job for job in jobs if job.runs_at_home]
