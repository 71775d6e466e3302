"""JSON Schemas of jobs and tasks in the output of `--json`, and the functions that make schemas."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def value(kinds: str, text: str, **more: Any) -> Schema:
    """Return the schema of a value. `kinds`: types of the value, for example "string|null"."""
    types = kinds.split("|")
    return {"type": types[0] if len(types) == 1 else types, "description": text, **more}


def record(text: str, properties: dict[str, Schema], **more: Any) -> Schema:
    return {
        "type": "object", "description": text, "properties": properties, "required": list(properties),
        "additionalProperties": False, **more,
    }  # fmt: skip


def listing(text: str, items: Schema) -> Schema:
    return {"type": "array", "description": text, "items": items}


TIME = "ISO 8601 in UTC"
COUNTS = record(
    "Number of tasks by state.",
    {
        "pending": value("integer", "Tasks that wait."),
        "running": value("integer", "Tasks whose command runs."),
        "ok": value("integer", "Tasks that succeeded."),
        "failed": value("integer", "Tasks that failed and do not run again."),
        "killed": value("integer", "Tasks that had not ended when the job was killed or stopped."),
        "held": value("integer", "Tasks that wait for `kubeque go` (sub --try)."),
    },
)
JOB: dict[str, Schema] = {
    "job": value("string", "Name of the job."),
    "uid": value("string", "Random identifier; another job of the same name has another one."),
    "state": value("string", "waiting, running, paused, held, success, failed, killed, stopped or resetting."),
    "reason": value("string", "Reason why the job was stopped; empty if it was not."),
    "tasks": value("integer", "Number of tasks."),
    "counts": COUNTS,
    "consumers": value("integer", "Number of running consumers of its fleet."),
    "revision": value("integer", "Revision of the spec."),
    "run": value("integer", "Number of resets."),
    "priority": value("integer", "Priority; higher numbers go first."),
    "created": value("string", f"Time of the submission, {TIME}."),
    "success": value("boolean|null", "True if it succeeded; null before its end."),
    "url": value("string", "URL of the folder of its rows and results."),
    "obstacles": {
        "type": "array",
        "description": "Reasons why its consumers do not start.",
        "items": {"type": "string"},
    },
    "places": listing(
        "Places of its running consumers.",
        record(
            "One place.",
            {
                "kind": value("string", "local, pod, or work (machines with kubeque work that have tasks of the job)."),
                "place": value("string|null", "Name of the machine; null: its own cluster."),
                "consumers": value("integer", "Number of consumers there."),
            },
        ),
    ),
}
FACTS: dict[str, Schema] = {
    "state": value("string", "held, pending, running, ok, failed or killed."),
    "cause": value("string|null", "Cause of the end of the last attempt, or `killed`; null before it."),
    "exit_code": value("integer|null", "Exit code; the number of the signal if the cause is `signal`."),
    "attempts": value(
        "integer", "Number of ended attempts. For a row that was linked or kept: number of the attempt of its result."
    ),
    "seconds": value("number|null", "Wall time of the last attempt."),
    "peak_memory": value("integer|null", "Peak memory of all its processes, bytes."),
    "files": value("integer|null", "Number of kept files."),
    "bytes": value("integer|null", "Bytes of the kept files."),
    "message": value("string|null", "Reason of a failure, one line; null if there is none."),
}
SCALAR = value("string|number|boolean|null", "Value that the program wrote to $KUBEQUE_OUT.")
TASK = record(
    "One task: its row, its state, and the values that its program wrote.",
    {"index": value("integer", "Index of its row, from 0."), **FACTS},
    patternProperties={r"^out\.": SCALAR, r"^running\.": SCALAR},
    additionalProperties=value("string", "Value of the row in this column."),
)
INPUT = record(
    "Input file of every task.",
    {
        "name": value("string", "Path in the working directory."),
        "url": value("string", "URL of its content."),
        "size": value("integer", "Bytes."),
    },
)
SHOWN_JOB = record(
    "Details of a job.",
    JOB
    | {
        "command": {"type": "array", "description": "Words of the command.", "items": {"type": "string"}},
        "shell": value("boolean", "True if /bin/sh runs the command."),
        "columns": {"type": "array", "description": "Columns of its rows.", "items": {"type": "string"}},
        "image": value("string", "Container image; empty: none."),
        "cpu": value("number|null", "Cores of a task."),
        "memory": value("integer|null", "Memory of the first attempt of a task, bytes."),
        "max_memory": value("integer|null", "Largest memory of a task, bytes."),
        "disk": value("integer|null", "Disk of a task, bytes."),
        "timeout": value("number|null", "Time limit of a task, seconds."),
        "deadline": value("number|null", "Time at which the job ends in any case, Unix seconds."),
        "max_failures": value("integer|null", "Number of failed tasks at which the job stops."),
        "allow_failed": value("string", "Tasks that may fail in a successful job: a number, or a share with %."),
        "series": value("string", "Series of the job; empty: none."),
        "inputs": listing("Input files of every task.", INPUT),
        "causes": value(
            "object",
            "Number of tasks by cause of their end.",
            additionalProperties=value("integer", "Number of tasks."),
        ),
        "attempts": value("integer", "Number of ended attempts of all tasks, at most the last eight of each task."),
        "seconds": value("number", "Sum of the wall times of the last attempts."),
        "peak_memory": value("integer|null", "Largest peak memory of a task, bytes."),
        "table": value("string|null", "URL of results.csv of this run; null before the end of the job."),
        "report": value("string|null", "URL of the report of this run; null if there is none."),
    },
)
ATTEMPT = record(
    "One attempt.",
    {
        "attempt": value("integer", "Number of the attempt. Numbers only grow; unused ones are missing."),
        "cause": value("string", "Cause of its end."),
        "code": value("integer|null", "Exit code or number of the signal."),
        "consumer": value("string", "Consumer that ran it."),
        "start": value("string", f"Start, {TIME}."),
        "seconds": value("number", "Wall time."),
    },
)
KEPT = record(
    "One kept file.",
    {
        "name": value("string", "Path in the working directory."),
        "size": value("integer", "Bytes."),
        "digest": value("string", "SHA-256, hex."),
    },
)
RUNNING: Schema = record(
    "Its running command; null if none runs.",
    {
        "since": value("string|null", f"Start of the command, {TIME}; null: unknown."),
        "seen": value("string|null", f"Time of the last commit in which the consumer named it, {TIME}; null: unknown."),
        "attempt": value("integer", "Number of the attempt."),
        "consumer": value("string", "Consumer that runs it."),
    },
) | {"type": ["object", "null"]}
USAGE: Schema = record(
    "Its CPU, memory and GPU use over time, one value for each interval; null for a task below 1 s.",
    {
        "seconds": listing("Ends of the intervals, seconds after the start.", value("number", "Seconds.")),
        "cpu": listing("Mean number of cores in use.", value("number", "Cores.")),
        "memory": listing("Largest memory, bytes.", value("integer", "Bytes.")),
        "gpu": listing("Number of GPUs in use; missing without nvidia-smi.", value("number|null", "GPUs.")),
        "gpu_memory": listing("Memory of the GPUs in use, bytes.", value("integer|null", "Bytes.")),
    },
    required=["seconds", "cpu", "memory"],
) | {"type": ["object", "null"]}
SHOWN_TASK = record(
    "Details of a task.",
    {
        "job": value("string", "Name of the job."),
        "uid": value("string", "Uid of the job."),
        "index": value("integer", "Index of its row, from 0."),
        "row": value(
            "object", "Values of the row by column.", additionalProperties=value("string", "Value of the row.")
        ),
        **FACTS,
        "message": value("string|null", "Description of its end."),
        "owner": value("string|null", "Consumer that has the task now."),
        "running": RUNNING,
        "memory": value("integer|null", "Memory of its next attempt, bytes."),
        "disk": value("integer|null", "Disk of its next attempt, bytes."),
        "command": {
            "type": ["array", "null"],
            "description": "Command that ran; null if no result is stored.",
            "items": {"type": "string"},
        },
        "history": listing("Its last eight attempts, the oldest first.", ATTEMPT),
        "kept": listing("Kept files.", KEPT),
        "refused": {
            "type": "array",
            "description": "Files that were not kept, with the reason.",
            "items": {"type": "string"},
        },
        "out": value("object|null", "All values that it wrote to $KUBEQUE_OUT.", additionalProperties=SCALAR),
        "usage": USAGE,
        "url": value("string|null", "URL of the folder of its result; null if no result is stored."),
        "fault": value("string|null", "Reason why its stored result cannot be read; null if it can."),
    },
)
