"""The details of one task, as `show JOB INDEX` prints them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from kubeque.cli.output.running_text import is_running, running_facts
from kubeque.cli.output.table import Table
from kubeque.cli.output.terminal import format_pairs, format_time, terminal_text
from kubeque.client import TaskDetails
from kubeque.model.job.causes import Cause
from kubeque.model.job.task import TaskState
from kubeque.model.quantities import format_bytes
from kubeque.model.stats.running_time import format_since
from kubeque.model.stats.usage import Usage, draw_curve, read_usage

#: Number of last lines of each stream that `show JOB INDEX` prints.
_LAST_LINES = 10
#: Text after the consumer of a running task whose row was killed.
_KILL_DUE = ", which stops it because the row was killed, unless it ends before"
#: Maximum number of files to list.
_FILES = 20
#: Maximum number of characters of a curve of CPU, memory or GPU use.
_CURVE = 30
#: Labels in the output of `show JOB INDEX` that are not names of parameters.
_LABELS = frozenset({
    "command", "in sh", "message", "took", "memory", "running for", "running in", "reserved by", "files", "result",
    "output", "cpu use", "memory use", "gpu use",
})  # fmt: skip


def task_to_wire(task: TaskDetails) -> dict[str, Any]:
    """Return a task as the JSON object that `show JOB INDEX --json` prints."""
    result = task.result or {}
    outcome = task.line.view.record.outcome
    history = task.line.view.record.history
    return {
        "job": task.job.name, "uid": task.job.uid, "index": task.line.view.index,
        "row": {column: value for column, value in task.line.row.items() if column != "index"},
        **task.line.facts(), "message": outcome.message if outcome else None, "owner": task.line.view.owner or None,
        "running": running_facts(task.line),
        "memory": task.shape.memory, "disk": task.shape.disk, "command": result.get("command"),
        "history": [
            {
                "attempt": a.number, "cause": a.cause.value, "code": a.code, "consumer": a.owner,
                "start": datetime.fromtimestamp(a.start, UTC).isoformat(timespec="milliseconds"),
                "seconds": round(a.seconds, 3),
            }
            for a in history
        ],
        "kept": [{key: item.get(key) for key in ("name", "size", "digest")} for item in result.get("files", [])],
        "refused": result.get("refused", []), "out": result.get("out"),
        "usage": usage.to_wire() if (usage := read_usage(result.get("usage"))) else None, "url": task.url or None,
        "fault": str(task.fault) if task.fault else None,
    }  # fmt: skip


def task_lines(task: TaskDetails, now: float) -> Iterator[str]:
    """Yield the lines about a task. `now`: time on the clock of the queue, Unix seconds."""
    facts, view, result = task.line.facts(), task.line.view, task.result or {}
    outcome = view.record.outcome
    took = [f"{facts['seconds']:.2f}s" if facts["seconds"] is not None else ""]
    took += [f"peak memory {format_bytes(facts['peak_memory'])}" if facts["peak_memory"] else ""]
    cause = "" if facts["cause"] in (None, facts["state"]) else f", {facts['cause']}"
    yield f"{task.job.name} {view.index}: {facts['state']}{cause}"
    yield from format_pairs(
        [
            *(
                (terminal_text(_parameter_label(column)), terminal_text(value, 200))
                for column, value in task.line.parameters().items()
            ),
            *_command_lines(task, result),
            ("message", terminal_text(result.get("message") or outcome.message, 400) if outcome else ""),
            ("took", ", ".join(part for part in took if part)),
            *_usage_lines(read_usage(result.get("usage"))),
            ("memory", format_bytes(task.shape.memory) if task.shape.memory else ""),
            ("running for", _format_running(task, now)),
            (
                "running in" if is_running(task.line) else "reserved by",
                view.owner and f"{view.owner}{_KILL_DUE if view.record.kill else ''}",
            ),
            *(
                (f"out.{terminal_text(key)}", terminal_text(value, 200))
                for key, value in (result.get("out") or {}).items()
            ),
            ("files", f"{len(result.get('files', []))} in {task.url}" if task.url and not task.fault else ""),
            ("result", terminal_text(task.fault, 400) if task.fault else ""),
            ("output", _find_killed_output(task)),
        ]
    )
    for item in result.get("files", [])[:_FILES]:
        yield f"  {terminal_text(item.get('name'), 200)}  {format_bytes(int(item.get('size', 0)))}B"
    for refused in result.get("refused", []):
        yield f"  not kept: {terminal_text(refused, 400)}"
    yield from _last_lines(result)
    if view.record.history:
        yield ""
        Table(["attempt", "cause", "code", "seconds", "began", "consumer"]).print(_attempts(task))


def _command_lines(task: TaskDetails, result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the lines about the command of a task, as pairs of label and text.

    A command for the shell is shown as the user wrote it. Any other command is shown with the values of the row.
    """
    if not task.script:
        return [("command", terminal_text(shlex.join(map(str, result.get("command", []))), 2000))]
    first, *more = (terminal_text(line, 2000) for line in task.script.split("\n"))
    return [("in sh", first), *(("", line) for line in more)]


