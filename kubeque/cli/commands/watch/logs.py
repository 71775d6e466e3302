"""`kubeque logs`: show the output of all tasks of a job, with the task in front of each line."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import click

from kubeque.cli.commands.watch.peek import to_wire
from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.client import Peek
from kubeque.model.errors import UserError
from kubeque.model.job.task import TaskState
from kubeque.model.text import cut, render_terminal

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
        printer = _Printer(name, stream, len(str(client.job(name).n - 1)), selects, lines, as_json, follow)
        ends = False
        while not ends:
            ends = not follow or not client.progress(name).job.open  # output that comes before the end is read after it
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


@dataclass(slots=True)
class _Printer:
    """Prints each part of the output once."""

    job: str
    stream: str
    #: Number of characters of an index.
    width: int
    selects: Callable[[str], object]
    lines: int | None
    as_json: bool
    #: True if more output can be read later.
    follow: bool
    #: Tasks whose output is complete and printed.
    finished: set[int] = field(default_factory=set)
    #: Attempt and number of bytes that were printed, by task.
    _printed: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: Tasks of which only the end was printed.
    _cut: list[int] = field(default_factory=list)

    def show(self, seen: Peek) -> None:
        index, tail = seen.view.index, seen.tail
        attempt, done = self._printed.get(index, (seen.attempt, 0))
        if attempt != seen.attempt:
            done = 0
        if tail.start > done:
            self._cut.append(index)
        data = tail.data[max(0, done - tail.start) :]
        end = (
            len(data) if seen.final or not self.follow else data.rfind(b"\n") + 1
        )  # a line that is not complete waits for its end
        self._print(seen, render_terminal(data[:end].decode(errors="replace")), tail.end - len(data))
        self._printed[index] = (seen.attempt, tail.end - len(data) + end)
        if seen.final:
            self.finished.add(index)

    def _print(self, seen: Peek, text: str, start: int) -> None:
        chosen = [line for line in text.splitlines() if self.selects(line)]
        chosen = chosen[-self.lines :] if self.lines else [] if self.lines == 0 else chosen
        if self.as_json:
            if chosen:
                click.echo(json.dumps(to_wire(seen, self.job, self.stream, "\n".join(chosen) + "\n", start)))
            return
        for line in chosen:
            click.echo(f"{seen.view.index:>{self.width}} | {line}")

    def summarize(self) -> None:
        """Print which tasks have more output than was shown. If no task had output, print a note."""
        if self._cut:
            tasks = list(dict.fromkeys(self._cut))
            shown = ", ".join(map(str, tasks[:3])) + (f" and {len(tasks) - 3} more" if len(tasks) > 3 else "")
            click.echo(
                f"only the last 64 KiB of task{'s' * (len(tasks) > 1)} {shown} are shown: kubeque fetch {self.job}"
                " FOLDER fetches the whole output",
                err=True,
            )
        if not self._printed:
            click.echo(f"{self.job}: no task has written to {self.stream}", err=True)
