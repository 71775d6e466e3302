"""The consumer: takes tasks, runs them one at a time, and keeps its word to the queue meanwhile.

Three threads make a pipeline: the supplier stages the next task, the main thread runs this one, the saver uploads the
last one. A fourth renews leases and looks at the jobs. A task runs only after the commit that reserved it is known to
be in the store, and an outcome is committed only when its result.json is there.
"""

from __future__ import annotations

import logging
import os
import queue as threads_queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from kubeque.consumer.assignment import Assignment
from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.disk_watch import DiskWatch
from kubeque.consumer.attempt.environment import task_environment
from kubeque.consumer.attempt.log_tail import shown
from kubeque.consumer.attempt.process import Ended, Limits, run_command
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.heartbeat import Heartbeat
from kubeque.consumer.log_upload import LogShipper
from kubeque.consumer.results import save, unstored
from kubeque.consumer.settings import Settings
from kubeque.consumer.task_source import TaskSource, give_up
from kubeque.files.store import Files
from kubeque.model.errors import KubequeError, QueueUnavailable, StorageError
from kubeque.model.job.shapes import lift_class
from kubeque.model.job.task import Cause, Outcome
from kubeque.queues.queue import Queue
from kubeque.retry import idle_pauses

log = logging.getLogger(__name__)
_STORE_TRIES = (0.2, 1.0, 3.0, 10.0, 30.0)
#: A task that has ended is waited for so long before the next one is reserved without it.
_SAVE_SECONDS = 1.0


