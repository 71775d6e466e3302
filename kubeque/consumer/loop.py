"""One consumer: its threads, from start to end.

Three threads form a pipeline: `task_source` stages the next task, the main thread runs the current task, and `results`
saves the previous task. The threads of `heartbeat` and `log_upload` work periodically. All threads report events to
`Decisions` through the coordinator.

A task runs only after the queue has stored its reservation. If an attempt has a result, its outcome is committed only
after its result.json is stored.
"""

from __future__ import annotations

import logging
import math
import os
import queue as threads_queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.attempt import process_tree
from kubeque.consumer.attempt.failure import describe
from kubeque.consumer.attempt.staged_task import FinishedTask, StagedTask
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.coordinator import Coordinator
from kubeque.consumer.decisions import Decisions
from kubeque.consumer.heartbeat import Heartbeat
from kubeque.consumer.hosts.base import Host
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.job_discovery import JobDiscovery
from kubeque.consumer.limit_checks import LimitChecks
from kubeque.consumer.log_upload import LogUploader
from kubeque.consumer.results import Saver
from kubeque.consumer.rules.leaving import LEAVE_SECONDS
from kubeque.consumer.runner import Runner
from kubeque.consumer.task_source import TaskSource
from kubeque.files.store import Files
from kubeque.model.errors import KubequeError, QueueError, QueueUnavailable
from kubeque.model.job.causes import Cause
from kubeque.queues.queue import Queue
from kubeque.queues.running_command import RunningCommand

#: Age of the list of jobs at which a consumer reads it again before it reserves a task, seconds. A job may have been
#: paused since the last read. If each read costs money, the consumer uses the list of its last review, which is at most
#: about five seconds old.
_LIST_SECONDS = 1.0

log = logging.getLogger(__name__)
#: Seconds between two checks for a request to leave, while no task is staged.
_LOOK_SECONDS = 0.1


