"""Print the output of tasks for `kubeque logs`, each part of the output once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import field

import click

from kubeque.cli.commands.watch.peek import to_wire
from kubeque.client import Peek
from kubeque.lazy_dataclass import dataclass
from kubeque.model.text import render_terminal


@dataclass(slots=True)
class LogPrinter:
    """Prints the new output of the tasks of a job, each part of the output once."""

    job: str
    stream: str
    #: Number of characters of the index before each line.
    width: int
    #: Function that returns a true value for each line to print.
    selects: Callable[[str], object]
    #: Maximum number of lines in each piece of output, counted from its end; None: no maximum.
    lines: int | None
    as_json: bool
    #: True if more output can be read later.
    follow: bool
    #: State of the tasks that were selected; empty for all tasks.
    state: str = ""
    #: Tasks whose output is complete and printed.
    finished: set[int] = field(default_factory=set)
    #: The attempt of each task that was printed, and the number of its bytes that were printed.
    _printed: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: Tasks of which only the end was printed.
    _cut: list[int] = field(default_factory=list)
    #: Number of lines that were printed.
    _lines_printed: int = 0

    def show(self, seen: Peek) -> None:
        """Print the lines of `seen` that were not printed before. `seen`: the end of the output of one task."""
        index, tail = seen.view.index, seen.tail
        attempt, done = self._printed.get(index, (seen.attempt, 0))
        if seen.final:
            self.finished.add(index)
        if seen.attempt > attempt:
            done = 0
        elif seen.attempt < attempt or tail.end < done:  # an older state of the output, because the task has just ended
            return
        if tail.start > done:
            self._cut.append(index)
        data = tail.data[max(0, done - tail.start) :]
        end = (
            len(data) if seen.final or not self.follow else data.rfind(b"\n") + 1
        )  # an incomplete line is printed when its end is read
        self._print_lines(seen, render_terminal(data[:end].decode(errors="replace")), tail.end - len(data))
        self._printed[index] = (seen.attempt, tail.end - len(data) + end)

    def _print_lines(self, seen: Peek, text: str, start: int) -> None:
        chosen = [line for line in text.splitlines() if self.selects(line)]
        chosen = chosen[-self.lines :] if self.lines else [] if self.lines == 0 else chosen
        self._lines_printed += len(chosen)
        if self.as_json:
            if chosen:
                click.echo(json.dumps(to_wire(seen, self.job, self.stream, "\n".join(chosen) + "\n", start)))
            return
        for line in chosen:
            click.echo(f"{seen.view.index:>{self.width}} | {line}")

    def summarize(self) -> None:
        """Print which tasks have more output than was printed. If no line was printed, print the reason."""
        if self._cut:
            tasks = list(dict.fromkeys(self._cut))
            shown = ", ".join(map(str, tasks[:3])) + (f" and {len(tasks) - 3} more" if len(tasks) > 3 else "")
            click.echo(
                f"only the last 64 KiB of task{'s' * (len(tasks) > 1)} {shown} are shown: kubeque fetch {self.job}"
                " FOLDER fetches the whole output",
                err=True,
            )
        if not any(end for _, end in self._printed.values()):
            other = f": kubeque logs {self.job} --stderr shows the other output" if self.stream == "stdout" else ""
            task = f"{self.state} task".lstrip()
            click.echo(f"{self.job}: no {task} has written to {self.stream}{other}", err=True)
        elif not self._lines_printed and self.lines != 0:
            click.echo(f"{self.job}: no line of {self.stream} matches --grep", err=True)
