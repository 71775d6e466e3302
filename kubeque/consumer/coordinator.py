"""Share the decisions and the leases among the threads of a consumer, and carry out the instructions about leases."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.attempt.failure import describe
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.decisions import Decisions
from kubeque.consumer.events import Event, LeaseId, LeaseView
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.job_discovery import JobDiscovery
from kubeque.consumer.limit_checks import LimitChecks
from kubeque.consumer.rules.reservation import COMMIT_SECONDS
from kubeque.model.errors import JobNotFound, JobUnreadable, KubequeError, LeaseLost, QueueUnavailable
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import State
from kubeque.queues.lease import Lease
from kubeque.retry import Sleep

log = logging.getLogger(__name__)


class Coordinator:
    """Passes events to `Decisions`, one at a time, and carries out the instructions about leases and jobs."""

    def __init__(
        self, decisions: Decisions, jobs: JobDiscovery, limit_checks: LimitChecks, *, reset_stop: Callable[[], None],
        stop: StopSignal, leaving: threading.Event, clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:  # fmt: skip
        self._decisions = decisions
        self._jobs = jobs
        self._limit_checks = limit_checks
        self._reset_stop = reset_stop
        self._stop = stop
        self._leaving = leaving
        self._clock = clock
        self._sleep = sleep
        self._changed = threading.Condition()
        self._changes = 0
        self._leases: dict[LeaseId, Lease] = {}
        self._numbers = count(1)
        #: True once this process ends because of an unexpected error.
        self._ending = False

    # ------------------------------------------------------------------ events
    def tell(self, event: Event) -> list[Instruction]:
        """Report an event to the decisions. Return their instructions, except those about leases and jobs.

        The instructions about leases and jobs are carried out here.
        """
        with self._changed:
            self._changes += 1
            instructions = self._decisions.handle(event, self._clock())
            for instruction in instructions:  # under the lock, so that a stop cannot affect a later command
                self._signal(instruction)
            self._changed.notify_all()
        return [instruction for instruction in instructions if not self._carry_out(instruction)]

    @property
    def changes(self) -> int:
        """Number of events that were reported so far."""
        return self._changes

    def await_change(self, after: int, seconds: float) -> None:
        """Wait until more than `after` events were reported in total, but at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes > after, seconds)

    def _signal(self, instruction: Instruction) -> None:
        match instruction:
            case do.StopTask(at_once):
                self._stop.set(Cause.KILLED, grace_seconds=0 if at_once else None)
            case do.ResetStop():
                self._reset_stop()

    def _carry_out(self, instruction: Instruction) -> bool:
        match instruction:
            case do.Commit(number, reserve, give_back):
                self._commit(number, reserve=reserve, give_back=give_back)
            case do.LetGo(number):
                self._let_go(number)
            case do.JudgeJob(number, hopeless):
                if lease := self._leases.get(number):
                    self.judge(lease.job, hopeless=hopeless)
            case do.Refresh(number, job):
                if lease := self._leases.get(number):
                    lease.refresh(job)
            case do.AwaitAnswer(seconds):
                self._await_answer(seconds * random.uniform(0.5, 1.0))
            case do.StopTask() | do.ResetStop():
                pass
            case _:
                return False
        return True

    def _await_answer(self, seconds: float) -> None:
        """Wait until the consumer begins to leave, or until `seconds` have passed.

        If the consumer is already leaving, wait for `seconds`.
        """
        if self._leaving.is_set():
            self._sleep(seconds)
        else:
            self._leaving.wait(seconds)

    # ------------------------------------------------------------------ leases
    def add(self, lease: Lease) -> LeaseId:
        """Keep a lease that was just claimed, and return its number in this consumer.

        If this process is about to end, release the lease immediately.
        """
        number = next(self._numbers)
        with self._changed:
            self._leases[number] = lease
            ending = self._ending
        if ending:
            self._write(lease, release=True)
        return number

    def lease(self, number: LeaseId) -> Lease:
        return self._leases[number]

    def view(self, number: LeaseId, lease: Lease) -> LeaseView:
        """Return the current state of a lease. Does not wait for a commit in another thread."""
        block = lease.block
        return LeaseView(
            number, lease.job, block.size_class, lease.held, lease.lost, lease.waiting, lease.waiting_since,
            lease.committed_at, block.states.count(State.PENDING), len(lease.untouched), lease.idle,
            lease.misnames_command(COMMIT_SECONDS), lease.killed,
        )  # fmt: skip

    def each_lease(self) -> Iterator[LeaseView]:
        """Yield the state of each lease of the consumer. Each state is read just before it is yielded."""
        with self._changed:
            leases = list(self._leases.items())
        for number, lease in leases:
            yield self.view(number, lease)

    def views(self) -> tuple[LeaseView, ...]:
        """Return the current state of each lease of the consumer."""
        return tuple(self.each_lease())

    def drop_done(self) -> tuple[LeaseView, ...]:
        """Remove the leases with nothing left to run or to record. Return the current state of the other leases."""
        views = self.views()
        with self._changed:
            for view in views:
                if view.done:
                    self._leases.pop(view.id, None)
        return tuple(view for view in views if not view.done)

    def _commit(self, number: LeaseId, *, reserve: int, give_back: bool) -> None:
        """Commit the changes of a lease to the queue, and report the result as an event.

        If the lease is lost, its running task is stopped.
        """
        lease = self._leases.get(number)
        if lease is None:
            return
        try:
            if not self._write(lease, reserve=reserve, give_back=give_back):
                self.tell(on.LeaseLeft(number, lost=True))
                return
        except LeaseLost as error:
            log.warning("%s: its running task is dropped", error)
            self.tell(on.LeaseLeft(number, lease.lost))
        except QueueUnavailable as error:
            log.warning("the queue does not answer, and the running task continues: %s", error)
            self.tell(on.QueueSilent())
        else:
            self.tell(on.Committed(self.view(number, lease)))

    def _let_go(self, number: LeaseId) -> None:
        """Release a lease, and then stop its running task. Report this as an event, even if the queue does not answer.

        A task that is about to start does not start after the release.
        """
        lease = self._leases.get(number)
        if lease is None:
            return
        try:
            if not lease.lost:
                self._note_interrupted(number, lease)
                self._write(lease, release=True)
        except LeaseLost as error:
            log.info("no lease is returned: %s", error)
        except QueueUnavailable as error:
            log.warning("the queue does not answer; the leases are given back later: %s", error)
            self.tell(on.QueueSilent())
        finally:
            self.tell(on.LeaseLeft(number, lease.lost))

    def _note_interrupted(self, number: LeaseId, lease: Lease) -> None:
        """If the job of a lease was killed or stopped, add the outcome of the running attempt to the lease.

        The commit that releases the lease records this outcome.
        """
        with self._changed:
            running = self._decisions.running_in(number)
        ended = any(job.uid == lease.job.uid and job.was_ended for job in self._jobs.jobs)
        if running is not None and ended:
            lease.add_interrupted(running[0], max(0.0, self._clock() - running[1]))

    @staticmethod
    def _write(lease: Lease, **wanted: Any) -> bool:
        """Commit the changes of a lease. If an outcome cannot be recorded, record the outcome `internal` instead.

        `wanted`: arguments of `Lease.commit`. Return True after a commit. If the block cannot be read or written, give
        the lease up and return False. Raises any other KubequeError that `Lease.commit` raises.
        """
        try:
            try:
                lease.commit(**wanted)
            except KubequeError:
                raise
            except Exception as error:
                log.exception("%s: a commit failed, trying again without the outcome that cannot be stored", lease)
                lease.commit_each(describe(error))
                lease.commit(**wanted)
            return True
        except JobUnreadable as error:
            log.error("%s: given up: %s", lease, error)
        except KubequeError:
            raise
        except Exception:
            log.exception("%s: the lease is given up, because its block cannot be written", lease)
        lease.give_up()
        return False

    def fail_all(self, message: str) -> None:
        """Release all leases, because this process ends after an unexpected error. `message`: message of the outcomes.

        The tasks that have begun end first, with the cause `internal`. If no task has begun, all reserved tasks end
        with this cause. So if each consumer has the same error, the error uses up the attempts of these tasks.
        """
        with self._changed:
            self._ending = True
            leases = [lease for lease in self._leases.values() if lease.held]
        begun = any(not lease.idle for lease in leases)
        for lease in leases:
            lease.fail_reserved(message, untouched=not begun)
        for lease in leases:
            try:
                self._write(lease, release=True)
            except KubequeError as error:
                log.warning("%s is not released: %s", lease, error)

    # ------------------------------------------------------------------ jobs
    def list_jobs(self) -> tuple[Job, ...]:
        """Read the jobs of the fleet, report them to the decisions, and return them. Raises QueueUnavailable."""
        jobs = self._jobs.read()
        self.tell(on.JobsListed(jobs))
        return jobs

    def set_aside(self, job: Job, reason: str) -> None:
        """Stop a job that no consumer can run, because its spec or blocks are damaged. `reason`: what is damaged."""
        log.warning("%s: %s", job.name, reason)
        try:
            job = self._limit_checks.set_aside(job, reason)
        except (QueueUnavailable, JobNotFound, JobUnreadable) as error:
            log.warning("%s cannot be stopped now: %s", job.name, error)
            return
        self._jobs.replace(job)

    def judge(self, job: Job, *, hopeless: bool = False) -> None:
        """End the job if it has reached a limit. If the job is not open, release the leases of this job.

        `hopeless`: True to check also whether the first attempts of the job all failed in the same way.
        """
        try:
            job = self._limit_checks.judge(job, hopeless=hopeless)
        except (QueueUnavailable, JobNotFound, JobUnreadable) as error:
            log.warning("%s: cannot check now whether the job must end early: %s", job.name, error)
            return
        except KubequeError:
            raise
        except Exception:
            log.exception("%s: cannot check whether the job must end early", job.name)
            return
        if not job.open:
            self._jobs.replace(job)
            self.tell(on.JobClosed(job, self.views()))
