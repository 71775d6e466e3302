"""Text about a sweep for the log of an Airflow task: counts and failed rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from kubeque.model.job.counts import Counts
from kubeque.model.job.job_state import JobState
from kubeque.model.stats.failure_groups import Group
from kubeque.model.stats.failure_text import format_groups, name_rows
from kubeque.model.stats.pace import Pace, format_pace
from kubeque.model.text import printable
from kubeque_provider.airflow_retries import OWN_FAULTS
from kubeque_provider.exceptions import RowsFailed, SweepFailed, SweepKilled

if TYPE_CHECKING:
    from kubeque.client import Progress, TaskRow
    from kubeque_provider.airflow_retries import Faults, Try

#: Value of the trigger's argument `until`: the wait ends as soon as the canaries have ended.
CANARIES = "canaries"
#: Maximum number of failed rows that a message lists.
_MAX_FAILED_ROWS = 10
#: Minimum number of failed rows with the same error that a message describes once instead of row by row.
_EQUAL_ROWS = 3
REMEDY = 'Correct the cause and clear the Airflow task that submits, with on_clear="changed" if ok rows are wrong too'
_REMEDY = f"{REMEDY}, or set retry_failed_rows=True"
#: Maximum length of a job's reason and of a task's message, in characters.
_MESSAGE_CHARACTERS = 300
#: Number of groups of failures in a progress line, and maximum length of the message of each group, in characters.
_GROUPS, _GROUP_CHARACTERS = 2, 120


def waits_for_canaries(progress: Progress) -> bool:
    """True while rows of a job are held, and not all canaries of the job have ended."""
    return bool(progress.counts.held) and not progress.held


def format_progress(counts: Counts) -> str:
    """Return the counts in one line, for example `5/7 done, 1 failed, 2 running`."""
    more = {"failed": counts.failed, "killed": counts.killed, "running": counts.running, "held": counts.held}
    return ", ".join([f"{counts.ended}/{counts.total} done", *(f"{n} {what}" for what, n in more.items() if n)])


def describe_progress(counts: Counts, pace: Pace, groups: Sequence[Group]) -> str:
    """Return one line: the counts, the rate, the remaining time, and the largest groups of failures."""
    line = ", ".join([format_progress(counts), *format_pace(counts, pace)])
    listed = list(islice(format_groups(groups, _GROUP_CHARACTERS), _GROUPS))
    listed += ["..."] if len(groups) > _GROUPS else []
    return f"{line}; failed: {'; '.join(listed)}" if listed else line


def describe_accepted(counts: Counts) -> str:
    """Return one line about the rows of a successful job that are not ok."""
    more = f", {counts.killed} did not run" if counts.killed else ""
    return f"{counts.failed} failed{more}, accepted by allow_failed"


def describe_unfinished(progress: Progress) -> str:
    """Return one line about a job that has not ended: its name, the number of unfinished rows, and why they wait."""
    job, counts = progress.job, progress.counts
    left = job.n - counts.ended
    rows = f"{left} of its {job.n} rows have not ended" if left else "the job is not closed yet"
    held = [f"{counts.held} of these rows are held until they are released"] if counts.held else []
    why = "; ".join([*held, *(["the job is paused"] if job.paused else [])])
    return f"{job.name}: {rows}{f' ({why})' if why else ''}"


def describe_rerun(progress: Progress, this_try: Try, *, cleared: bool) -> str:
    """Return one line about a failed job: all rows that are not ok run again, with the submitted script.

    `cleared`: True if the reason is that a user cleared the Airflow task. False if it is the argument
    `retry_failed_rows`.
    """
    job = progress.job
    why = "this Airflow task was cleared" if cleared else "retry_failed_rows is set"
    submitter = job.origin.get("task", "")
    other = submitter and f"/{submitter}/" not in this_try.task
    hint = f"; to run a corrected script, clear the Airflow task {submitter!r} instead" if other else ""
    kept = f"{progress.counts.ok} ok rows are kept, the other rows run again"
    return f"{job.name} had failed, and {why}: {kept} with the submitted script{hint}"


def describe_retry(name: str, faults: Faults) -> str:
    """Return one line about a failed job that a retry by Airflow has found: how many of its rows run again."""
    own = f"{faults.own} rows failed for a permanent cause ({', '.join(sorted(OWN_FAULTS))})"
    if faults.only_own:
        return f"{name}: this retry by Airflow runs no row again, because {own} and would fail again. {_REMEDY}"
    more = f"; {own} and do not run again" if faults.own else ""
    return f"{name}: this retry by Airflow runs {faults.machine} rows again that the machine stopped{more}"


def make_failure(
    progress: Progress, failed: Iterable[TaskRow], groups: Sequence[Group], *, final: bool, retries: int,
    unsent: str = "",
) -> SweepFailed:  # fmt: skip
    """Return the exception for a sweep that ended without success. Its message lists the first failed rows.

    `final`: True if Airflow must not retry, because all rows failed by `exit`, `signal` or `timeout`. `retries`: number
    of retries of the Airflow task. `unsent`: path of a file that rows did not find, because it was not uploaded with
    their script; empty if there is none.
    """
    job, counts = progress.job, progress.counts
    ended = "failed" if job.state is JobState.ACTIVE else f"was {job.state}"
    reason = f" ({printable(job.reason, _MESSAGE_CHARACTERS)})" if job.reason else ""
    how = f"{counts.ok} of {job.n} rows are ok, {counts.failed} failed, {counts.killed} did not run"
    lines = [f"the sweep {job.name} {ended}{reason}: {how}"]
    equal = groups[0] if groups and groups[0].count == counts.failed >= _EQUAL_ROWS else None
    listed = list(islice(failed, 1 if equal else _MAX_FAILED_ROWS))
    lines += [f"  {counts.failed} rows with the same error ({name_rows(equal)}):"] if equal else []
    lines += [_row(line) for line in listed]
    if counts.failed > len(listed) and not equal:
        lines.append(f"  and {counts.failed - len(listed)} more: the page of sweeps lists them")
    if unsent:
        lines.append(
            f'  To upload the missing file, set push=["{printable(unsent)}"] in the Airflow task that submits.'
        )
    if final:
        remedy = _REMEDY if retries else REMEDY
        lines.append(f"  Airflow does not retry, because the rows failed for a permanent cause. {remedy}")
        return RowsFailed("\n".join(lines))
    return (SweepKilled if job.state is JobState.KILLED else SweepFailed)("\n".join(lines))


def _row(line: TaskRow) -> str:
    values = ", ".join(f"{printable(k)}={printable(v)}" for k, v in line.row.items() if k != "index")
    facts, outcome = line.facts(), line.view.record.outcome
    code = "" if facts["exit_code"] is None else f" {facts['exit_code']}"
    words = f": {printable(outcome.message, _MESSAGE_CHARACTERS)}" if outcome and outcome.message else ""
    return f"  row {line.view.index}{f' ({values})' if values else ''}: {facts['cause']}{code}{words}"
