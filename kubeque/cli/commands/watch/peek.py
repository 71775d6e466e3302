"""`kubeque peek`: show the output of a task, even while the task runs."""

from __future__ import annotations

import codecs
import json
import time
from collections.abc import Iterator
from typing import Any

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.terminal import duration
from kubeque.client import Client, Peek
from kubeque.model.text import render_terminal

_FOLLOW_SECONDS = 0.5


@click.command()
@job_argument()
@click.argument("index", type=click.IntRange(0))
@click.option("--stderr", is_flag=True, help="Show standard error instead of standard output.")
@click.option("-f", "--follow", is_flag=True, help="Show new output until the task ends.")
@click.option(
    "-n", "--lines", type=click.IntRange(0), help="Number of lines to show, counted from the end (default: all)."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; with --follow, one per piece of output.")
@click.pass_context
def peek(
    ctx: click.Context, job: str, index: int, stderr: bool, follow: bool, lines: int | None, as_json: bool
) -> None:
    """Show the last 64 KiB that task INDEX of JOB wrote.

    This works while the task runs, after the task has ended, and if its consumer is lost. Colours and other terminal
    sequences are removed.
    """
    stream = "stderr" if stderr else "stdout"
    with connect(ctx) as client:
        job = find_job(client, job)
        first = client.peek(job, index, stream)
        text = _last_lines(render_terminal(first.tail.text), lines)
        _print(first, job, stream, text, first.tail.start, as_json=as_json)
        if follow and not first.final:
            for seen, more, start in _follow(client, job, first, stream):
                _print(seen, job, stream, more, start, as_json=as_json, heading=False)


def _last_lines(text: str, lines: int | None) -> str:
    if lines is None:
        return text
    return "\n".join(text.splitlines()[-lines:]) + "\n" if lines and text else ""


def _print(
    seen: Peek, job: str, stream: str, text: str, start: int, *, as_json: bool, heading: bool = True
) -> None:  # fmt: skip
    if as_json:
        click.echo(json.dumps(to_wire(seen, job, stream, text, start)))
        return
    if heading:
        click.echo(_format_heading(seen, job, stream), err=True)
    click.echo(text, nl=heading and bool(text) and not text.endswith("\n"))


def to_wire(seen: Peek, job: str, stream: str, text: str, start: int) -> dict[str, Any]:
    """Return a piece of output as the JSON object that `--json` prints.

    `text`: the piece. `start`: position of its first byte in the stream.
    """
    return {
        "job": job, "index": seen.view.index, "state": seen.view.state, "attempt": seen.attempt or None,
        "stream": stream, "start": start, "size": seen.tail.end, "age": seen.age, "text": text,
    }  # fmt: skip


def _format_empty(state: str, stream: str) -> str:
    return f"nothing on {stream}" + (" so far" if state in ("pending", "running", "held") else "")


def _format_heading(seen: Peek, job: str, stream: str) -> str:
    view = seen.view
    parts = [f"{job} {view.index}: {view.state}"]
    linked = view.record.outcome is not None and view.record.outcome.linked
    not_begun = "the result of an earlier run is kept" if linked else "the task has not begun"
    not_begun = "" if view.record.history else not_begun
    parts += [f"attempt {seen.attempt}" if seen.attempt else not_begun]
    parts += [f"{stream} of {seen.tail.end} bytes" if seen.tail.end else _format_empty(view.state, stream)]
    parts += [f"the last {len(seen.tail.data)}"] if seen.tail.start else []
    parts += [f"{duration(seen.age)} old"] if seen.age is not None and seen.age >= 1 else []
    return ", ".join(part for part in parts if part)


def _follow(client: Client, job: str, last: Peek, stream: str) -> Iterator[tuple[Peek, str, int]]:
    """Yield each new piece of a task's output, until the task has ended.

    Each item is a tuple: the Peek with the piece, the text of the piece, and the position of the piece in the stream,
    bytes. `last`: the Peek that was printed before.
    """
    decoder, end = codecs.getincrementaldecoder("utf-8")(errors="replace"), last.tail.end
    while not last.final:
        time.sleep(_FOLLOW_SECONDS)
        seen = client.peek(job, last.view.index, stream, wait=False)
        if seen.attempt > last.attempt > 0:
            decoder.reset()
            end = 0
            click.echo(f"attempt {seen.attempt}", err=True)
        if seen.attempt >= last.attempt and seen.tail.end > end:
            if seen.tail.start > end:
                click.echo(f"[{seen.tail.start - end} bytes not shown]", err=True)
                end = seen.tail.start
            text = decoder.decode(seen.tail.data[end - seen.tail.start :])
            yield seen, render_terminal(text), end
            end = seen.tail.end
        last = seen
