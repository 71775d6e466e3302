"""Text about a sweep for the log of an Airflow task: its counts, and the rows that failed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from kubeque.model.job.counts import Counts
from kubeque.model.job.job import JobState
from kubeque.model.text import printable
from kubeque_provider.exceptions import SweepFailed, SweepKilled

if TYPE_CHECKING:
    from kubeque.client import Progress, TaskRow

#: Number of failed rows that a message lists.
_MAX_FAILED_ROWS = 10
#: Limit of a job's reason and of a task's message, characters.
_MESSAGE_CHARACTERS = 300


def format_progress(counts: Counts) -> str:
    """Return counts as one line, for example `5/7 done, 1 failed, 2 running`."""
    more = {"failed": counts.failed, "killed": counts.killed, "running": counts.running}
    return ", ".join([f"{counts.ended}/{counts.total} done", *(f"{n} {what}" for what, n in more.items() if n)])


def make_failure(progress: Progress, failed: Iterable[TaskRow]) -> SweepFailed:
    """Return the exception for a sweep that ended without success; it lists the first failed rows."""
    job, counts = progress.job, progress.counts
    ended = "failed" if job.state is JobState.ACTIVE else f"was {job.state}"
    reason = f" ({printable(job.reason, _MESSAGE_CHARACTERS)})" if job.reason else ""
    how = f"{counts.ok} of {job.n} rows are ok, {counts.failed} failed, {counts.killed} did not run"
    lines = [f"the sweep {job.name} {ended}{reason}: {how}"]
    listed = list(islice(failed, _MAX_FAILED_ROWS))
    lines += [_row(line) for line in listed]
    if counts.failed > len(listed):
        lines.append(f"  and {counts.failed - len(listed)} more: the page of sweeps lists them")
    return (SweepKilled if job.state is JobState.KILLED else SweepFailed)("\n".join(lines))


def _row(line: TaskRow) -> str:
    values = ", ".join(f"{printable(k)}={printable(v)}" for k, v in line.row.items() if k != "index")
    facts, outcome = line.facts(), line.view.record.outcome
    code = "" if facts["exit_code"] is None else f" {facts['exit_code']}"
    words = f": {printable(outcome.message, _MESSAGE_CHARACTERS)}" if outcome and outcome.message else ""
    return f"  row {line.view.index}{f' ({values})' if values else ''}: {facts['cause']}{code}{words}"
