"""The saving thread of a consumer: uploads the files of an attempt, then result.json, which makes it count."""

from __future__ import annotations

import json
import logging
import queue as threads_queue
import threading
import time
from collections.abc import Callable
from typing import Any

from kubeque.consumer import events as on
from kubeque.consumer.attempt.failure import Failure, internal_failure
from kubeque.consumer.attempt.log_tail import QUOTED_CHARACTERS, last_lines, stream_problem
from kubeque.consumer.attempt.out_values import read_out
from kubeque.consumer.attempt.process import Ended
from kubeque.consumer.attempt.staged_task import FinishedTask, StagedTask
from kubeque.consumer.attempt.upload import upload_files, upload_streams
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.consumer.coordinator import Coordinator
from kubeque.files.layout import attempt_url, manifest_url
from kubeque.files.store import Files
from kubeque.model.errors import KubequeError, StorageError
from kubeque.model.job.task import Cause, Outcome
from kubeque.model.text import printable
from kubeque.queues.early_stop import early_attempts
from kubeque.retry import retry

log = logging.getLogger(__name__)
#: Largest JSON of $KUBEQUE_OUT that is stored in the queue, bytes; larger values are only in result.json.
_OUT_IN_QUEUE = 1024
#: Seconds between attempts to upload a result, while the store does not answer.
_STORE_PAUSES = (0.2, 1.0, 3.0, 10.0, 30.0)


class Saver:
    """Saves finished tasks one after the other."""

    def __init__(
        self, files: Files, coordinator: Coordinator, done: threads_queue.Queue[FinishedTask | None],
        keep_log: Callable[[FinishedTask], None], leaving: threading.Event,
    ) -> None:  # fmt: skip
        self._files = files
        self._coordinator = coordinator
        self._done = done
        self._keep_log = keep_log
        self._leaving = leaving

    def run(self) -> None:
        """Save tasks until None comes."""
        while (finished := self._done.get()) is not None:
            try:
                outcome = self._try_save(finished)
                if outcome is not None:
                    self._record(finished.task, outcome)
            finally:
                finished.task.remove_workdir()
                self._coordinator.tell(on.TaskLeft())

    def _try_save(self, finished: FinishedTask) -> Outcome | None:
        """Return the outcome once its result is durable; None if the attempt was stopped."""
        try:
            return self._save(finished)
        except Exception as error:
            return unstored(finished, internal_failure(error, f"{finished.task}: storing its results"))

    def _save(self, finished: FinishedTask) -> Outcome | None:
        ended = finished.ended
        stopped = ended is not None and ended.cause in (Cause.KILLED, Cause.PREEMPTED)
        if stopped or finished.failure is not None:
            self._keep_log(finished)  # before its lease is released: then the task may start again
        return None if stopped else self._upload(finished)

    def _record(self, task: StagedTask, outcome: Outcome) -> None:
        task.lease.ended(outcome)
        try:
            view = self._coordinator.view(task.lease_id, task.lease)
            self._coordinator.tell(on.TaskSaved(view, outcome.cause, early_attempts(view.job)))
        except KubequeError:
            raise
        except Exception:  # the heartbeat commits the outcome
            log.exception("%s: its outcome is recorded later", task)

    def _upload(self, finished: FinishedTask) -> Outcome:
        """Return the outcome once its result is durable. The lease is kept while the store does not answer."""
        task = finished.task

        def warn(error: Exception, seconds: float) -> None:
            log.warning("%s %d: %s; trying again in %.1f s", task.job.name, task.index, error, seconds)

        try:
            return retry(
                lambda: save(self._files, finished),
                again=lambda error: isinstance(error, StorageError) and not task.lease.lost,
                pauses=_STORE_PAUSES, before_pause=warn, sleep=self._leaving.wait,
            )  # fmt: skip
        except StorageError as error:
            return unstored(finished, Failure(Cause.STORE, str(error)))


def save(files: Files, finished: FinishedTask) -> Outcome:
    """Upload the files of the attempt, result.json last. Raises StorageError; the call may then be repeated."""
    task, ended, began = finished.task, finished.ended, time.monotonic()
    workdir = task.workdir
    if ended is None or workdir is None:
        return unstored(finished, finished.failure or Failure(Cause.STAGE, "the attempt was not run"))
    url = attempt_url(task.job, task.index, task.folder)
    collected = workdir.collect(task.spec.results, task.spec.ignore)
    collected.refused += filter(None, map(stream_problem, (workdir.stdout, workdir.stderr)))
    stored, streams = upload_files(files, url, collected), upload_streams(files, url, workdir, collected)
    out, problem = read_out(workdir.out)
    message = ended.message or problem or (collected.refused[0] if collected.refused else _left_behind(ended))
    if ended.cause in (Cause.EXIT, Cause.SIGNAL):
        message = ": ".join([message, *_quote(workdir, ended)])
    saving = round(time.monotonic() - began, 3)
    result = {
        **_facts(task, ended), "saving": saving, "message": message, "refused": collected.describe_refused(),
        "refused_count": len(collected.refused) + collected.refused_more, "files": stored, "out": out,
    }  # fmt: skip
    files.write(manifest_url(url), json.dumps(result | streams).encode())
    small = {} if out is not None and len(json.dumps(out)) > _OUT_IN_QUEUE else out
    return Outcome(
        task.index, task.attempt, ended.cause, ended.code, ended.start, ended.seconds, task.folder, ended.peak_memory,
        len(stored), sum(item["size"] for item in stored), small, message, task.job.revision,
        staging=task.staging, saving=time.monotonic() - began,
    )  # fmt: skip


def _facts(task: StagedTask, ended: Ended) -> dict[str, Any]:
    return {
        "version": 1, "job": task.job.name, "uid": task.job.uid, "revision": task.job.revision, "index": task.index,
        "attempt": task.attempt, "command": task.argv, "row": task.row, "cause": ended.cause.value,
        "code": ended.code, "start": ended.start, "seconds": ended.seconds, "peak_memory": ended.peak_memory,
        "staging": round(task.staging, 3),
    }  # fmt: skip


def _left_behind(ended: Ended) -> str:
    """Return a message about processes that the command left running; empty if there were none."""
    count = ended.left_behind
    return f"left {count} process{'es' * (count != 1)} running, which kubeque killed" if count else ""


def _quote(workdir: Workdir, ended: Ended) -> list[str]:
    """Return the last lines of standard error as one text, without the message that the consumer wrote there itself."""
    own = printable(f"kubeque: {ended.message}", QUOTED_CHARACTERS)
    quoted = [line for line in last_lines(workdir.stderr, 2) if line != own]
    return [" | ".join(quoted)] if quoted else []


def unstored(finished: FinishedTask, failure: Failure) -> Outcome:
    """Return the outcome of an attempt without a result."""
    task, ended = finished.task, finished.ended
    start, seconds = (ended.start, ended.seconds) if ended else (time.time(), 0.0)
    return Outcome(
        task.index, task.attempt, failure.cause, start=start, seconds=seconds, message=failure.message,
        revision=task.job.revision, staging=task.staging, final=failure.final,
    )  # fmt: skip
