"""The saving thread of a consumer.

The thread uploads the files of an attempt, and then result.json. An attempt without result.json has no result.
"""

from __future__ import annotations

import json
import logging
import queue as threads_queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from kubeque.consumer import events as on
from kubeque.consumer.attempt.failure import Failure, internal_failure
from kubeque.consumer.attempt.log_tail import QUOTED_CHARACTERS, last_lines, stream_problem
from kubeque.consumer.attempt.out_values import read_out, split_for_queue
from kubeque.consumer.attempt.process import Ended
from kubeque.consumer.attempt.staged_task import FinishedTask, StagedTask
from kubeque.consumer.attempt.upload import upload_files, upload_streams
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.consumer.coordinator import Coordinator
from kubeque.consumer.rules.outage import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS
from kubeque.files.layout import attempt_url, manifest_url
from kubeque.files.store import Files
from kubeque.model.errors import KubequeError, StorageError, StoreUnavailable
from kubeque.model.job.causes import Cause
from kubeque.model.job.task import Outcome
from kubeque.model.text import QUOTED_LINES, printable
from kubeque.queues.early_stop import early_attempts
from kubeque.retry import growing_pauses, retry

log = logging.getLogger(__name__)
#: Shortest run of a command, in seconds, that is charged if the command is stopped because its consumer has to leave.
_CHARGED_SECONDS = 1.0
_WHERE = "see the events and the status of its pods; an observer with permission to list pods records the reason"
#: Messages of an attempt that ended because its row was killed.
_KILLED = "killed by a user while it ran"
_KILLED_LATER = "killed by a user while its result waited for the store"
#: Shortest time between two messages in the log about the same upload, seconds.
_LOG_SECONDS = 60.0


class Saver:
    """Saves finished tasks one after another: uploads each result, and adds its outcome to the lease.

    If a store does not answer, a separate thread uploads the result later. So results for other stores do not wait.
    """

    def __init__(
        self, files: Files, coordinator: Coordinator, done: threads_queue.Queue[FinishedTask | None],
        keep_log: Callable[[FinishedTask], None], *, grace_is_over: Callable[[], bool],
        is_charged: Callable[[StagedTask], bool], start: Callable[[Callable[[], None], str], threading.Thread],
    ) -> None:  # fmt: skip
        """`done`: queue of finished tasks; None ends the work. `keep_log`: uploads the log if an attempt has no result.

        `grace_is_over`: returns True once a consumer that has to leave has no time left. `is_charged`: returns True if
        an interrupted run is charged to the task. `start`: starts a thread with a name, and returns it.
        """
        self._files = files
        self._coordinator = coordinator
        self._done = done
        self._keep_log = keep_log
        self._grace_is_over = grace_is_over
        self._is_charged = is_charged
        self._start = start

    def run(self) -> None:
        """Save tasks until the queue of finished tasks yields None. Then wait for the threads that upload results."""
        later: list[threading.Thread] = []
        while (finished := self._done.get()) is not None:
            try:
                self._end(finished, self._save)
            except StoreUnavailable as error:
                _warn(finished.task, error)
                job = finished.task.job
                self._coordinator.tell(on.StoreSilent(job.uid, unsaved=True, limit=job.results_wait))
                later = [thread for thread in later if thread.is_alive()]
                later.append(self._start(partial(self._end, finished, self._save_later), "upload"))
        for thread in later:
            thread.join()

    def _end(self, finished: FinishedTask, save: Callable[[FinishedTask], Outcome | None]) -> None:
        """Save a task with the function `save`, and report that the task has left the consumer.

        Raises StoreUnavailable if the store does not answer. The task is then not saved and stays in the consumer.
        """
        try:
            outcome = save(finished)
        except StoreUnavailable:
            raise
        except Exception as error:
            outcome = make_unstored_outcome(finished, internal_failure(error, f"{finished.task}: storing its results"))
        try:
            if outcome is not None:
                self._record(finished.task, outcome)
        finally:
            finished.task.remove_workdir()
            self._coordinator.tell(on.TaskLeft())

    def _save(self, finished: FinishedTask) -> Outcome | None:
        """Store the result of an attempt, and return its outcome; None if the attempt does not count.

        Raises StoreUnavailable if the store does not answer. Any other error of the store becomes the outcome `store`.
        """
        ended = finished.ended
        stopped = ended is not None and ended.cause in (Cause.KILLED, Cause.PREEMPTED)
        if stopped or finished.failure is not None:
            self._keep_log(finished)  # before the lease is released, because the task may start again after that
        if stopped:
            return self._interrupted(finished)
        try:
            return save(self._files, finished)
        except StoreUnavailable:
            raise
        except StorageError as error:
            return make_unstored_outcome(finished, Failure(Cause.STORE, str(error)))

    def _interrupted(self, finished: FinishedTask) -> Outcome | None:
        """Return the outcome of an attempt that was stopped; None if the attempt does not count."""
        task, ended = finished.task, finished.ended
        if ended is not None and ended.cause is Cause.KILLED and task.lease.held:
            return make_unstored_outcome(finished, Failure(Cause.KILLED, _KILLED))
        if ended is None or ended.cause is not Cause.PREEMPTED or ended.seconds < _CHARGED_SECONDS:
            return None
        if not self._is_charged(task):
            return None
        times = task.lease.block.record(task.index).charges.get(Cause.PREEMPTED, 0) + 1
        most = task.job.budgets.extra.get(Cause.PREEMPTED, 0) + 1
        return make_unstored_outcome(
            finished, Failure(Cause.PREEMPTED, f"its pod had to leave, {times} of {most} times: {_WHERE}")
        )

    def _save_later(self, finished: FinishedTask) -> Outcome | None:
        """Save a task as soon as its store answers, and return the outcome.

        The consumer keeps the lease meanwhile. Return None if the consumer has to leave first, or if the lease ends
        first. After the `results_wait` of the job, the result is dropped, and the outcome is `store`. If the row is
        killed meanwhile, the result is dropped too, and the outcome is `killed`.
        """
        task, last = finished.task, time.monotonic()

        def warn(error: Exception, seconds: float) -> None:
            nonlocal last
            if time.monotonic() - last > _LOG_SECONDS:
                last = time.monotonic()
                _warn(task, error)

        pauses = growing_pauses(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, task.job.results_wait)
        try:
            return retry(
                lambda: self._save(finished), again=lambda error: self._may_wait(task, error), pauses=pauses,
                spread=(0.5, 1.0), before_pause=warn,
            )  # fmt: skip
        except StoreUnavailable as error:
            if self._grace_is_over() or not task.lease.held:
                return None
            killed = task.index in task.lease.killed
            failure = Failure(Cause.KILLED, _KILLED_LATER) if killed else Failure(Cause.STORE, str(error))
            return make_unstored_outcome(finished, failure)
        finally:
            self._coordinator.tell(on.StoreAnswered(task.job.uid))

    def _may_wait(self, task: StagedTask, error: Exception) -> bool:
        needed = task.lease.held and task.index not in task.lease.killed
        return isinstance(error, StoreUnavailable) and needed and not self._grace_is_over()

    def _record(self, task: StagedTask, outcome: Outcome) -> None:
        task.lease.add_outcome(outcome)
        try:
            view = self._coordinator.view(task.lease_id, task.lease)
            self._coordinator.tell(on.TaskSaved(view, outcome.cause, early_attempts(view.job)))
        except KubequeError:
            raise
        except Exception:  # the heartbeat commits the outcome later
            log.exception("%s: its outcome is recorded later", task)


