"""Decide whether a consumer leaves because fewer consumers are wanted, or because a job requests it."""

from __future__ import annotations

from collections.abc import Sequence

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.consumer.instructions import Instruction
from kubeque.model.job.job import Job


class Retirement:
    """Decides whether this consumer leaves.

    The reasons are: its fleet has too many consumers, its home folder was removed, or a job requests it.

    If a fleet has too many consumers, those with the highest slots leave. Pods have no slots, so among pods the
    consumers with the last names in sorted order leave. So all consumers make the same decision without messages
    between them.
    """

    def __init__(self, profile: ConsumerProfile) -> None:
        self._profile = profile
        self._jobs: Sequence[Job] = ()
        #: Largest number of consumers that each job has wanted so far, by uid.
        self._most: dict[str, int] = {}
        #: True once this consumer must leave after its task.
        self.due = False

    def note_jobs(self, jobs: Sequence[Job]) -> None:
        """Record the current jobs, and the largest number of consumers that each job has wanted.

        This consumer leaves after its task if a job names it in `leaving`.
        """
        self._jobs = jobs
        self.due = self.due or any(self._profile.owner in job.leaving for job in jobs)
        self._most = {job.uid: max(job.consumers, self._most.get(job.uid, 0)) for job in jobs}

    def review(self, event: on.FleetReviewed, now: float) -> list[Instruction]:
        """Check whether fewer consumers are wanted. Return the instructions for further checks.

        On one machine, this consumer leaves if its slot is too high. In a pod, the decision needs the names of the
        consumers that have leases.
        """
        if not self._profile.governed:
            return [do.CheckHome()]
        fell = any(job.consumers < self._most[job.uid] for job in self._jobs)
        wanted = [job.consumers for job in self._jobs if job.open]
        fewer, slot = fell and bool(wanted), self._profile.slot
        self.due = self.due or (fewer and slot is not None and slot >= max(wanted))
        if self.due:
            return []
        return [do.ListOwners(max(wanted)), do.CheckHome()] if fewer and slot is None else [do.CheckHome()]

    def compare(self, event: on.OwnersListed, now: float) -> list[Instruction]:
        """Decide that this consumer leaves if `event.wanted` or more lease owners sort before it.

        A consumer without a lease stays.
        """
        self.due = self.due or self._profile.owner in sorted(event.owners)[event.wanted :]
        return []

    def home_gone(self, event: on.HomeGone, now: float) -> list[Instruction]:
        """Decide that this consumer leaves, because no other program can find it without its home folder."""
        self.due = True
        return []
