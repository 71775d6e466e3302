"""The decisions of a consumer: which tasks to reserve, when to commit, what to give back, when to leave.

`Decisions` is a state machine without input and output. Each thread of the consumer reports what happens as an event
and carries out the instructions that it gets back. The clock is an argument.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.events import Event, LeaseId, LeaseView
from kubeque.consumer.hosts.place import Place
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.pace import Pace
from kubeque.model.job.job import Job
from kubeque.model.job.task import Cause
from kubeque.model.timing import COMMIT_SECONDS, SAVE_SECONDS, SETTLE_SECONDS

#: Longest pause after a task could not be staged, seconds: a faulty node must not use up the attempts of a job.
_LONGEST_BACKOFF = 30.0


class Decisions:
    """The state machine of one consumer."""

    def __init__(self, place: Place, *, list_seconds: float = math.inf) -> None:
        """`list_seconds`: jobs that were read longer ago than this are read again before a reservation."""
        self._place = place
        self._list_seconds = list_seconds
        self._jobs: tuple[Job, ...] = ()
        self._listed_at = -math.inf
        #: Uids of jobs whose tasks are not started, because the jobs are paused.
        self._paused: frozenset[str] = frozenset()
        #: Largest number of consumers that each job has wanted, by uid.
        self._most: dict[str, int] = {}
        self._pace = Pace()
        #: Number of failures seen here, by uid and run; None once a task was ok.
        self._failures: dict[tuple[str, int], int | None] = {}
        #: Uids of jobs whose tasks are not started, because a more urgent job waits.
        self._making_way: frozenset[str] = frozenset()
        #: The lease whose tasks are staged.
        self._current: LeaseId | None = None
        #: Leases with a requested release, whose answer may have been lost.
        self._left: set[LeaseId] = set()
        self._running: LeaseId | None = None
        self._running_since, self._longest_wait = 0.0, COMMIT_SECONDS
        #: Tasks that are staged and not picked.
        self._staged = 0
        #: Tasks in the consumer: staged, running or being saved.
        self._under_way = 0
        #: Time from which tasks are only being saved.
        self._quiet_since: float | None = None
        self._awaits_save = False
        self._idle_since: float | None = None
        self._leaving = False
        #: True once fewer consumers are wanted and this one is to leave after its task.
        self.retired = False
        self._begin_round()
        self._handlers: dict[type[Event], Callable[[Any, float], list[Instruction]]] = {
            on.SupplierReady: self._supply, on.NothingTaken: self._nothing_taken, on.TaskStaged: self._task_staged,
            on.HandOverDue: self._hand_over, on.LeaseClaimed: self._lease_claimed, on.NothingClaimed: self._go_on,
            on.SupplyFailed: self._supply_failed, on.RunnerReady: self._runner_ready, on.TaskPicked: self._task_picked,
            on.LeaseChecked: self._lease_checked, on.RunEnded: self._run_ended, on.TaskSaved: self._task_saved,
            on.TaskLeft: self._task_left, on.RunLoopEnded: self._run_loop_ended, on.AllSaved: self._let_all_go,
            on.Committed: self._committed, on.LeaseLeft: self._lease_left, on.RenewalDue: self._renew,
            on.JobsListed: self._jobs_listed, on.LeasesReviewed: self._review_leases,
            on.BetterJobsSeen: self._make_way, on.JobClosed: self._job_closed, on.FleetReviewed: self._review_fleet,
            on.OwnersListed: self._owners_listed, on.PlaceGone: self._place_gone,
        }  # fmt: skip

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """Record an event and return the instructions for its thread. `now`: monotonic clock, seconds."""
        instructions = self._handlers[type(event)](event, now)
        saving_only = self._under_way > 0 and self._running is None and not self._staged
        self._quiet_since = (self._quiet_since or now) if saving_only else None
        return instructions

    @staticmethod
    def _go_on(event: Event, now: float) -> list[Instruction]:
        return []

    # ------------------------------------------------------------------ the next task is staged
    def _begin_round(self) -> None:
        """Reset the state of a round of `_supply`."""
        self._may_take = True
        #: True once tasks were reserved or a block was claimed in this round.
        self._tried = self._listed = False
        self._candidates: deque[Job] | None = None

    def _supply(self, event: on.SupplierReady, now: float) -> list[Instruction]:
        if self._leaving:
            return [do.Leave()]
        if self._runs_long(now):
            if self._staged:
                return [do.ReturnStaged()]
            self._awaits_save = True
        if self._awaits_save and not self._is_saved(now):
            return [do.AwaitChange()]
        self._awaits_save = False
        self._left.intersection_update(lease.id for lease in event.leases)
        leases = {lease.id: lease for lease in event.leases if lease.held}
        current = leases.get(self._current) if self._current is not None else None
        if current is not None and current.untouched and self._may_take and current.job.uid not in self._paused:
            return [do.StageTask(current.id)]
        return self._pause(now) if self._tried else self._reserve(current, leases.values(), now)

    def _reserve(self, current: LeaseView | None, leases: Iterable[LeaseView], now: float) -> list[Instruction]:
        if not self._listed and now - self._listed_at > self._list_seconds:
            self._listed = True
            return [do.ListJobs()]
        waiting = self._making_way | self._paused
        resumable = [lease for lease in leases if lease.pending and lease.job.uid not in waiting]
        lease = current if current in resumable or not resumable else resumable[0]
        if lease is not None and not self._pace.may_run_ahead(lease, self._staged) and not self._is_saved(now):
            self._awaits_save = True  # the running task may have to run again, in this lease
            self._current = lease.id
            return [do.AwaitChange()]
        if not resumable or lease is None:
            return self._claim(now)
        self._current, self._tried, self._may_take = lease.id, True, True
        return [do.Commit(lease.id, reserve=self._pace.reservation(lease))]

    def _claim(self, now: float) -> list[Instruction]:
        if self._candidates is None:
            if not self._listed and (self._idle_since is not None or not self._jobs):
                self._listed = True
                return [do.ListJobs()]
            self._candidates = deque(job for job in self._jobs if job.startable and self._place.size_classes(job) != [])
        if self._candidates:
            job = self._candidates.popleft()
            return [do.Claim(job, self._pace.first_reservation((job.uid, job.revision)))]
        self._making_way = frozenset()  # the more urgent jobs have nothing left to claim
        return self._pause(now)

    def _pause(self, now: float) -> list[Instruction]:
        self._begin_round()
        if self._idle_since is None and self._under_way == 0:
            self._idle_since = now
        return [do.Pause()]

    def _nothing_taken(self, event: on.NothingTaken, now: float) -> list[Instruction]:
        self._may_take = False
        return []

    def _lease_claimed(self, event: on.LeaseClaimed, now: float) -> list[Instruction]:
        self._current, self._tried, self._may_take = event.lease, True, True
        return []

    def _supply_failed(self, event: on.SupplyFailed, now: float) -> list[Instruction]:
        self._begin_round()
        return []

    def _task_staged(self, event: on.TaskStaged, now: float) -> list[Instruction]:
        self._begin_round()
        self._idle_since = None
        self._staged += 1
        self._under_way += 1
        attempt = event.faulty_attempt
        return [do.HandOver(0.0 if attempt is None else min(_LONGEST_BACKOFF, 0.5 * 2 ** min(attempt, 10)))]

    def _hand_over(self, event: on.HandOverDue, now: float) -> list[Instruction]:
        return [do.ReturnTask()] if self._leaving or self._runs_long(now) else []

    def _runs_long(self, now: float) -> bool:
        """True once the running command runs too long for a reserved task to wait for it."""
        return self._running is not None and now - self._running_since > self._longest_wait

    def _is_saved(self, now: float) -> bool:
        """True once all tasks have been saved, or once the upload of a result takes too long to wait for."""
        return self._under_way == 0 or (self._quiet_since is not None and now - self._quiet_since > SAVE_SECONDS)

    # ------------------------------------------------------------------ tasks run and are saved
    def _runner_ready(self, event: on.RunnerReady, now: float) -> list[Instruction]:
        idle = self._idle_since is not None and now - self._idle_since > self._place.linger_seconds
        self._leaving = self._leaving or event.told_to_leave or self.retired or idle
        return [do.Leave()] if self._leaving else []

    def _task_picked(self, event: on.TaskPicked, now: float) -> list[Instruction]:
        self._staged -= 1
        if event.runs:
            self._running, self._running_since = event.lease, now
            self._longest_wait = self._pace.longest_wait(event.key)
        return []

    def _lease_checked(self, event: on.LeaseChecked, now: float) -> list[Instruction]:
        may_run = event.held and event.lease not in self._left and not event.told_to_leave
        return [do.RunTask()] if may_run and event.uid not in self._paused else [do.ReturnTask()]

    def _run_ended(self, event: on.RunEnded, now: float) -> list[Instruction]:
        self._running = None
        if event.key is not None:
            self._pace.note(event.key, event.seconds)
        return [do.ResetStop()]

    def _task_saved(self, event: on.TaskSaved, now: float) -> list[Instruction]:
        """Commit a failure that may end its job, and the last outcome of a block; others wait for the next commit."""
        lease, key = event.lease, (event.lease.job.uid, event.lease.job.run)
        seen, failed = self._failures.get(key, 0), event.cause is not Cause.OK
        self._failures[key] = seen + 1 if failed and seen is not None else None
        early = seen is not None and seen < event.early_attempts
        may_end_job = failed and (lease.job.max_failures is not None or early)
        last = not lease.untouched and not lease.pending
        return [do.Commit(lease.id)] if (may_end_job or last) and not self._leaving else []

    def _task_left(self, event: on.TaskLeft, now: float) -> list[Instruction]:
        self._staged -= event.staged
        self._under_way -= 1
        return []

    def _run_loop_ended(self, event: on.RunLoopEnded, now: float) -> list[Instruction]:
        self._leaving = True
        return []

    def _let_all_go(self, event: on.AllSaved, now: float) -> list[Instruction]:
        return [do.LetGo(lease.id) for lease in event.leases if not lease.lost]

    # ------------------------------------------------------------------ leases are kept
    def _renew(self, event: on.RenewalDue, now: float) -> list[Instruction]:
        lease, since = event.lease, now - event.lease.committed_at
        judge: list[Instruction] = [do.JudgeJob(lease.id)] if lease.held and event.over else []
        if lease.held and self._runs_long(now) and (lease.untouched or lease.idle):
            return [*judge, do.Commit(lease.id, give_back=True)]
        settled = lease.waiting_since is not None and now - lease.waiting_since >= SETTLE_SECONDS
        if (settled and since > COMMIT_SECONDS) or (lease.held and since > lease.job.heartbeat_seconds):
            return [*judge, do.Commit(lease.id)]
        return judge

    def _committed(self, event: on.Committed, now: float) -> list[Instruction]:
        job = event.lease.job
        self._left.discard(event.lease.id)
        return [do.JudgeJob(event.lease.id, hopeless=bool(self._failures.get((job.uid, job.run))))]

    def _lease_left(self, event: on.LeaseLeft, now: float) -> list[Instruction]:
        self._left.add(event.lease)
        return [do.StopTask(at_once=event.lost)] if self._running == event.lease else []

    # ------------------------------------------------------------------ jobs come and go
    def _jobs_listed(self, event: on.JobsListed, now: float) -> list[Instruction]:
        self._jobs, self._listed_at = event.jobs, now
        self._paused = frozenset(job.uid for job in event.jobs if job.paused)
        self._most = {job.uid: max(job.consumers, self._most.get(job.uid, 0)) for job in event.jobs}
        self._pace.forget(self._most)
        self._failures = {key: count for key, count in self._failures.items() if key[0] in self._most}
        return []

    def _review_leases(self, event: on.LeasesReviewed, now: float) -> list[Instruction]:
        """Release leases of jobs that are killed, removed, reset or too large; give back tasks of paused jobs; look for
        more urgent jobs."""
        jobs, instructions = {job.uid: job for job in self._jobs}, list[Instruction]()
        for lease in event.leases:
            job = jobs.get(lease.job.uid)
            if job is None or not job.open or job.revision != lease.job.revision or self._outgrew(lease, job):
                instructions.append(do.LetGo(lease.id))
                continue
            instructions.append(do.Refresh(lease.id, job))
            if job.paused and lease.held and (lease.untouched or lease.idle):
                instructions.append(do.Commit(lease.id, give_back=True))
            better = tuple(other for other in self._jobs if other.startable and other.priority > job.priority)
            if better:
                instructions.append(do.LookForBetter(lease, better))
        return instructions

    def _outgrew(self, lease: LeaseView, job: Job) -> bool:
        """True if the job's floor has risen above the class of this container."""
        return not self._place.serves(job, lease.size_class)

    def _make_way(self, event: on.BetterJobsSeen, now: float) -> list[Instruction]:
        self._making_way = frozenset(lease.job.uid for lease in event.leases)
        return [do.Commit(lease.id, give_back=True) for lease in event.leases]

    def _job_closed(self, event: on.JobClosed, now: float) -> list[Instruction]:
        uid = event.job.uid
        self._jobs = tuple(event.job if job.uid == uid else job for job in self._jobs)
        return [do.LetGo(lease.id) for lease in event.leases if lease.job.uid == uid]

    def _review_fleet(self, event: on.FleetReviewed, now: float) -> list[Instruction]:
        """Retire if fewer consumers are wanted. Consumers need no messages to agree: those that are last by slot or by
        name leave."""
        fell = any(job.consumers < self._most[job.uid] for job in self._jobs)
        wanted = [job.consumers for job in self._jobs if job.open]
        fewer, slot = fell and bool(wanted), self._place.slot
        self.retired = self.retired or (fewer and slot is not None and slot >= max(wanted))
        if self.retired:
            return []
        return [do.ListOwners(max(wanted)), do.CheckPlace()] if fewer and slot is None else [do.CheckPlace()]

    def _owners_listed(self, event: on.OwnersListed, now: float) -> list[Instruction]:
        self.retired = self.retired or self._place.owner in sorted(event.owners)[event.wanted :]
        return []

    def _place_gone(self, event: on.PlaceGone, now: float) -> list[Instruction]:
        self.retired = True
        return []
