"""The decisions of a consumer: which tasks to reserve, when to commit, what to give back, when to leave.

`Decisions` is a state machine without I/O and without a clock. The threads of the consumer report events with their
times, and carry out the instructions that they get back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.events import Event, LeaseId, LeaseView
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.rules.failures import Failures
from kubeque.consumer.rules.lease_review import review_leases
from kubeque.consumer.rules.leaving import Departure
from kubeque.consumer.rules.outage import LONGEST_RETRY_SECONDS, Outages
from kubeque.consumer.rules.reservation import COMMIT_SECONDS, Pace
from kubeque.consumer.rules.scale_down import Retirement
from kubeque.consumer.rules.task_counts import MAX_UNSAVED, Progress
from kubeque.model.job.job import Job

#: Time for which an outcome waits for the commit that reserves the next task, seconds. One commit then stores both.
SETTLE_SECONDS = 1.0

#: Longest pause after a task could not be staged, seconds. Without a pause, one faulty node could use up the attempts
#: of all tasks of a job.
_LONGEST_BACKOFF = 30.0
#: Events that show that the queue answers.
_ANSWERS = (on.Committed, on.JobsListed, on.OwnersListed)


class Decisions:
    """The state machine of one consumer."""

    def __init__(self, profile: ConsumerProfile, *, list_seconds: float = math.inf) -> None:
        """`list_seconds`: maximum age of the list of jobs. An older list is read again before tasks are reserved."""
        self._profile = profile
        self._list_seconds = list_seconds
        self._jobs: tuple[Job, ...] = ()
        self._listed_at = -math.inf
        #: Uids of paused jobs. Their tasks are not started.
        self._paused: frozenset[str] = frozenset()
        self._pace = Pace()
        self._outages = Outages()
        self._failures = Failures()
        self._retirement = Retirement(profile)
        self._departure = Departure(self._outages)
        #: Uids of jobs whose tasks are not started, because a more urgent job has tasks.
        self._making_way: frozenset[str] = frozenset()
        #: The lease from which the next task is staged.
        self._current: LeaseId | None = None
        #: Leases that the consumer has released, even if the queue has not confirmed this.
        self._left: set[LeaseId] = set()
        self._progress = Progress()
        self._awaits_save = False
        self._idle_since: float | None = None
        #: Uid of the job with the task that is being staged, or was staged last.
        self._staging = ""
        self._leaving = False
        self._begin_round()
        self._handlers: dict[type[Event], Callable[[Any, float], list[Instruction]]] = {
            on.SupplierReady: self._supply, on.NothingTaken: self._nothing_taken, on.TaskStaged: self._task_staged,
            on.HandOverDue: self._hand_over, on.LeaseClaimed: self._lease_claimed, on.NothingClaimed: self._go_on,
            on.SupplyFailed: self._supply_failed, on.RunnerReady: self._runner_ready, on.TaskPicked: self._task_picked,
            on.LeaseChecked: self._lease_checked, on.RunEnded: self._run_ended, on.TaskSaved: self._task_saved,
            on.TaskLeft: self._task_left, on.RunLoopEnded: self._run_loop_ended,
            on.AllSaved: self._departure.let_all_go, on.QueueSilent: self._outages.queue_silent,
            on.StoreSilent: self._outages.store_silent, on.StoreAnswered: self._outages.store_answered,
            on.Committed: self._committed, on.LeaseLeft: self._lease_left, on.RenewalDue: self._renew,
            on.JobsListed: self._jobs_listed, on.LeasesReviewed: self._review_leases,
            on.BetterJobsSeen: self._make_way, on.JobClosed: self._job_closed,
            on.FleetReviewed: self._retirement.review,
            on.OwnersListed: self._retirement.compare, on.HomeGone: self._retirement.home_gone,
        }  # fmt: skip

    @property
    def retired(self) -> bool:
        """True once this consumer must leave after its task.

        Reasons: fewer consumers are wanted, its home folder was removed, or a job requests it.
        """
        return self._retirement.due

    @property
    def gave_up(self) -> bool:
        """True once this consumer leaves because the queue or a store has not answered for too long."""
        return self._departure.gave_up

    def running_in(self, lease: LeaseId) -> tuple[int, float] | None:
        """Return the index of the running task and its start; None if no task of this lease runs.

        The start is in seconds of the monotonic clock.
        """
        return self._progress.running_in(lease)

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """Record an event, and return the instructions for the thread that reported the event.

        `now`: time on the monotonic clock, seconds.
        """
        if isinstance(event, _ANSWERS):
            self._outages.queue = None
        instructions = self._handlers[type(event)](event, now)
        if self._outages.pause(now) is not None:
            self._idle_since = None  # a consumer that waits for an answer is not idle
        self._progress.note_time(now)
        return instructions

    @staticmethod
    def _go_on(event: Event, now: float) -> list[Instruction]:
        return []

    # ------------------------------------------------------------------ the next task is staged
    def _begin_round(self) -> None:
        """Begin a new round of `_supply`, which lasts until a task is staged or until the supplying thread pauses."""
        self._may_take = True
        #: True once tasks have been reserved or a block has been claimed in this round.
        self._tried = self._listed = False
        self._candidates: deque[Job] | None = None

    def _supply(self, event: on.SupplierReady, now: float) -> list[Instruction]:
        if self._leaving:
            return [do.Leave()]
        if self._progress.runs_long(now):
            if self._progress.staged:
                return [do.ReturnStaged()]
            self._awaits_save = True
        if self._awaits_save and not self._progress.is_saved(now):
            return [do.AwaitChange()]
        self._awaits_save = False
        self._left.intersection_update(lease.id for lease in event.leases)
        held = [lease for lease in event.leases if lease.held and not self._outages.waits(lease.job.uid, now)]
        current = next((lease for lease in held if lease.id == self._current), None)
        source = self._another_source(held)
        if current is not None and current.untouched and current.job.uid not in self._paused:
            source = current
        if source is not None and self._may_take:
            self._staging = source.job.uid
            return [do.StageTask(source.id)]
        return self._pause(now) if self._tried else self._reserve(current, held, now)

    def _another_source(self, held: Iterable[LeaseView]) -> LeaseView | None:
        """Return a lease with reserved tasks that have not begun, for example because a store was silent.

        Return None if there is none. Ignore leases of paused jobs, and of jobs that wait for more urgent jobs.
        """
        waiting = self._making_way | self._paused
        usable = (lease for lease in held if lease.id not in self._left and lease.job.uid not in waiting)
        return next((lease for lease in usable if lease.untouched), None)

    def _reserve(self, current: LeaseView | None, leases: Iterable[LeaseView], now: float) -> list[Instruction]:
        if not self._listed and now - self._listed_at > self._list_seconds:
            self._listed = True
            return [do.ListJobs()]
        waiting = self._making_way | self._paused
        resumable = [lease for lease in leases if lease.pending and lease.job.uid not in waiting]
        lease = current if current in resumable or not resumable else resumable[0]
        ahead = lease is None or self._pace.may_run_ahead(lease, self._progress.staged)
        if lease is not None and not ahead and not self._progress.is_saved(now):
            self._awaits_save = True  # reserve no more before its result is saved: the task may have to run again
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
            self._candidates = deque(job for job in self._jobs if self._may_claim(job, now))
        if self._candidates:
            job = self._candidates.popleft()
            return [do.Claim(job, self._pace.first_reservation((job.uid, job.revision)))]
        self._making_way = frozenset()  # the more urgent jobs have nothing left to claim
        return self._pause(now)

    def _may_claim(self, job: Job, now: float) -> bool:
        return job.startable and self._profile.size_classes(job) != [] and not self._outages.waits(job.uid, now)

    def _pause(self, now: float) -> list[Instruction]:
        self._begin_round()
        if (seconds := self._outages.pause(now)) is not None:
            return [do.AwaitAnswer(seconds)]
        if self._idle_since is None and self._progress.none:
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
        return [do.AwaitAnswer(self._outages.pause(now) or LONGEST_RETRY_SECONDS)]

    def _task_staged(self, event: on.TaskStaged, now: float) -> list[Instruction]:
        self._begin_round()
        self._idle_since = None
        self._outages.note_staged(self._staging)
        self._progress.task_staged()
        attempt = event.faulty_attempt
        return [do.HandOver(0.0 if attempt is None else min(_LONGEST_BACKOFF, 0.5 * 2 ** min(attempt, 10)))]

    def _hand_over(self, event: on.HandOverDue, now: float) -> list[Instruction]:
        return [do.ReturnTask()] if self._leaving or self._progress.runs_long(now) else []

    # ------------------------------------------------------------------ tasks run and are saved
    def _runner_ready(self, event: on.RunnerReady, now: float) -> list[Instruction]:
        idle = self._idle_since is not None and now - self._idle_since > self._profile.linger_seconds
        leaves = event.told_to_leave or self.retired or idle or self._departure.gives_up(now)
        self._leaving = self._leaving or leaves
        wait = [do.AwaitChange()] if self._progress.unsaved >= MAX_UNSAVED else []
        return [do.Leave()] if self._leaving else [*wait]

    def _task_picked(self, event: on.TaskPicked, now: float) -> list[Instruction]:
        self._progress.staged -= 1
        if event.runs:
            self._progress.begin(event.lease, event.index, self._pace.longest_wait(event.key), now)
        return []

    def _lease_checked(self, event: on.LeaseChecked, now: float) -> list[Instruction]:
        may_run = event.held and event.lease not in self._left and not event.told_to_leave and not event.killed
        return [do.RunTask()] if may_run and event.uid not in self._paused else [do.ReturnTask()]

    def _run_ended(self, event: on.RunEnded, now: float) -> list[Instruction]:
        self._progress.running = None
        self._departure.note_activity(now)
        if event.key is not None:
            self._pace.note(event.key, event.seconds)
        return [do.ResetStop()]

    def _task_saved(self, event: on.TaskSaved, now: float) -> list[Instruction]:
        """Commit at once if the outcome is a kill, a failure that may end the job, or the last outcome of a lease.

        Other outcomes wait for a later commit.
        """
        self._departure.note_activity(now)
        lease, may_end_job = event.lease, self._failures.note(event)
        last = not lease.untouched and not lease.pending
        return [do.Commit(lease.id)] if (may_end_job or last) and not self._leaving else []

    def _task_left(self, event: on.TaskLeft, now: float) -> list[Instruction]:
        self._progress.task_left(staged=event.staged)
        return []

    def _run_loop_ended(self, event: on.RunLoopEnded, now: float) -> list[Instruction]:
        self._leaving = True
        return []

    # ------------------------------------------------------------------ leases are kept
    def _renew(self, event: on.RenewalDue, now: float) -> list[Instruction]:
        lease, since = event.lease, now - event.lease.committed_at
        judge: list[Instruction] = [do.JudgeJob(lease.id)] if lease.held and event.over else []
        if lease.held and self._progress.runs_long(now) and (lease.untouched or lease.idle):
            return [*judge, do.Commit(lease.id, give_back=True)]
        settled = lease.waiting_since is not None and now - lease.waiting_since >= SETTLE_SECONDS
        killed = lease.held and lease.killed and since >= SETTLE_SECONDS
        if self._outages.queue is not None and not self._outages.queue.tries_renewal(lease.id, now):
            return judge
        renews = lease.held and (since > lease.job.heartbeat_seconds or (lease.misnamed and since > COMMIT_SECONDS))
        if killed or renews or (settled and since > COMMIT_SECONDS):
            return [*judge, do.Commit(lease.id)]
        return judge

    def _committed(self, event: on.Committed, now: float) -> list[Instruction]:
        self._left.discard(event.lease.id)
        stop = [do.StopTask(at_once=False)] if self._progress.runs_killed(event.lease) else []
        return [*stop, do.JudgeJob(event.lease.id, hopeless=self._failures.all_failed(event.lease.job))]

    def _lease_left(self, event: on.LeaseLeft, now: float) -> list[Instruction]:
        self._left.add(event.lease)
        return [do.StopTask(at_once=event.lost)] if self._progress.running == event.lease else []

    # ------------------------------------------------------------------ jobs come and go
    def _jobs_listed(self, event: on.JobsListed, now: float) -> list[Instruction]:
        self._jobs, self._listed_at = event.jobs, now
        self._paused = frozenset(job.uid for job in event.jobs if job.paused)
        self._retirement.note_jobs(event.jobs)
        known = {job.uid for job in event.jobs}
        self._pace.forget(known)
        self._failures.forget(known)
        self._outages.forget({job.uid for job in event.jobs if job.open})
        return []

    def _review_leases(self, event: on.LeasesReviewed, now: float) -> list[Instruction]:
        return review_leases(event.leases, self._jobs, self._profile.serves)

    def _make_way(self, event: on.BetterJobsSeen, now: float) -> list[Instruction]:
        self._making_way = frozenset(lease.job.uid for lease in event.leases)
        return [do.Commit(lease.id, give_back=True) for lease in event.leases]

    def _job_closed(self, event: on.JobClosed, now: float) -> list[Instruction]:
        uid = event.job.uid
        self._jobs = tuple(event.job if job.uid == uid else job for job in self._jobs)
        self._retirement.note_jobs(self._jobs)
        return [do.LetGo(lease.id) for lease in event.leases if lease.job.uid == uid]
