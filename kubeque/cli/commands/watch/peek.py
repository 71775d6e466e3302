"""`kubeque peek`: what a task writes."""

from __future__ import annotations

import codecs
import json
import time
from collections.abc import Iterator
from typing import Any

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.cli.output.terminal import duration
from kubeque.client import Client, Peek
from kubeque.model.text import render_terminal

_FOLLOW_SECONDS = 0.5


@click.command()
@job_argument()
@click.argument("index", type=click.IntRange(0))
@click.option("--stderr", is_flag=True, help="Standard error instead of standard output.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the task has ended.")
@click.option("-n", "--lines", type=click.IntRange(0), help="Only so many of the last lines.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; with --follow one for each piece.")
@click.pass_context
def peek(
    ctx: click.Context, job: str, index: int, stderr: bool, follow: bool, lines: int | None, as_json: bool
) -> None:
    """The last 64 KiB that task INDEX of JOB wrote: while it runs, after it has ended, also when its consumer is lost.

    What would act on the terminal (colours, titles) is left out.
    """
    stream = "stderr" if stderr else "stdout"
    with connect(ctx) as client:
        first = client.peek(job, index, stream)
        text = _last(render_terminal(first.tail.text), lines)
        _say(first, job, stream, text, first.tail.start, as_json=as_json)
        if follow and not first.final:
            for seen, more, start in _growing(client, job, first, stream):
                _say(seen, job, stream, more, start, as_json=as_json, heading=False)


def _last(text: str, lines: int | None) -> str:
    if lines is None:
        return text
    return "\n".join(text.splitlines()[-lines:]) + "\n" if lines and text else ""


def _say(
    seen: Peek, job: str, stream: str, text: str, start: int, *, as_json: bool, heading: bool = True
) -> None:  # fmt: skip
    if as_json:
        click.echo(json.dumps(as_wire(seen, job, stream, text, start)))
        return
    if heading:
        click.echo(_heading(seen, job, stream), err=True)
    click.echo(text, nl=heading and bool(text) and not text.endswith("\n"))


def as_wire(seen: Peek, job: str, stream: str, text: str, start: int) -> dict[str, Any]:
    """What was seen, as `--json` prints it."""
    return {
        "job": job, "index": seen.view.index, "state": seen.view.state, "attempt": seen.attempt or None,
        "stream": stream, "start": start, "size": seen.tail.end, "age": seen.age, "text": text,
    }  # fmt: skip


def _nothing(state: str, stream: str) -> str:
    return f"nothing on {stream}" + (" so far" if state in ("pending", "running", "held") else "")


def _heading(seen: Peek, job: str, stream: str) -> str:
    view = seen.view
    parts = [f"{job} {view.index}: {view.state}"]
    parts += [f"attempt {seen.attempt}"] if seen.attempt else ["it has not begun" if not view.record.history else ""]
    parts += [f"{stream} of {seen.tail.end} bytes" if seen.tail.end else _nothing(view.state, stream)]
    parts += [f"the last {len(seen.tail.data)}"] if seen.tail.start else []
    parts += [f"{duration(seen.age)} old"] if seen.age is not None and seen.age >= 1 else []
    return ", ".join(part for part in parts if part)


def _growing(client: Client, job: str, last: Peek, stream: str) -> Iterator[tuple[Peek, str, int]]:
    """What is new since `last`, piece by piece until the task has ended, and where each begins."""
    decoder, shown = codecs.getincrementaldecoder("utf-8")(errors="replace"), last.tail.end
    while not last.final:
        time.sleep(_FOLLOW_SECONDS)
        seen = client.peek(job, last.view.index, stream, wait=False)
        if seen.attempt > last.attempt > 0:
            decoder.reset()
            shown = 0
            click.echo(f"attempt {seen.attempt}", err=True)
        if seen.attempt >= last.attempt and seen.tail.end > shown:
            if seen.tail.start > shown:
                click.echo(f"[{seen.tail.start - shown} bytes not shown]", err=True)
                shown = seen.tail.start
            text = decoder.decode(seen.tail.data[shown - seen.tail.start :])
            yield seen, render_terminal(text), shown
            shown = seen.tail.end
        last = seen