class Consumer:
    """One consumer of a fleet."""

    def __init__(self, queue: Queue, files: Files, host: Host) -> None:
        self._queue = queue
        self._host = host
        self._leaving, self._over = threading.Event(), threading.Event()
        self._told_to_leave, self._told_at = False, 0.0
        self._stop = StopSignal()
        self._staged: threads_queue.Queue[StagedTask] = threads_queue.Queue(maxsize=1)
        self._done: threads_queue.Queue[FinishedTask | None] = threads_queue.Queue()
        list_seconds = _LIST_SECONDS if queue.has_cheap_reads else math.inf
        self._decisions = Decisions(host.profile, list_seconds=list_seconds)
        jobs, limit_checks = JobDiscovery(queue, host.fleet, host.select_jobs), LimitChecks(queue)
        self._coordinator = Coordinator(
            self._decisions, jobs, limit_checks, stop=self._stop, reset_stop=self._reset_stop, leaving=self._leaving
        )
        self._runner = Runner(self._coordinator, host, self._stop, lambda: self._told_to_leave)
        self._source = TaskSource(queue, files, host, self._coordinator, self._staged, self._leaving, RunningCommand())
        self._heartbeat = Heartbeat(queue, self._coordinator, jobs, limit_checks, host, self._over)
        self._logs = LogUploader(queue, files, lambda: self._runner.running, self._leaving)
        self._saver = Saver(
            files, self._coordinator, self._done, self._logs.keep_log, grace_is_over=self._grace_is_over,
            is_charged=self._is_charged, start=self._start,
        )  # fmt: skip

    def leave(self) -> None:
        """Leave as soon as possible: stop the command, record the finished tasks, and give back the other tasks."""
        self._told_at = time.monotonic()
        self._told_to_leave = True  # without a lock, because a signal handler calls this method
        self._stop.set(Cause.PREEMPTED)

    def _grace_is_over(self) -> bool:
        return self._told_to_leave and time.monotonic() - self._told_at > LEAVE_SECONDS

    def _is_charged(self, task: StagedTask) -> bool:
        """True if the interrupted run of a task is charged to the budget of the cause `preempted`.

        The run is charged if this consumer leaves for a reason outside of kubeque.
        """
        if not self._host.charges_leaving:
            return False
        try:
            job = self._queue.find(task.job.name)
        except KubequeError:
            return True
        unchanged = job is not None and job.uid == task.job.uid and job.sent_home == task.job.sent_home
        return job is not None and job.open and unchanged

    @property
    def retired(self) -> bool:
        """True if this consumer leaves because fewer consumers are wanted, its home is gone, or a job requests it."""
        return self._decisions.retired

    def run(self) -> None:
        """Run tasks until the consumer leaves: without work for some time, after `leave`, or if `retired` is True.

        Raises QueueError if the queue cannot be used. Raises QueueUnavailable if the queue or a store was silent for
        too long.
        """
        self._host.work.mkdir(parents=True, exist_ok=True)
        self._queue.self_test()
        self._coordinator.list_jobs()
        saver = self._start(self._saver.run, "saver")
        clocked = [self._start(self._heartbeat.run, "heartbeat"), self._start(self._logs.run, "log upload")]
        # The supplying thread starts last, so that nothing is claimed if a thread cannot be started.
        supplier = self._start(self._source.run, "supplier")
        try:
            self._run_tasks()
        except QueueError:
            raise
        except Exception as error:
            self._abort(error)
        finally:
            self._leaving.set()
            self._coordinator.tell(on.RunLoopEnded())
            supplier.join()
            self._done.put(None)
            saver.join()
            while not self._coordinator.tell(on.AllSaved(self._coordinator.views(), self._told_to_leave)):
                pass
            self._over.set()
            for thread in clocked:
                thread.join()
            self._report_unrecorded()

    def _report_unrecorded(self) -> None:
        """Raise QueueUnavailable if the consumer leaves because the queue or a store was silent for too long.

        If `leave` was called too, only log this.
        """
        left = sum(view.waiting for view in self._coordinator.views())
        if self._decisions.gave_up:
            message = f"the queue or a store was silent for too long: {left} results are lost; their tasks run again"
            if not self._told_to_leave:
                raise QueueUnavailable(message)
            log.error("%s", message)

    def _run_tasks(self) -> None:
        while do.Leave() not in (order := self._tell_ready()):
            if order:
                continue
            with suppress(threads_queue.Empty):
                finished = self._runner.run(self._staged.get(timeout=_LOOK_SECONDS))
                if finished is not None:
                    self._done.put(finished)

    def _tell_ready(self) -> list[Instruction]:
        """Report that no command runs, and return the instructions. If no command may begin now, wait for an event."""
        changes = self._coordinator.changes
        order = self._coordinator.tell(on.RunnerReady(self._told_to_leave))
        if do.AwaitChange() in order:
            self._coordinator.await_change(changes + 1, _LOOK_SECONDS)
        return order

    def _reset_stop(self) -> None:
        self._stop.clear()
        if self._told_to_leave:
            self._stop.set(Cause.PREEMPTED)

    def _start(self, work: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=self._run_or_abort, args=(work,), name=name, daemon=True)
        thread.start()
        return thread

    def _run_or_abort(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._abort(error)

    def _abort(self, error: BaseException) -> NoReturn:
        """End this process after an error outside of the tasks, for example because the queue cannot be used.

        If the error is unexpected, the tasks of this consumer end with the cause `internal`. If each consumer has the
        same error, the error uses up the attempts of these tasks. Other processes reap the leases that are not
        released.
        """
        expected = isinstance(error, QueueError)
        reason = str(error) if expected else f"an error in kubeque, please report it: {describe(error)}"
        log.error("the consumer ends: %s", reason, exc_info=not expected and error)
        try:
            self._leaving.set()
            if not expected:
                self._coordinator.fail_all(describe(error))
            self._host.record_error(reason)
        except Exception:
            log.exception("the tasks of this consumer are left to other consumers")
        finally:
            process_tree.kill_all(process_tree.own_children())
            os._exit(1)
