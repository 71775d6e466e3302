"""What a running command has written so far goes to the store: now and then, and at once when somebody looks."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kubeque.consumer.assignment import Assignment
from kubeque.files.layout import log_url
from kubeque.files.live_log import LiveLog, read_tail
from kubeque.files.store import Files
from kubeque.model.errors import KubequeError, QueueGone
from kubeque.queues.queue import Queue

log = logging.getLogger(__name__)
#: The first time so long after the start; then the pause doubles.
FIRST_SECONDS, LONGEST_SECONDS = 10.0, 300.0
_LOOK_SECONDS = 0.5
#: While somebody looks it is sent as often at most: stores refuse more writes of one object.
_APART_SECONDS = 1.0


@dataclass(slots=True)
class Schedule:
    """When the log of one attempt is sent. Pure: it is told the time."""

    #: Monotonic clock, seconds.
    due: float
    pause: float = FIRST_SECONDS
    #: Until when the last request that was answered lasts, by the clock of the queue.
    answered: float = 0.0
    #: When they were sent last (monotonic clock), and how many bytes both streams had then.
    sent_at: float = float("-inf")
    sent: tuple[int, int] = (0, 0)

    def wanted(self, now: float, asked: float, grown: tuple[int, int]) -> bool:
        """Is it to be sent? `asked`: until when somebody looks, 0 where nobody does; `grown`: bytes of the streams."""
        if asked and now - self.sent_at >= _APART_SECONDS and (asked != self.answered or grown != self.sent):
            return True
        return now >= self.due and grown != self.sent

    def was_sent(self, now: float, asked: float, grown: tuple[int, int]) -> None:
        """It is in the store."""
        self.answered, self.sent, self.sent_at = asked, grown, now
        if now >= self.due:
            self.pause = min(LONGEST_SECONDS, 2 * self.pause)
            self.due = now + self.pause


class LogShipper:
    """Sends the last 64 KiB of the streams of whatever this consumer runs. Nothing here may hinder a task."""

    def __init__(
        self, queue: Queue, files: Files, running: Callable[[], Assignment | None], leaving: threading.Event
    ) -> None:
        self._queue = queue
        self._files = files
        self._running = running
        self._leaving = leaving
        self._present: Assignment | None = None
        self._schedule = Schedule(due=0.0)

    def shipping(self) -> None:
        """Until the consumer leaves."""
        while not self._leaving.wait(_LOOK_SECONDS):
            a = self._running()
            if a is not self._present:
                self._present, self._schedule = a, Schedule(due=time.monotonic() + FIRST_SECONDS)
            if a is None:
                continue
            try:
                self._look(a, self._schedule)
            except QueueGone:
                return  # the consumer ends, and says so once
            except KubequeError as error:
                log.warning("%s %d: what it writes could not be sent, trying again: %s", a.job.name, a.index, error)

    def _look(self, a: Assignment, schedule: Schedule) -> None:
        now, asked = time.monotonic(), self._asked(a)
        if not asked and now < schedule.due:
            return
        kept = self._read(a)
        grown = kept.stdout.end, kept.stderr.end
        # A command that has ended meanwhile has a result, and its folder may be gone.
        if schedule.wanted(now, asked, grown) and self._running() is a:
            self._send(a, kept)
            schedule.was_sent(now, asked, grown)

    def _asked(self, a: Assignment) -> float:
        """Until when somebody looks at this task, by the clock of the queue; 0 where nobody does."""
        job = self._queue.find(a.job.name) if self._queue.has_cheap_reads else a.lease.job
        until = dict(job.peeks).get(a.index, 0.0) if job is not None and job.uid == a.job.uid else 0.0
        return until if until and until > self._queue.now() else 0.0

    def last_words(self, a: Assignment) -> None:
        """Keep what an attempt had written that was stopped: it leaves no result."""
        if a.workdir is None or a.ended is None:
            return
        kept = self._read(a)
        if kept.stdout.data or kept.stderr.data:
            try:
                self._send(a, kept)
            except KubequeError as error:
                log.warning("%s %d: what it wrote could not be sent: %s", a.job.name, a.index, error)

    def _read(self, a: Assignment) -> LiveLog:
        assert a.workdir is not None
        return LiveLog(self._queue.now(), read_tail(a.workdir.stdout), read_tail(a.workdir.stderr))

    def _send(self, a: Assignment, kept: LiveLog) -> None:
        self._files.write(log_url(a.job.url, a.index, a.folder), json.dumps(kept.to_wire()).encode())
