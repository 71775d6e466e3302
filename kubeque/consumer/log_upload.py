"""The thread of a consumer that uploads the log of the running command.

The thread uploads the log at growing intervals. While a user reads the log, it uploads new output within seconds.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable

from kubeque.consumer.attempt.staged_task import FinishedTask, StagedTask
from kubeque.files.layout import log_url
from kubeque.files.live_log import LiveLog, read_tail
from kubeque.files.store import Files
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import KubequeError, QueueGone
from kubeque.queues.queue import Queue

log = logging.getLogger(__name__)
#: Time from the start of a command to the first upload of its log, and longest pause between two uploads, seconds. The
#: pause doubles after each regular upload.
FIRST_SECONDS, LONGEST_SECONDS = 10.0, 300.0
_LOOK_SECONDS = 0.5
#: Shortest pause between two uploads while a user reads the log, seconds. Stores refuse to write an object more often.
_APART_SECONDS = 1.0


@dataclass(slots=True)
class Schedule:
    """Decides when the log of one attempt is uploaded. The present time is an argument of its methods."""

    #: Time of the next regular upload, seconds of the monotonic clock.
    due: float
    #: Pause before the next regular upload, seconds.
    pause: float = FIRST_SECONDS
    #: Expiry of the last request to read the log that was served, on the clock of the queue, Unix seconds.
    answered: float = 0.0
    #: Time of the last upload (seconds of the monotonic clock), and the sizes of both streams at that time (bytes).
    sent_at: float = float("-inf")
    sent: tuple[int, int] = (0, 0)

    def is_due(self, now: float, asked: float, grown: tuple[int, int]) -> bool:
        """True if the log has to be uploaded now.

        `now`: time on the monotonic clock, seconds. `asked`: time at which the request to read the log expires, on the
        clock of the queue; 0 without a request. `grown`: current sizes of both streams, bytes.
        """
        if asked and now - self.sent_at >= _APART_SECONDS and (asked != self.answered or grown != self.sent):
            return True
        return now >= self.due and grown != self.sent

    def note_upload(self, now: float, asked: float, grown: tuple[int, int]) -> None:
        """Record that the log was uploaded. The arguments are those of `is_due`."""
        self.answered, self.sent, self.sent_at = asked, grown, now
        if now >= self.due:
            self.pause = min(LONGEST_SECONDS, 2 * self.pause)
            self.due = now + self.pause


class LogUploader:
    """Uploads the last 64 KiB of both streams of the running command. An error of an upload never fails a task."""

    def __init__(
        self, queue: Queue, files: Files, running: Callable[[], StagedTask | None], leaving: threading.Event
    ) -> None:
        self._queue = queue
        self._files = files
        self._running = running
        self._leaving = leaving
        self._present: StagedTask | None = None
        #: The task whose log caused an unexpected error. Its log is not uploaded again.
        self._given_up: StagedTask | None = None
        self._schedule = Schedule(due=0.0)

    def run(self) -> None:
        """Upload the log of each running command until the consumer leaves."""
        while not self._leaving.wait(_LOOK_SECONDS):
            task = self._running()
            if task is not self._present:
                self._present, self._schedule = task, Schedule(due=time.monotonic() + FIRST_SECONDS)
            if task is None or task is self._given_up:
                continue
            try:
                self._upload_if_due(task, self._schedule)
            except QueueGone:
                return  # the consumer ends, and another thread reports the error
            except KubequeError as error:
                log.warning("%s: its log could not be sent, trying again: %s", task, error)
            except Exception:
                log.exception("%s: its log is not sent while it runs", task)
                self._given_up = task

    def _upload_if_due(self, task: StagedTask, schedule: Schedule) -> None:
        now, asked = time.monotonic(), self._asked_until(task)
        if not asked and now < schedule.due:
            return
        tail = self._read(task)
        grown = tail.stdout.end, tail.stderr.end
        # Do not upload the log of a command that has ended: it has a result, and its folder may be gone.
        if schedule.is_due(now, asked, grown) and self._running() is task:
            self._send(task, tail)
            schedule.note_upload(now, asked, grown)

    def _asked_until(self, task: StagedTask) -> float:
        """Return the time at which the request to read the log of a task expires; 0 without a request.

        The time is on the clock of the queue, Unix seconds.
        """
        job = self._queue.find(task.job.name) if self._queue.has_cheap_reads else task.lease.job
        until = dict(job.peeks).get(task.index, 0.0) if job is not None and job.uid == task.job.uid else 0.0
        return until if until and until > self._queue.now() else 0.0

    def keep_log(self, finished: FinishedTask) -> None:
        """Upload the last output of an attempt that has no result. Errors are only logged."""
        task = finished.task
        if task.workdir is None:
            return
        try:
            tail = self._read(task)
            if tail.stdout.data or tail.stderr.data:
                self._send(task, tail)
        except KubequeError as error:
            log.warning("%s: its log could not be sent: %s", task, error)
        except Exception:
            log.exception("%s: its log could not be sent", task)

    def _read(self, task: StagedTask) -> LiveLog:
        assert task.workdir is not None
        return LiveLog(self._queue.now(), read_tail(task.workdir.stdout), read_tail(task.workdir.stderr))

    def _send(self, task: StagedTask, tail: LiveLog) -> None:
        self._files.write(log_url(task.job.url, task.index, task.folder), json.dumps(tail.to_wire()).encode())