def _usage_lines(usage: Usage | None) -> list[tuple[str, str]]:
    """Return a pair (label, text) each for CPU, memory and GPU use. The text has a curve, the mean and the peak.

    Return an empty list if nothing was measured.
    """
    if usage is None:
        return []
    cpu = [point.cpu for point in usage.points]
    memory = [point.memory for point in usage.points]
    lines = [
        ("cpu use", f"{draw_curve(cpu, _CURVE)}  mean {usage.mean_cpu:.2f} cores, peak {max(cpu):.2f}"),
        (
            "memory use",
            f"{draw_curve(memory, _CURVE)}  mean {format_bytes(usage.mean_memory)}, peak {format_bytes(max(memory))}",
        ),
    ]
    if (mean := usage.mean_gpu) is not None:
        gpu = [point.gpu for point in usage.points]
        peak = max((point.gpu_memory for point in usage.points if point.gpu_memory is not None), default=0)
        text = f"{draw_curve(gpu, _CURVE)}  mean {mean:.2f} GPUs, memory {format_bytes(peak)}"
        lines.append(("gpu use", text))
    return lines


def _format_running(task: TaskDetails, now: float) -> str:
    """Return a text with the duration, start and number of the running attempt; empty if the task does not run."""
    running = task.line.view.running
    if running is None:
        return ""
    return f"{format_since(running, now)}, since {format_time(running.since)}, attempt {task.line.view.record.attempts}"


def _find_killed_output(task: TaskDetails) -> str:
    """Return a hint about how to show the output of the last attempt, if a kill of the task has ended this attempt.

    A killed attempt has no `result.json` with its output. Return an empty text if the last attempt was not killed.
    """
    view, history = task.line.view, task.line.view.record.history
    ended = history[-1].number if history and history[-1].cause is not Cause.KILLED else 0
    if view.state is not TaskState.KILLED or view.record.attempts <= ended:
        return ""
    command = f"kubeque peek {shlex.quote(task.job.name)} {view.index}"
    return f"{command} shows the output of attempt {view.record.attempts}, if its command had started"


def _parameter_label(column: str) -> str:
    """Return the label of a parameter: the name of its column, with the prefix `param.` if the name is in _LABELS."""
    return f"param.{column}" if column in _LABELS else column


def _last_lines(result: dict[str, Any] | Any) -> Iterator[str]:
    for stream in ("stdout", "stderr"):
        text = result.get(stream)
        if isinstance(text, str) and text.strip():
            yield f"{stream}, last lines:"
            yield from (f"  {terminal_text(line, 400)}" for line in text.splitlines()[-_LAST_LINES:])
        elif text is None and result.get(f"{stream}_bytes"):
            size = format_bytes(int(result[f"{stream}_bytes"]))
            yield f"{stream}: {size}; kubeque peek {result.get('job')} {result.get('index')} shows its end"


def _attempts(task: TaskDetails) -> Iterator[list[str]]:
    for a in task.line.view.record.history:
        code = "" if a.code is None else str(a.code)
        yield [str(a.number), a.cause.value, code, f"{a.seconds:.2f}", format_time(a.start), a.owner]
