"""Values of sweeps for the page, ready for JSON. Their length is limited, and Airflow's secrets are masked."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubeque.client import Failures, Peek, TaskDetails, TaskRow
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.rows.column_names import out_column, out_of, parameter_column
from kubeque.model.stats.failure_groups import NAMED
from kubeque.model.stats.running_time import format_since
from kubeque.model.text import printable, render_terminal
from kubeque_provider.airflow_versions import airflow_paths, mask_secrets
from kubeque_provider.origin.addresses import describe_alternation, find_alternating, uses_of
from kubeque_provider.origin.deployment import VARIABLE
from kubeque_provider.origin.script import describe_script, digest_of, short_version

#: Maximum lengths of a table cell, of a value on a task's page, and of a message, in characters.
_CELL_CHARACTERS, _VALUE_CHARACTERS, _MESSAGE_CHARACTERS = 120, 4000, 1000
#: Maximum number of parameter columns in the table, and also of result columns.
_MAX_COLUMNS = 40
#: Maximum number of files that the page of a task lists.
_MAX_FILES = 200
#: Maximum number of other deployments in the warnings of the list.
_MAX_DEPLOYMENTS = 5
#: Text in place of a message, which can contain the standard error of a task.
_NO_LOGS = "(you may not see the logs of its tasks)"
#: JavaScript represents integers up to this absolute value exactly.
_SAFE_INTEGER = 1 << 53


def job_view(job: Job, counts: Counts, now: float) -> dict[str, Any]:
    """Return the values of one sweep. Only the queue is read. `now`: time on the queue's clock, Unix seconds."""
    origin = job.origin
    return {
        "name": job.name, "uid": job.uid, "run": job.run, "revision": job.revision, "state": job.standing(counts),
        "reason": printable(mask_secrets(job.reason), _MESSAGE_CHARACTERS), "tasks": job.n, "counts": counts.to_wire(),
        "ended": job.closing.at if job.closing is not None else None, "created": job.created, "now": now,
        "consumers": job.consumers, "priority": job.priority, "linked": job.linked, "results": job.url,
        "unfinished": counts.killed if job.was_ended else 0,
        "origin": {key: origin[key] for key in ("dag", "run", "task", "map_index")}, "paths": airflow_paths(origin),
    }  # fmt: skip


def deployment_warnings(jobs: Iterable[Job], deployment: str) -> list[str]:
    """Return warnings about jobs of another deployment, and about other Airflows with the identity of this one.

    `jobs`: jobs with a DAG that the user may read. `deployment`: identity of this Airflow.
    """
    known = [job for job in jobs if "deployment" in job.origin]
    hidden = Counter(job.origin["deployment"] for job in known)
    hidden.pop(deployment, None)
    lines = [
        f"{count:,} {'sweeps of this queue belong' if count > 1 else 'sweep of this queue belongs'} to the deployment"
        f" {_identity(name)}; this Airflow is the deployment {_identity(deployment)}. If this Airflow had the other"
        f" name, set the Airflow Variable {VARIABLE}, or `deployment` in the connection, to {_identity(name)}"
        for name, count in hidden.most_common(_MAX_DEPLOYMENTS)
    ]
    addresses = find_alternating(uses_of(known, deployment))
    return [describe_alternation(addresses, deployment), *lines] if addresses else lines


def _identity(deployment: str) -> str:
    return repr(printable(mask_secrets(deployment), _CELL_CHARACTERS))


def script_view(files: Mapping[str, str], job: Job, newest: str) -> dict[str, Any]:
    """Return one line about the script of a sweep; empty if its tasks get no files.

    `files`: digests of the script's files. `newest`: newest version of the sweep's DAG bundle; empty: unknown.
    """
    line, version = describe_script(files, job.origin, None), job.origin.get("bundle_version", "")
    if not line:
        return {"script": ""}
    if before := job.origin.get("script_before", ""):
        line += (
            ", unchanged since the previous run" if before == digest_of(files) else ", changed since the previous run"
        )
    if version and newest and newest != version:
        line += f"; the newest version of the bundle is {short_version(newest)}"
    return {"script": line}


def failures_view(found: Failures, *, logs: bool) -> dict[str, Any]:
    """Return the groups of failed tasks. Each group lists its first tasks.

    `logs`: True if the user may see logs. Otherwise messages are hidden, because they can contain the end of the
    standard error.
    """
    return {
        "causes": dict(found.causes),
        "groups": [
            {
                "cause": str(group.cause), "count": group.count,
                "message": _message(group.message, logs=logs),
                "first": [{"index": index, "row": _row_text(row)} for index, row in group.first],
                "more": max(0, group.count - NAMED), "like": group.mark if logs else "",
            }
            for group in found.groups
        ],
    }  # fmt: skip


