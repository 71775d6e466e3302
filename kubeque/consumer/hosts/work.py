"""A consumer that `kubeque work` started, on any machine that reaches the queue and the store."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import field, replace
from pathlib import Path

from kubeque.clusters.machine import Machine, this_machine
from kubeque.clusters.slot import short_host_name
from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.hosts.ledger import Ledger, Need
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.files.spec_file import read_spec
from kubeque.files.store import Files
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import StorageError
from kubeque.model.job.causes import Death
from kubeque.model.job.inherited_environment import Environment, inheritable
from kubeque.model.job.job import WORK_OWNER, Job
from kubeque.model.job.pause import Pause
from kubeque.model.job.spec import JobSpec
from kubeque.model.sweep.offer import Offer

log = logging.getLogger(__name__)
#: Seconds until a spec that could not be read is read again.
_RETRY_SECONDS = 30.0


@dataclass(frozen=True)
class WorkHost:
    """A process of `kubeque work`. Other programs know only its lease: its pid means nothing on another machine."""

    number: int
    work: Path
    profile: ConsumerProfile
    offer: Offer
    ledger: Ledger
    machine: Machine
    environment: Environment
    files: Files = field(default_factory=Files)
    oom: OomCounter | None = None
    watched: tuple[Path, ...] = ()
    echo: Callable[[str], object] | None = None
    #: The jobs of all fleets are served.
    fleet: None = None
    #: Process that started this consumer.
    parent: int = field(default_factory=os.getppid)
    #: The specs that were read, by uid and revision.
    specs: dict[tuple[str, int], JobSpec] = field(default_factory=dict)
    #: Messages that were logged, and the monotonic time at which an unreadable spec is read again, by uid and revision.
    told: set[str] = field(default_factory=set)
    unreadable: dict[tuple[str, int], float] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, number: int, offer: Offer, *, linger_seconds: float) -> WorkHost:
        """Return the host of consumer `number` of a `kubeque work` with this folder."""
        owner = f"{WORK_OWNER}{short_host_name()}.{number}:{secrets.token_hex(4)}"
        profile = ConsumerProfile(owner, linger_seconds=linger_seconds, governed=False)
        machine = replace(this_machine(), cores=offer.cores, memory=offer.memory)
        environment = Environment(inheritable(os.environ))
        oom = OomCounter.find(shared=True)
        return cls(number, folder / str(number), profile, offer, Ledger(folder, machine), machine, environment, oom=oom)

    def select_jobs(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the jobs that this consumer may serve.

        A job counts as paused if the remaining time of `kubeque work` is too short for its tasks. If a job is refused
        or counts as paused, the reason is logged once.
        """
        found = [chosen for job in jobs if self.offer.wants(job) and (chosen := self._choose(job)) is not None]
        if any(self.profile.owner in job.leaving for job in found):
            self._tell("kubeque send-home was called: this consumer leaves after its task")
        return found

    def _choose(self, job: Job) -> Job | None:
        if not job.open:
            return job  # its spec is not needed
        spec = self._spec(job)
        if spec is None:
            return None
        if reason := self.offer.refuse(job, spec):
            self._refuse(job, reason)
            return None
        if reason := self.offer.refuse_for_time(spec, time.time()):
            self._refuse(job, reason)
            return replace(job, pause=job.pause or Pause(time.time(), job.needs))
        return job

    def _spec(self, job: Job) -> JobSpec | None:
        key = job.uid, job.revision
        if key not in self.specs and self.unreadable.get(key, 0.0) < time.monotonic():
            try:
                self.specs[key] = read_spec(self.files, job)
            except StorageError as error:
                self.unreadable[key] = time.monotonic() + _RETRY_SECONDS
                self._refuse(job, f"its store cannot be read here: {error}")
        return self.specs.get(key)

    def _refuse(self, job: Job, reason: str) -> None:
        self._tell(f"{job.name} is left alone: {reason}")

    def _tell(self, message: str) -> None:
        """Log a message once."""
        if message not in self.told:
            self.told.add(message)
            log.warning("%s", message)

    def environment_of(self, job: Job, spec: JobSpec) -> Environment:
        """Return the environment of `kubeque work`. Nothing of the submitter's environment is known here."""
        return self.environment

    def record_task(self, task: dict[str, object]) -> None:
        """Do nothing, because only the lease says what runs here."""

    def record_error(self, message: str) -> None:
        """Do nothing, because the error is in the log of `kubeque work`."""

    def record_process(self, pid: int) -> None:
        """Do nothing, because `kubeque work` ends the commands of its dead consumers."""

    def remove_stray_files(self) -> None:
        """Do nothing, because files outside of the working directory may belong to other programs."""

    def hold(self, need: Need, stopped: Callable[[], bool]) -> AbstractContextManager[Sequence[str]]:
        return self.ledger.hold(need, stopped)

    @property
    def memory_limit(self) -> None:
        """Always None, because a different machine may have more memory."""

    @property
    def charges_leaving(self) -> bool:
        """Always False: no interrupted run of a task is charged.

        The reason is that the consumer leaves only when its time is over or a user ends `kubeque work`.
        """
        return False

    def find_death(self, owner: str) -> Death | None:
        """Return None, because other consumers are on other machines."""
        return None

    def has_home(self) -> bool:
        """True while the `kubeque work` that started this consumer is alive."""
        return os.getppid() == self.parent
