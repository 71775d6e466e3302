"""Jobs and tasks as one line of text, table cells, or JSON."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Progress, TaskRow
from kubeque.model.job.job_state import JobState
from kubeque.model.quantities import format_bytes, format_seconds
from kubeque.model.stats.failure_text import reason
from kubeque.model.stats.places import format_places
from kubeque.model.stats.remedies import FailedGroup, format_steps, map_call
from kubeque.model.text import LINE_CHARACTERS, VALUE_CHARACTERS, keep_last_line, printable

#: Minimum number of characters for the values of a row, in the line about the row's failure.
_ROW_CHARACTERS = 20
#: Pattern of the start of a message that repeats the column `exit_code`.
_EXIT_CODE = re.compile(r"^exit code \d+: ")


def job_state(progress: Progress) -> str:
    """Return the state of a job as one of the words of STANDINGS."""
    return progress.job.standing(progress.counts)


def format_job(progress: Progress) -> str:
    """Return one line about a job: name, state, number of tasks in each state, places of consumers, obstacles."""
    counts, job = progress.counts, progress.job
    stopping = job.was_ended and job.closing is None
    words = {"running": "stopping"} if stopping else {}
    parts = [f"{n} {words.get(what, what)}" for what, n in counts.to_wire().items() if n]
    reason = f" ({job.reason})" if job.reason else ""
    rest = "".join(f"; {text}" for text in (format_consumers(progress), format_obstacles(progress)) if text)
    return f"{job.name}: {job_state(progress)}{reason}: {', '.join(parts)} of {job.n}{rest}"


def format_consumers(progress: Progress) -> str:
    """Return the number of consumers at each place; empty unless consumers at several places work on the job."""
    return f"consumers: {format_places(progress.places)}" if len(progress.places) > 1 else ""


def format_end(progress: Progress) -> str:
    """Return one line about how a job ended, with the duration of its last run and the rate of its tasks.

    The rate is in tasks per second or per minute. After a reset, the line has no rate, because the counts do not show
    how many tasks ran since the reset.
    """
    job = progress.job
    seconds = job.closing.at - (job.reset_at or job.created) if job.closing else 0.0
    if seconds <= 0:
        return format_job(progress)
    text = f"{format_job(progress)} in {format_seconds(seconds)}"
    rate = (progress.counts.ok + progress.counts.failed - job.linked) / seconds
    if job.run or rate <= 0:
        return f"{text} (run {job.run})" if job.run else text
    return f"{text} ({rate:.2g}/s)" if rate >= 1 else f"{text} ({60 * rate:.2g}/min)"


def next_step(
    progress: Progress, groups: Sequence[FailedGroup], *, fetches: bool = False, mapped: bool = False
) -> str:  # fmt: skip
    """Return a text with the commands to type after a job has ended; empty if no command is needed.

    `groups`: failures of the job. `fetches`: True if the present command fetches the results. `mapped`: True if the job
    is of `kubeque.map`.
    """
    job = progress.job
    name = shlex.quote(job.name)
    if groups and not job.missed_deadline:
        return "\n".join(format_steps(job, groups))
    if resume := _format_resume_hint(progress, mapped=mapped):
        return resume
    if progress.counts.killed:
        return f"next: kubeque reset {name} runs the killed tasks"
    if fetches or not progress.counts.ok:
        return ""
    if mapped:
        return f"next: {map_call(job)} returns the table in Python, or kubeque collect {name} -o FILE.csv"
    return f"next: kubeque fetch {name} FOLDER, or kubeque collect {name} -o FILE.csv"


def format_obstacles(progress: Progress) -> str:
    """Return the reasons why the tasks of a job do not start; empty if none is known."""
    return f"waits: {terminal_text('; '.join(progress.obstacles), 400)}" if progress.obstacles else ""


def print_job(progress: Progress, *, as_json: bool) -> None:
    """Print the state of a job as one line or one JSON object."""
    click.echo(json.dumps(to_wire(progress)) if as_json else format_job(progress))


def _format_resume_hint(progress: Progress, *, mapped: bool) -> str:
    """Return a message about how to continue a job in the state "stopped"; empty for a job in another state.

    A job is stopped, for example, at its deadline.
    """
    job = progress.job
    if job.state is not JobState.STOPPED:
        return ""
    name, deadline = shlex.quote(job.name), " (its deadline starts again)" if job.deadline_seconds else ""
    if mapped:
        again = f"{map_call(job, 'repair')} with other limits or another function"
    else:
        again = f"kubeque sub --like {name} -n {name} --repair with other limits or another command"
    return f"to continue: kubeque reset {name}{deadline}, or {again}"


def to_wire(progress: Progress) -> dict[str, Any]:
    """Return a job as the JSON object that `--json` prints. Later versions keep its keys."""
    job = progress.job
    return {
        "job": job.name, "uid": job.uid, "state": job_state(progress), "reason": job.reason, "tasks": job.n,
        "counts": progress.counts.to_wire(), "consumers": progress.consumers, "revision": job.revision, "run": job.run,
        "priority": job.priority, "created": datetime.fromtimestamp(job.created, UTC).isoformat(timespec="seconds"),
        "success": job.closing.success if job.closing else None, "url": job.url,
        "obstacles": list(progress.obstacles),
        "places": [{"kind": str(p.kind), "place": p.name or None, "consumers": p.consumers} for p in progress.places],
    }  # fmt: skip


def format_failures(lines: Iterable[TaskRow]) -> Iterator[str]:
    """Yield a line for each failed task, with its row, its cause and its message.

    On a terminal, the row occupies about a third of the line, because the cause and the message are more important.
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() or sys.stderr.isatty() else sys.maxsize
    room = max(VALUE_CHARACTERS, columns)
    for line in lines:
        row = " ".join(f"{column}={terminal_text(value)}" for column, value in line.row.items() if column != "index")
        outcome = line.view.record.outcome
        begin = f"  task {line.view.index} {printable(row, max(_ROW_CHARACTERS, columns // 3))}"
        why = reason(outcome.cause, outcome.message, room - len(begin)) if outcome else line.view.state
        yield f"{begin}  {why}".rstrip()


def task_cells(line: TaskRow) -> list[str]:
    """Return the table cells of a task that follow its index and parameters."""
    facts = line.facts()
    peak = format_bytes(facts["peak_memory"]) if facts["peak_memory"] else ""
    seconds = "" if facts["seconds"] is None else f"{facts['seconds']:.2f}"
    code = "" if facts["exit_code"] is None else str(facts["exit_code"])
    cells = [
        facts["state"],
        facts["cause"] or "",
        code,
        seconds,
        peak,
        str(facts["files"] or ""),
    ]
    return [*map(terminal_text, cells), terminal_text(_short_message(facts["message"] or ""), LINE_CHARACTERS)]


def _short_message(message: str) -> str:
    """Return the message of a task for a table that also has a column for the exit code.

    On a terminal, keep only the line of the message that names the error, without the exit code.
    """
    if not sys.stdout.isatty():
        return message
    return _EXIT_CODE.sub("", keep_last_line(message, 0))
