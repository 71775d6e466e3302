"""The supplying thread of a consumer.

The thread claims blocks and reserves tasks. While a task runs, it stages the next task.
"""

from __future__ import annotations

import logging
import queue as threads_queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.attempt.failure import Failure, describe, internal_failure, stage_failure
from kubeque.consumer.attempt.input_cache import CACHE_BYTES, InputCache, StageFailed
from kubeque.consumer.attempt.staged_task import StagedTask
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.consumer.coordinator import Coordinator
from kubeque.consumer.events import LeaseId
from kubeque.consumer.hosts.base import Host
from kubeque.consumer.idle_polls import idle_pauses
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.job_discovery import JobsAside
from kubeque.files.inputs.cache_folder import CACHE
from kubeque.files.layout import input_names
from kubeque.files.rows.row_pages import PageReader
from kubeque.files.spec_file import read_spec
from kubeque.files.store import Files
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import (
    ClusterError,
    CommandError,
    EnvironmentGone,
    FileDamaged,
    FileMissing,
    JobNotFound,
    JobUnreadable,
    KubequeError,
    QueueUnavailable,
    StorageError,
    StoreUnavailable,
)
from kubeque.model.job.argv import task_argv
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.recently_used import RecentlyUsed
from kubeque.model.rows.rows import read_row
from kubeque.queues.claim import claim
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from kubeque.queues.running_command import RunningCommand

log = logging.getLogger(__name__)
#: Maximum number of specs that the consumer keeps in memory.
_SPECS = 50
#: Seconds between two tries to hand over a staged task, and longest wait for an event of another thread in seconds.
_HAND_OVER_SECONDS, _CHANGE_SECONDS = 0.2, 0.05


@dataclass(frozen=True, slots=True)
class JobContext:
    """The data of a job that all of its tasks need."""

    spec: JobSpec
    #: Reads the rows of the job.
    pages: PageReader
    #: Environment variables and umask that the tasks inherit.
    environment: Environment


