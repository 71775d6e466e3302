"""A consumer in a slot of this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from kubeque.clusters.abandoned_work import WORK, left_in_own_slot
from kubeque.clusters.local import LocalCluster
from kubeque.clusters.machine import Machine, this_machine
from kubeque.clusters.slot import Slot, owner_name
from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.hosts.base import jobs_at_home
from kubeque.consumer.hosts.ledger import Ledger, Need
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.files.mounts import remove_tree
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Death
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec

log = logging.getLogger(__name__)


def remove_left_work(home: Path, slot: Slot) -> None:
    """Remove the working directories that dead consumers left in a slot. The caller must hold the lock of the slot."""
    for path in left_in_own_slot(home, slot):
        for problem in remove_tree(path, after_task=True):
            log.warning("%s", problem)


@dataclass(frozen=True)
class LocalHost:
    """A slot of this machine, which this process has locked. All consumers of the home folder share the machine."""

    fleet: str
    slot: Slot
    cluster: LocalCluster
    work: Path
    profile: ConsumerProfile
    ledger: Ledger
    machine: Machine
    oom: OomCounter | None = None
    watched: tuple[Path, ...] = ()
    echo: Callable[[str], object] | None = None

    @classmethod
    def open(cls, fleet: str, home: Path, slot: Slot, queue_url: str, *, linger_seconds: float) -> LocalHost:
        """Return the host for a consumer in a slot of a home folder."""
        profile = ConsumerProfile(owner_name(slot=slot.number), slot=slot.number, linger_seconds=linger_seconds)
        machine, cluster = this_machine(), LocalCluster(home, queue_url)
        ledger, work = Ledger(cluster.folder, machine), home / WORK / slot.name
        return cls(fleet, slot, cluster, work, profile, ledger, machine, OomCounter.find(shared=True))

    @property
    def number(self) -> int:
        return self.slot.number

    def select_jobs(self, jobs: Iterable[Job]) -> list[Job]:
        return jobs_at_home(jobs)

    def environment_of(self, job: Job, spec: JobSpec) -> Environment:
        """Return the environment of the submitter, without variables of the program that started this consumer."""
        if spec.local_env:  # submitted by kubeque before 0.3
            return Environment(spec.local_env)
        return self.cluster.environments.read(job)

    def record_task(self, task: dict[str, object]) -> None:
        self.slot.journal(task)

    def record_error(self, message: str) -> None:
        """Do nothing, because the error is in the log of the slot."""

    def record_process(self, pid: int) -> None:
        self.slot.runs(pid)

    def remove_stray_files(self) -> None:
        """Do nothing, because on this machine files outside of the working directory may belong to other programs."""

    def hold(self, need: Need, stopped: Callable[[], bool]) -> AbstractContextManager[Sequence[str]]:
        return self.ledger.hold(need, stopped)

    @property
    def memory_limit(self) -> int:
        return self.machine.memory

    @property
    def charges_leaving(self) -> bool:
        """Always False: no interrupted run of a task is charged.

        The reason is that only users end consumers on this machine, for example with `kubeque stop`.
        """
        return False

    def find_death(self, owner: str) -> Death | None:
        return self.cluster.find_death(owner)

    def has_home(self) -> bool:
        return self.slot.there()
