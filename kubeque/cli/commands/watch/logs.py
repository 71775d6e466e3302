"""`kubeque logs`: show the output of all tasks of a job, with the task in front of each line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import click

from kubeque.cli.commands.watch.log_printer import LogPrinter
from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.model.errors import UserError
from kubeque.model.job.task import TaskState
from kubeque.model.text import cut

_FOLLOW_SECONDS = 1.0
_STATES = [state.value for state in TaskState if state not in (TaskState.PENDING, TaskState.HELD, TaskState.UNKNOWN)]


@click.command()
@job_argument()
@click.option("--state", type=click.Choice(_STATES), help="Show only tasks in this state.")
@click.option("--stderr", is_flag=True, help="Show standard error instead of standard output.")
@click.option("--grep", metavar="REGEX", help="Show only lines that match this regular expression.")
@click.option("-f", "--follow", is_flag=True, help="Show new output until the job ends.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0),
    help="Number of lines to show of each task, counted from the end (default: all).",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per task; with --follow, one per piece of output."
)
@click.pass_context
def logs(
    ctx: click.Context, job: str, state: str | None, stderr: bool, grep: str | None, follow: bool, lines: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Show the output of all tasks of JOB, each line with the index of its task in front.

    The last 64 KiB of output of each task are shown. Tasks that have not begun have no output. Colours and other
    terminal sequences are removed.
    """
    selects, stream = _read_pattern(grep), "stderr" if stderr else "stdout"
    with connect(ctx) as client:
        name = find_job(client, job)
        printer = LogPrinter(
            name, stream, len(str(client.job(name).n - 1)), selects, lines, as_json, follow, state or ""
        )
        ends = False
        while not ends:
            ends = not follow or not client.progress(name).job.open  # read once more after the end of the job
            for seen in client.peek_many(name, stream, state=state, skip=printer.finished):
                printer.show(seen)
            if not ends:
                time.sleep(_FOLLOW_SECONDS)
        printer.summarize()


def _read_pattern(grep: str | None) -> Callable[[str], object]:
    try:
        return re.compile(grep or "").search
    except re.error as error:
        raise UserError(f"--grep {cut(repr(grep), 60)} is not a regular expression ({error}): correct it") from error