class Consumer:
    """One consumer of a fleet."""

    def __init__(self, queue: Queue, files: Files, settings: Settings) -> None:
        self._queue = queue
        self._files = files
        self._settings = settings
        self._supply = TaskSource(queue, files, settings)
        self._staged: threads_queue.Queue[Assignment] = threads_queue.Queue(maxsize=1)
        self._done: threads_queue.Queue[Assignment | None] = threads_queue.Queue(maxsize=4)
        self._leaving = threading.Event()
        self._told = False
        self._saved = threading.Condition()
        #: Tasks begun and not saved yet.
        self._under_way = 0
        self._stop = StopSignal()
        self._renewal = Heartbeat(queue, self._supply, settings, stop=self._stop, leaving=self._leaving)
        self._shipper = LogShipper(queue, files, lambda: self._renewal.running, self._leaving)
        self._idle_since: float | None = None

    # ------------------------------------------------------------------ from outside
    def leave(self) -> None:
        """Stop as soon as can be: the command gets SIGTERM, what is finished is recorded, the rest given back."""
        self._told = True  # no lock is taken here: this is called from a signal handler
        self._stop.set(Cause.PREEMPTED)

    @property
    def retired(self) -> bool:
        """Is it one of those that are not wanted any more?"""
        return self._renewal.surplus

    def run(self) -> None:
        """Work until nothing has been left to do for a while, `leave` was called, or fewer consumers are wanted."""
        self._settings.work.mkdir(parents=True, exist_ok=True)
        self._queue.self_test()
        self._renewal.look_for_jobs()
        helpers = [
            threading.Thread(target=_or_die, args=(work,), name=work.__name__, daemon=True)
            for work in (self._supplying, self._saving, self._renewal.renewing, self._shipper.shipping)
        ]
        for helper in helpers:
            helper.start()
        try:
            while not self._finished():
                try:
                    assignment = self._staged.get(timeout=0.1)
                except threads_queue.Empty:
                    continue
                self._run(assignment)
        finally:
            self._leaving.set()
            self._wind_up(helpers)

    def _finished(self) -> bool:
        idle = self._idle_since
        return (
            self._told or self.retired or (idle is not None and time.monotonic() - idle > self._settings.linger_seconds)
        )

    def _wind_up(self, helpers: list[threading.Thread]) -> None:
        helpers[0].join()  # the supplier: whatever it staged is in the queue of staged tasks now
        self._unstage()
        self._done.put(None)
        helpers[1].join()
        for lease in list(self._supply.leases):
            if not lease.lost:
                give_up(lease)
        for helper in helpers[2:]:
            helper.join()

    # ------------------------------------------------------------------ this task runs
    def _run(self, a: Assignment) -> None:
        began = time.monotonic()
        runs = a.refusal is None and a.workdir is not None
        if runs:
            self._renewal.began(a)  # before the look at the lease: who lets go of it after that sees what to stop
        kept = a.lease.held and not self._told
        if kept and runs:
            self._settings.journal({"uid": a.job.uid, "index": a.index, "attempt": a.attempt})
            a.ended = self._command(a)
            self._settings.tidy()
            self._supply.known(a.job).recent.append(time.monotonic() - began)
        if runs:
            self._renewal.finished()
            self._stop.clear()
            if self._told:
                self._stop.set(Cause.PREEMPTED)
        if kept:
            self._done.put(a)
        else:
            self._drop(a)

    def _command(self, a: Assignment) -> Ended:
        assert a.workdir is not None
        shape = a.spec.shapes[lift_class(a.spec.shapes, a.lease.block.size_class, a.lease.job.floor)]
        env = task_environment(
            a.spec,
            a.row,
            job_name=a.job.name,
            index=a.index,
            attempt=a.attempt,
            out_path=a.workdir.out,
            base=self._settings.environment,
        )
        watched = self._settings.watched
        disk = DiskWatch(watched, shape.disk) if shape.disk is not None and watched else None
        limits = Limits(a.spec.task_timeout, a.spec.grace_seconds, shape.memory)
        with shown((a.workdir.stdout, a.workdir.stderr), self._settings.show, f"[{a.job.name} {a.index}] "):
            return run_command(
                a.argv,
                cwd=a.workdir.path,
                env=env,
                stdout=a.workdir.stdout,
                stderr=a.workdir.stderr,
                limits=limits,
                stop=self._stop,
                oom=self._settings.oom,
                disk=disk,
                begun=self._settings.runs,
            )

    # ------------------------------------------------------------------ the next one is staged
    def _supplying(self) -> None:
        pauses = idle_pauses()
        while not self._leaving.is_set():
            try:
                assignment = self._next()
            except (QueueUnavailable, StorageError) as error:
                log.warning("no task could be taken, trying again: %s", error)
                self._leaving.wait(random.uniform(0.5, 2.0))
                continue
            if assignment is None:
                if self._idle_since is None and self._under_way == 0:
                    self._idle_since = time.monotonic()
                self._leaving.wait(next(pauses))
                continue
            self._idle_since, pauses = None, idle_pauses()
            self._count(+1)
            if assignment.refusal is not None and not assignment.refusal.permanent:
                self._leaving.wait(min(30.0, 0.5 * 2**assignment.attempt))  # a node with a fault must not eat the queue
            self._hand_over(assignment)

    def _hand_over(self, assignment: Assignment) -> None:
        while not self._leaving.is_set() and not self._renewal.runs_long:
            with suppress(threads_queue.Full):
                self._staged.put(assignment, timeout=0.2)
                return
        self._drop(assignment)

    def _unstage(self) -> None:
        """What is staged and has not begun may be given back: others need not wait for what runs here."""
        with suppress(threads_queue.Empty):
            while True:
                self._drop(self._staged.get_nowait())

    def _next(self) -> Assignment | None:
        supply = self._supply
        if self._renewal.runs_long:
            self._unstage()
            self._wait_until_saved()
        supply.drop_done()
        assignment = supply.take()
        if assignment is not None:
            return assignment
        if supply.resume():
            self._reserve_more()
            return supply.take()
        if supply.current is not None and not supply.may_run_ahead(supply.current):
            self._wait_until_saved()  # what runs may have to run again, and then it is this consumer's
            if supply.resume():
                return None
        if self._idle_since is not None or not self._renewal.jobs:
            self._renewal.look_for_jobs()
        supply.claim(self._renewal.jobs)
        return supply.take()

    def _reserve_more(self) -> None:
        """Reserve the next tasks of the current lease; what is waiting is recorded by the way."""
        lease = self._supply.current
        if lease is None:
            return
        if not self._supply.may_run_ahead(lease) or self._renewal.runs_long:
            self._wait_until_saved()
        if not self._leaving.is_set():
            self._renewal.commit(lease, reserve=self._supply.reserve_now(lease))

    def _wait_until_saved(self) -> None:
        """Until the running task has ended and been saved, or its result takes long to upload."""
        with self._saved:
            ended_at: float | None = None
            while self._under_way and not self._leaving.is_set():
                if self._renewal.runs_long:
                    self._unstage()
                busy = self._renewal.running is not None or not self._staged.empty()
                ended_at = None if busy else ended_at or time.monotonic()
                if ended_at is not None and time.monotonic() - ended_at > _SAVE_SECONDS:
                    return
                self._saved.wait(0.05)

    # ------------------------------------------------------------------ the last one is saved
    def _saving(self) -> None:
        while (a := self._done.get()) is not None:
            try:
                self._save(a)
            finally:
                self._clean(a)
                self._count(-1)

    def _save(self, a: Assignment) -> None:
        if a.ended is not None and a.ended.cause in (Cause.KILLED, Cause.PREEMPTED):
            self._shipper.last_words(a)
            a.lease.untake(a.index)
            return
        outcome = self._stored(a)
        if outcome is None:
            a.lease.untake(a.index)
            return
        a.lease.ended(outcome)
        at_once = self._renewal.noted(a, outcome.cause)
        # At the end of the block nobody else will bring a reason to commit soon.
        last = not a.lease.untouched and a.lease.block.tally().pending == 0
        if (at_once or last) and not self._leaving.is_set():
            self._renewal.commit(a.lease)

    def _stored(self, a: Assignment) -> Outcome | None:
        """The outcome, once its result is durable. The store may be away for a while: the lease is kept meanwhile."""
        for wait in (*_STORE_TRIES, None):
            try:
                return save(self._files, a)
            except StorageError as error:
                if wait is None or a.lease.lost:
                    return unstored(a, str(error))
                log.warning("%s %d: %s; trying again in %.1f s", a.job.name, a.index, error, wait)
                self._leaving.wait(wait)
        raise AssertionError("unreachable")

    def _count(self, change: int) -> None:
        with self._saved:
            self._under_way += change
            self._saved.notify_all()

    def _drop(self, a: Assignment) -> None:
        """It has not begun, and may be given back."""
        a.lease.untake(a.index)
        self._clean(a)
        self._count(-1)

    @staticmethod
    def _clean(a: Assignment) -> None:
        for problem in a.workdir.remove() if a.workdir else ():
            log.warning("%s %d: not removed: %s", a.job.name, a.index, problem)


def _or_die(work: Callable[[], None]) -> None:
    """Run a thread of the consumer. Without it the others would wait for ever: an error in one ends the process.

    That is safe at any moment: what it held is taken back like that of any dead consumer.
    """
    try:
        work()
    except BaseException as error:
        if isinstance(error, KubequeError):
            log.error("the consumer ends: %s", error)
        else:
            log.exception("the consumer ends: its thread failed")
        process_tree.kill_all(process_tree.own_children())
        os._exit(1)