def _warn(task: StagedTask, error: Exception) -> None:
    log.warning("%s: its result is uploaded once the store answers: %s", task, error)


def save(files: Files, finished: FinishedTask) -> Outcome:
    """Upload the files of an attempt, with result.json as the last file, and return the outcome.

    If the attempt was not run, upload nothing. Raises StorageError; the call can then be repeated.
    """
    task, ended, began = finished.task, finished.ended, time.monotonic()
    workdir = task.workdir
    if ended is None or workdir is None:
        return make_unstored_outcome(finished, finished.failure or Failure(Cause.STAGE, "the attempt was not run"))
    url = attempt_url(task.job, task.index, task.folder)
    collected = workdir.collect(task.spec.results, task.spec.ignore)
    collected.refused += filter(None, map(stream_problem, (workdir.stdout, workdir.stderr)))
    stored, streams = upload_files(files, url, collected), upload_streams(files, url, workdir, collected)
    out, problem = read_out(workdir.out)
    in_queue, short, too_long = split_for_queue(out)
    message = ended.message or problem or too_long or next(iter(collected.refused), "") or _left_behind(ended)
    if ended.cause in (Cause.EXIT, Cause.SIGNAL):
        message = ": ".join([message, *_quote(workdir, ended)])
    saving = round(time.monotonic() - began, 3)
    result = {
        **_facts(task, ended), "saving": saving, "message": message, "refused": collected.describe_refused(),
        "refused_count": len(collected.refused) + collected.refused_more, "files": stored, "out": out,
    }  # fmt: skip
    files.write(manifest_url(url), json.dumps(result | streams).encode())
    return Outcome(
        task.index, task.attempt, ended.cause, ended.code, ended.start, ended.seconds, task.folder, ended.peak_memory,
        len(stored), sum(item["size"] for item in stored), in_queue, message, task.job.revision,
        staging=task.staging, saving=time.monotonic() - began, short_out=short,
    )  # fmt: skip


def _facts(task: StagedTask, ended: Ended) -> dict[str, Any]:
    return {
        "version": 1, "job": task.job.name, "uid": task.job.uid, "revision": task.job.revision, "index": task.index,
        "attempt": task.attempt, "command": task.argv, "row": task.row, "cause": ended.cause.value,
        "code": ended.code, "start": ended.start, "seconds": ended.seconds, "peak_memory": ended.peak_memory,
        "staging": round(task.staging, 3), **({"usage": ended.usage.to_wire()} if ended.usage is not None else {}),
    }  # fmt: skip


def _left_behind(ended: Ended) -> str:
    """Return a message about the processes that the command left running; empty if it left none."""
    count = ended.left_behind
    return f"left {count} process{'es' * (count != 1)} running, which kubeque killed" if count else ""


def _quote(workdir: Workdir, ended: Ended) -> list[str]:
    """Return a list with one text: the last two lines of standard error, without a message of the consumer itself.

    The list is empty if no line is left.
    """
    own = printable(f"kubeque: {ended.message}", QUOTED_CHARACTERS)
    quoted = [line for line in last_lines(workdir.stderr, 2) if line != own]
    return [QUOTED_LINES.join(quoted)] if quoted else []


def make_unstored_outcome(finished: FinishedTask, failure: Failure) -> Outcome:
    """Return the outcome of an attempt that has no result. `failure`: cause and message of the outcome."""
    task, ended = finished.task, finished.ended
    start, seconds = (ended.start, ended.seconds) if ended else (time.time(), 0.0)
    return Outcome(
        task.index, task.attempt, failure.cause, start=start, seconds=seconds, message=failure.message,
        revision=task.job.revision, staging=task.staging, final=failure.final,
    )  # fmt: skip
