"""The lines about the progress of a job in the log of the Airflow task that waits for it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from kubeque.client import Client, Progress
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import KubequeError
from kubeque.model.stats.estimate import format_estimate
from kubeque.model.stats.failure_groups import Group
from kubeque.model.stats.pace import Pace
from kubeque_provider.airflow_versions import log_interval
from kubeque_provider.log_text import describe_progress

#: Period in seconds over which the rate of ended rows is measured. It spans several lines of the log.
_PACE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line for the log."""

    text: str
    is_warning: bool = False


class ProgressLog:
    """Selects the lines about the progress of one job for a log.

    A line is written only if its subject has changed, and at most once in `log_interval` seconds. The lines do not
    contain the name of the job, because the log belongs to one sweep.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds = log_interval()
        self._pace = Pace(_PACE_SECONDS)
        #: Time on the clock, and value, of the last line about each subject.
        self._last: dict[str, tuple[float, object]] = {}

    def read(self, client: Client, progress: Progress) -> list[LogLine]:
        """Return the lines that are due for the present progress.

        Failed rows are read only if the line with counts is due.
        """
        now, counts = self._clock(), progress.counts
        self._pace.add(now, counts.ended)
        lines = []
        if self._is_due("counts", counts, now, at_once=progress.job.closing is not None):
            lines.append(LogLine(describe_progress(counts, self._pace, _groups(client, progress))))
        if progress.held and self._is_due("held", counts.held, now):
            lines += _describe_held(client, progress)
        if self._is_due("obstacles", progress.obstacles, now):
            lines += [LogLine(f"waits: {obstacle}", is_warning=True) for obstacle in progress.obstacles]
        return lines

    def no_answer(self, error: Exception) -> list[LogLine]:
        """Return the line about a poll that failed with a temporary error; an empty list if no line is due."""
        due = self._is_due("answer", error, self._clock())
        return [LogLine(f"the poll failed and is repeated: {error}", is_warning=True)] if due else []

    def _is_due(self, subject: str, value: object, now: float, *, at_once: bool = False) -> bool:
        at, last = self._last.get(subject, (-math.inf, None))
        if value == last or not (at_once or now - at >= self._seconds):
            return False
        self._last[subject] = now, value
        return True


def _groups(client: Client, progress: Progress) -> Sequence[Group]:
    """Return the groups of failures; an empty list if they cannot be read now."""
    with suppress(KubequeError):  # the line then has only the counts
        return client.reader.failures(progress.job, progress.counts).groups
    return ()


def _describe_held(client: Client, progress: Progress) -> list[LogLine]:
    name, lines = progress.job.name, list[str]()
    with suppress(KubequeError):  # without an estimate, log only that rows are held
        lines = list(format_estimate(name, client.estimate(name)))
    held = f"{progress.counts.held} rows are held: a KubequeGoOperator or `kubeque go {name}` releases them"
    return [*map(LogLine, lines), LogLine(held, is_warning=True)]


def write_lines(log: Any, lines: Iterable[LogLine]) -> None:
    """Write lines to a log."""
    for line in lines:
        (log.warning if line.is_warning else log.info)("%s", line.text)
