"""What the page is told of sweeps: plain values for JSON, each cut to a bounded length, secrets hidden."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from kubeque.client import Failures, Peek, TaskRow
from kubeque.model.job.job import Counts, Job
from kubeque.model.stats.failure_groups import NAMED
from kubeque.model.text import printable, render_terminal
from kubeque_provider.airflow_versions import masked, task_address

_CELL, _VALUE, _MESSAGE = 120, 4000, 1000
#: Columns of parameters, and of values, that the table shows.
_COLUMNS = 40
#: Whole numbers that JavaScript holds exactly.
_SAFE = 1 << 53


def job_view(job: Job, counts: Counts, now: float) -> dict[str, Any]:
    """One sweep, from the queue alone. `now`: the queue's clock."""
    origin = job.origin
    return {
        "name": job.name, "uid": job.uid, "run": job.run, "revision": job.revision, "state": job.standing(counts),
        "reason": printable(masked(job.reason), _MESSAGE), "tasks": job.n, "counts": counts.to_wire(),
        "ended": job.closing.at if job.closing is not None else None, "created": job.created, "now": now,
        "consumers": job.consumers, "priority": job.priority, "linked": job.linked, "results": job.url,
        "origin": {key: origin[key] for key in ("dag", "run", "task", "map_index")}, "address": task_address(origin),
    }  # fmt: skip


def failures_view(found: Failures) -> dict[str, Any]:
    """Failed tasks in groups, each with the first of them."""
    return {
        "causes": dict(found.causes),
        "groups": [
            {
                "cause": str(group.cause), "count": group.count, "message": printable(masked(group.message), _MESSAGE),
                "first": [{"index": index, "row": _row_text(row)} for index, row in group.first],
                "more": max(0, group.count - NAMED),
            }
            for group in found.groups
        ],
    }  # fmt: skip


def table_view(lines: Sequence[TaskRow], columns: Sequence[str]) -> dict[str, Any]:
    """Tasks as the rows of a table. `columns`: the names of the parameters."""
    outs = list(dict.fromkeys(name for line in lines for name in line.out))
    kept, values = columns[:_COLUMNS], outs[:_COLUMNS]
    heads = ["index", "state", *kept, *(f for f in _facts(lines) if f != "state"), *(f"out.{name}" for name in values)]
    return {
        "heads": [{"column": head, "label": printable(head, _CELL)} for head in heads],
        "rows": [[cell(line.value(head), _CELL, head) for head in heads] for line in lines],
        "left_out": len(columns) - len(kept) + len(outs) - len(values),
    }


def _facts(lines: Sequence[TaskRow]) -> list[str]:
    return list(lines[0].facts()) if lines else ["state"]


def task_view(line: TaskRow) -> dict[str, Any]:
    """One task with all that the queue knows of it."""
    record = line.view.record
    row = {name: value for name, value in line.row.items() if name != "index"}
    return {
        "index": line.view.index, "state": line.view.state, "facts": line.facts(),
        "message": printable(masked(record.outcome.message), _MESSAGE) if record.outcome else "",
        "row": _pairs(row), "out": _pairs(line.out),
        "attempts": [
            {
                "number": a.number, "cause": str(a.cause), "code": a.code, "consumer": printable(a.owner, _CELL),
                "start": a.start, "seconds": a.seconds,
            }
            for a in record.history
        ],
    }  # fmt: skip


def log_view(peek: Peek) -> dict[str, Any]:
    """The end of what a task wrote, as a terminal would show it."""
    return {
        "text": masked(render_terminal(peek.tail.text)), "attempt": peek.attempt, "age": peek.age, "final": peek.final,
        "state": peek.view.state, "from": peek.tail.start,
    }  # fmt: skip


def cell(value: Any, limit: int, name: str) -> Any:
    """A value that JSON and JavaScript hold exactly, or its text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _SAFE:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return printable(masked(value if isinstance(value, str) else json.dumps(value), name), limit)


def _pairs(values: Mapping[str, Any]) -> list[list[Any]]:
    return [[printable(name, _CELL), cell(value, _VALUE, name)] for name, value in values.items()]


def _row_text(row: Mapping[str, str]) -> str:
    return printable(" ".join(f"{k}={masked(v, k)}" for k, v in row.items() if k != "index"), _CELL)