class TaskSource:
    """Claims blocks, reserves tasks and stages tasks."""

    def __init__(
        self, queue: Queue, files: Files, host: Host, coordinator: Coordinator,
        staged: threads_queue.Queue[StagedTask], leaving: threading.Event, command: RunningCommand,
    ) -> None:  # fmt: skip
        self._queue = queue
        self._files = files
        self._host = host
        self._coordinator = coordinator
        self._staged = staged
        self._leaving = leaving
        self._command = command
        self._cache = InputCache(host.work / CACHE, files, CACHE_BYTES)
        self._contexts = RecentlyUsed[tuple[str, int], JobContext](_SPECS)
        #: Uid and revision of the jobs for which this consumer has claimed a block, or found no block to claim.
        self._begun: set[tuple[str, int]] = set()
        self._aside = JobsAside()
        self._pauses: Iterator[float] = idle_pauses()

    def run(self) -> None:
        """Supply tasks until the consumer leaves. Then give back the staged tasks."""
        more = True
        while more:
            try:
                more = self._step()
            except (QueueUnavailable, StorageError, JobNotFound, JobUnreadable) as error:
                log.warning("no task could be taken, trying again: %s", error)
                if isinstance(error, QueueUnavailable):
                    self._coordinator.tell(on.QueueSilent())
                self._coordinator.tell(on.SupplyFailed())
        self._return_staged()

    def _step(self) -> bool:
        """Get the next instructions and carry them out. Return False once the consumer leaves.

        Raises QueueUnavailable, StorageError, JobNotFound, JobUnreadable.
        """
        changes = self._coordinator.changes
        instructions = self._coordinator.tell(on.SupplierReady(self._coordinator.drop_done()))
        for instruction in instructions:
            self._carry_out(instruction, changes + 1)
        return not any(isinstance(instruction, do.Leave) for instruction in instructions)

    def _carry_out(self, instruction: Instruction, changes: int) -> None:
        match instruction:
            case do.StageTask(number):
                self._supply_from(number)
            case do.Claim(job, reserve):
                self._claim(job, reserve)
            case do.ListJobs():
                self._coordinator.list_jobs()
            case do.AwaitChange():
                self._coordinator.await_change(changes, _CHANGE_SECONDS)
            case do.ReturnStaged():
                self._return_staged()
            case do.Pause():
                self._leaving.wait(next(self._pauses))

    # ------------------------------------------------------------------ claiming
    def _claim(self, job: Job, reserve: int) -> None:
        """Try to lease a block of a job, and report the result as an event. Raises QueueUnavailable."""
        lease = None
        if not self._aside.has(job, time.monotonic()) and self._store_answers(job):
            try:
                lease = self._lease_block(job, reserve)
            except JobUnreadable as error:  # all ready blocks are damaged
                self._coordinator.set_aside(job, str(error))
            except KubequeError:
                raise
            except Exception as error:
                self._set_aside(job, error)
        self._coordinator.tell(on.LeaseClaimed(self._coordinator.add(lease)) if lease else on.NothingClaimed())

    def _lease_block(self, job: Job, reserve: int) -> Lease | None:
        profile, key = self._host.profile, (job.uid, job.revision)
        number = None if key in self._begun else self._host.number
        lease = claim(
            self._queue, job, profile.owner, size_classes=profile.size_classes(job), reserve=reserve, number=number,
            command=self._command,
        )  # fmt: skip
        self._begun.add(key)
        self._aside.remove(job)
        return lease

    def _store_answers(self, job: Job) -> bool:
        """True if the spec of the job was read. False if the store did not answer or refused the read.

        Also True if the spec can never be read. Each task of the job then ends with this error.
        """
        try:
            self._context(job)
        except (FileMissing, FileDamaged):
            return True
        except StorageError as error:
            log.warning("%s: its spec cannot be read: %s", job.name, error)
            if isinstance(error, StoreUnavailable):
                self._coordinator.tell(on.StoreSilent(job.uid, limit=job.results_wait))
            return False
        except Exception as error:
            log.info("%s: its spec cannot be read: %s", job.name, describe(error))
        return True

    def _set_aside(self, job: Job, error: Exception) -> None:
        """Claim nothing from a job for a while, because a claim failed. Stop the job after repeated failures."""
        log.error("%s: no task could be claimed: an error in kubeque", job.name, exc_info=error)
        if not self._aside.add(job, time.monotonic()) or isinstance(error, MemoryError | OSError):
            return
        try:
            self._queue.stop(job, f"its tasks cannot be claimed ({describe(error)})")
        except (JobNotFound, JobUnreadable) as gone:
            log.info("%s", gone)

    def _context(self, job: Job) -> JobContext:
        """Return the spec, the pages and the environment of a job. Read them once for each revision.

        Raises StorageError if the store or the environment cannot be read.
        """
        return self._contexts.get((job.uid, job.revision), lambda: self._read(job))

    def _read(self, job: Job) -> JobContext:
        spec = read_spec(self._files, job)
        pages = PageReader(job.url, self._files, spec.rows.pages)
        return JobContext(spec, pages, self._environment(job, spec))

    def _environment(self, job: Job, spec: JobSpec) -> Environment:
        """Return the environment that the tasks of a job inherit. Raises StorageError if it cannot be read.

        If the stored environment does not exist any more, also stop the job.
        """
        try:
            return self._host.environment_of(job, spec)
        except (EnvironmentGone, ClusterError) as error:
            if isinstance(error, EnvironmentGone):
                with suppress(JobNotFound, JobUnreadable):
                    self._queue.stop(job, str(error))
            raise StorageError(str(error)) from error

    # ------------------------------------------------------------------ staging
    def _supply_from(self, number: LeaseId) -> None:
        """Stage the next task of a lease and hand it over to the main thread. Raises StorageError."""
        lease = self._coordinator.lease(number)
        try:
            context, failure = self._read_context(lease.job)
            task = self._stage_next(number, lease, context, failure)
        except StoreUnavailable as error:
            log.warning("%s: no task can begin, trying again: %s", lease.job.name, error)
            self._coordinator.tell(on.StoreSilent(lease.job.uid, limit=lease.job.results_wait))
            return
        if task is None:
            self._coordinator.tell(on.NothingTaken())
            return
        self._pauses = idle_pauses()
        faulty = task.failure is not None and not task.failure.final
        for instruction in self._coordinator.tell(on.TaskStaged(task.attempt if faulty else None)):
            if isinstance(instruction, do.HandOver):
                self._hand_over(task, instruction.after_seconds)

    def _hand_over(self, task: StagedTask, after_seconds: float) -> None:
        if after_seconds:
            self._leaving.wait(after_seconds)
        while not self._coordinator.tell(on.HandOverDue()):
            with suppress(threads_queue.Full):
                self._staged.put(task, timeout=_HAND_OVER_SECONDS)
                return
        self._give_back(task)

    def _return_staged(self) -> None:
        """Give back the staged tasks, so that they do not wait for the running command of this consumer."""
        with suppress(threads_queue.Empty):
            while True:
                self._give_back(self._staged.get_nowait())

    def _give_back(self, task: StagedTask) -> None:
        task.give_back()
        self._coordinator.tell(on.TaskLeft(staged=True))

    def _read_context(self, job: Job) -> tuple[JobContext | None, Failure | None]:
        """Return (the context of a job, None); if the context can never be read, (None, the failure of its tasks).

        Raises StorageError if a later read may succeed, for example if the store does not answer.
        """
        try:
            return self._context(job), None
        except (FileMissing, FileDamaged) as error:
            return None, stage_failure(error)
        except StorageError:
            raise
        except Exception as error:
            return None, internal_failure(error, f"{job.name}: reading its spec")

    def _stage_next(
        self, number: LeaseId, lease: Lease, context: JobContext | None, failure: Failure | None
    ) -> StagedTask | None:
        """Take the next reserved task of a lease, stage it and return it. Return None if no task may begin now.

        Raises StoreUnavailable if the store does not answer; the consumer then waits. Any other error of staging is the
        failure of the attempt. `failure`: failure of the attempt if `context` is None.
        """
        taken = lease.take()
        if taken is None:
            return None
        task = StagedTask(number, lease, lease.job, *taken, failure=failure)
        return task if context is None else self._stage(task, context)

    def _stage(self, task: StagedTask, context: JobContext) -> StagedTask:
        spec, began = context.spec, time.monotonic()
        try:
            row = read_row(spec.rows, task.index, context.pages.page)
            names = input_names(spec, row)
            task = replace(
                task, read_spec=spec, row=row, argv=task_argv(spec, row, names), environment=context.environment
            )
            workdir = Workdir(self._host.work, f"{task.job.uid}-{task.index}-{task.folder}")
            task = replace(task, workdir=workdir)
            own = [spec.row_inputs[path] for path in names if path in spec.row_inputs]
            workdir.stage([*spec.inputs, *own], self._cache, row=row)
        except StoreUnavailable:
            task.give_back()
            raise
        except (StageFailed, StorageError, CommandError) as error:
            task = replace(task, failure=stage_failure(error))
        except Exception as error:
            task = replace(task, failure=internal_failure(error, f"{task}: staging"))
        return replace(task, staging=time.monotonic() - began)