def _message(message: str, *, logs: bool) -> str:
    return printable(mask_secrets(message), _MESSAGE_CHARACTERS) if logs or not message else _NO_LOGS


def table_view(lines: Sequence[TaskRow], columns: Sequence[str], *, logs: bool) -> dict[str, Any]:
    """Return tasks as the rows of a table. `columns`: names of the parameters.

    `logs`: True if the user may see logs.
    """
    outs = list(dict.fromkeys(name for line in lines for name in line.out))
    kept, values = list(map(parameter_column, columns[:_MAX_COLUMNS])), outs[:_MAX_COLUMNS]
    facts = [name for name in _facts(lines) if name != "state" and (logs or name != "message")]
    heads = ["index", "state", *kept, *map(out_column, values), *facts]
    return {
        "heads": [{"column": head, "label": printable(head, _CELL_CHARACTERS)} for head in heads],
        "rows": [[cell(line.value(head), _CELL_CHARACTERS, head) for head in heads] for line in lines],
        "left_out": len(columns) - len(kept) + len(outs) - len(values),
    }


def _facts(lines: Sequence[TaskRow]) -> list[str]:
    return list(lines[0].facts()) if lines else ["state"]


def task_view(task: TaskDetails, now: float, *, logs: bool) -> dict[str, Any]:
    """Return one task with its row, result values, command, files and attempts.

    `now`: time on the clock of the queue, Unix seconds. `logs`: True if the user may see logs.
    """
    line, result = task.line, task.result or {}
    record = line.view.record
    row = {name: value for name, value in line.row.items() if name != "index"}
    return {
        "index": line.view.index, "state": line.view.state,
        "facts": {name: fact for name, fact in line.facts().items() if logs or name != "message"}
        | _running_facts(line.view, now),
        "message": _message(record.outcome.message, logs=logs) if record.outcome else "",
        "row": _pairs(row), "out": _pairs(line.out), "command": _command(task), "folder": task.url,
        "files": [
            [printable(entry["name"], _CELL_CHARACTERS), entry["size"]]
            for entry in result.get("files", ())[:_MAX_FILES]
        ],
        "attempts": [
            {
                "number": a.number, "cause": str(a.cause), "code": a.code,
                "consumer": printable(a.owner, _CELL_CHARACTERS), "start": a.start, "seconds": a.seconds,
            }
            for a in record.history
        ],
    }  # fmt: skip


def _command(task: TaskDetails) -> str:
    """Return the command of the last attempt, with secrets masked; empty until the result of an attempt is known."""
    command = task.script or shlex.join(map(str, (task.result or {}).get("command", ())))
    return printable(mask_secrets(command), _VALUE_CHARACTERS)


def _running_facts(view: TaskView, now: float) -> dict[str, Any]:
    """Return the running time, the attempt and the consumer of a running task; empty if the task does not run."""
    if view.state is not TaskState.RUNNING:
        return {}
    since, consumer = format_since(view.running, now) or None, printable(view.owner, _CELL_CHARACTERS)
    return {"running for": since, "running attempt": view.record.attempts, "consumer": consumer}


def log_view(peek: Peek) -> dict[str, Any]:
    """Return the end of a task's output, as a terminal shows it."""
    return {
        "text": mask_secrets(render_terminal(peek.tail.text)), "attempt": peek.attempt, "age": peek.age,
        "final": peek.final, "state": peek.view.state, "from": peek.tail.start,
    }  # fmt: skip


def cell(value: Any, limit: int, name: str) -> Any:
    """Return a value unchanged if JSON and JavaScript represent it exactly. Otherwise return it as text.

    `limit`: maximum length of the text, in characters. `name`: name of the column; values of a secret column are
    masked.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _SAFE_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return printable(mask_secrets(value if isinstance(value, str) else json.dumps(value), name), limit)


def is_secret(column: str) -> bool:
    """True if Airflow hides the values of a column with this name."""
    name = out_of(column) or column
    return bool(mask_secrets("a value", name) != "a value")


def _pairs(values: Mapping[str, Any]) -> list[list[Any]]:
    return [[printable(name, _CELL_CHARACTERS), cell(value, _VALUE_CHARACTERS, name)] for name, value in values.items()]


def _row_text(row: Mapping[str, str]) -> str:
    return printable(" ".join(f"{k}={mask_secrets(v, k)}" for k, v in row.items() if k != "index"), _CELL_CHARACTERS)
