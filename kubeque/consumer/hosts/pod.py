"""A consumer in a pod of a Kubernetes cluster."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from kubeque.clusters.in_pod import required_variable, use_own_certificates, write_termination_message
from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.attempt.tmp_cleanup import StrayFiles, own_folders
from kubeque.consumer.hosts.base import jobs_at_home
from kubeque.consumer.hosts.ledger import Need
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Death
from kubeque.model.job.inherited_environment import Environment, inheritable
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec

#: Folders outside of the working directory to which programs write.
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))


@dataclass(frozen=True)
class PodHost:
    """The container in which this process runs. Only the commands of this process share the container."""

    fleet: str
    profile: ConsumerProfile
    number: int | None
    work: Path
    environment: Environment
    oom: OomCounter | None
    watched: tuple[Path, ...]
    stray_files: StrayFiles

    @classmethod
    def open(cls, fleet: str, size_class: int, work: Path, *, linger_seconds: float) -> PodHost:
        """Return the host for the consumer of this pod. Raises ConfigError if this process is not in a pod of kubeque.

        `size_class`: size class of the pod. `work`: folder for working directories.
        """
        environment = dict(os.environ)
        number = environment.get("JOB_COMPLETION_INDEX", "")
        use_own_certificates()
        work.mkdir(parents=True, exist_ok=True)
        tempfile.tempdir = str(work)  # the image's root may be read-only
        owner = f"pod:{required_variable('KUBEQUE_POD_NAME')}:{required_variable('KUBEQUE_POD_UID')}"
        return cls(
            fleet=fleet,
            profile=ConsumerProfile(owner, size_class, linger_seconds=linger_seconds),
            number=int(number) if number.isdigit() else None,
            work=work,
            environment=Environment(inheritable(environment)),
            oom=OomCounter.find(),
            watched=(work, *_TEMPORARY),
            stray_files=StrayFiles([*_shared_memory(), *own_folders(_TEMPORARY)]),
        )

    def select_jobs(self, jobs: Iterable[Job]) -> list[Job]:
        return jobs_at_home(jobs)

    def environment_of(self, job: Job, spec: JobSpec) -> Environment:
        """Return the environment of the container, for example the LD_LIBRARY_PATH of an image for GPUs.

        The consumer's own Python does not use this LD_LIBRARY_PATH.
        """
        return self.environment

    def record_task(self, task: dict[str, object]) -> None:
        write_termination_message(json.dumps(task))

    def record_error(self, message: str) -> None:
        write_termination_message(message)

    def record_process(self, pid: int) -> None:
        """Do nothing, because a command cannot outlive its container."""

    def remove_stray_files(self) -> None:
        self.stray_files.remove()

    def hold(self, need: Need, stopped: Callable[[], bool]) -> AbstractContextManager[Sequence[str]]:
        """Do nothing, because the container has the resources for its task. Yields no GPU devices."""
        return nullcontext(())

    @property
    def memory_limit(self) -> None:
        """Always None, because a task that runs out of memory can run again in a larger pod."""

    @property
    def charges_leaving(self) -> bool:
        """Always True: an interrupted run may be charged, because the cluster may stop the pod at any time."""
        return True

    def find_death(self, owner: str) -> Death | None:
        """Return None, because a consumer in a pod cannot see other pods."""
        return None

    def has_home(self) -> bool:
        return True

    @staticmethod
    def echo(lines: str) -> None:
        """Write lines to the log of the pod. Ignore errors."""
        try:
            sys.stdout.write(lines)
            sys.stdout.flush()
        except (OSError, ValueError) as error:  # ValueError: the encoding of the log lacks a character
            logging.debug("not printed: %s", error)


def _shared_memory() -> list[Path]:
    """Return a list with /dev/shm; an empty list if /dev/shm belongs to the node."""
    return [] if os.environ.get("KUBEQUE_HOST_IPC") else [Path("/dev/shm")]
