"""What `--json` prints of jobs and their tasks, and the words that all schemas of output are made of."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def value(kinds: str, text: str, **more: Any) -> Schema:
    """One value; `kinds`: its types, as in "string|null"."""
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
    "How many tasks stand where.",
    {
        "pending": value("integer", "They wait."),
        "running": value("integer", "A consumer has them."),
        "ok": value("integer", "They ended well."),
        "failed": value("integer", "They ended otherwise, and run no more."),
        "killed": value("integer", "They had not ended when the job was killed or stopped."),
        "held": value("integer", "They wait for `kubeque go` (sub --try)."),
    },
)
JOB: dict[str, Schema] = {
    "job": value("string", "Its name."),
    "uid": value("string", "Drawn at random when it was made; a job made anew under the same name has another."),
    "state": value("string", "waiting, running, held, success, failed, killed, stopped or resetting."),
    "reason": value("string", "Why it was stopped; empty where it was not."),
    "tasks": value("integer", "How many it has."),
    "counts": COUNTS,
    "consumers": value("integer", "Consumers of its fleet that run now."),
    "revision": value("integer", "Which spec is in force."),
    "run": value("integer", "How often it was reset."),
    "priority": value("integer", "Higher goes first."),
    "created": value("string", f"When it was submitted, {TIME}."),
    "success": value("boolean|null", "How it ended; null: it has not."),
    "url": value("string", "The folder of its rows and results."),
    "obstacles": {
        "type": "array",
        "description": "What keeps its consumers from starting.",
        "items": {"type": "string"},
    },
}
FACTS: dict[str, Schema] = {
    "state": value("string", "held, pending, running, ok, failed or killed."),
    "cause": value("string|null", "Why its last attempt ended; null before it has."),
    "exit_code": value("integer|null", "The exit code, or the signal's number where the cause is `signal`."),
    "attempts": value("integer", "Attempts that ended."),
    "seconds": value("number|null", "Wall time of the last attempt."),
    "peak_memory": value("integer|null", "Bytes, over all its processes."),
    "files": value("integer|null", "How many files were kept."),
    "bytes": value("integer|null", "Their bytes."),
}
SCALAR = value("string|number|boolean|null", "What the program wrote to $KUBEQUE_OUT under that name.")
TASK = record(
    "One task: its row, how it stands, and what its program wrote.",
    {"index": value("integer", "Its row, from 0."), **FACTS},
    patternProperties={r"^out\.": SCALAR},
    additionalProperties=value("string", "The row's value, under the column's name."),
)
INPUT = record(
    "A file that every task gets.",
    {
        "name": value("string", "Its path in the working directory."),
        "url": value("string", "Where its bytes are."),
        "size": value("integer", "Bytes."),
    },
)
SHOWN_JOB = record(
    "All about a job.",
    JOB
    | {
        "command": {"type": "array", "description": "As it was written.", "items": {"type": "string"}},
        "shell": value("boolean", "Does /bin/sh run it?"),
        "columns": {"type": "array", "description": "The columns of its rows.", "items": {"type": "string"}},
        "image": value("string", "Its image; empty: none was asked for."),
        "cpu": value("number|null", "Cores of a task."),
        "memory": value("integer|null", "Bytes of memory that a task is given first."),
        "max_memory": value("integer|null", "Bytes of memory that a task is given at most."),
        "disk": value("integer|null", "Bytes of disk of a task."),
        "timeout": value("number|null", "Seconds that a task may take."),
        "deadline": value("number|null", "When the job ends whatever is left, Unix seconds."),
        "max_failures": value("integer|null", "So many failed tasks end the job."),
        "allow_failed": value("string", "So many failed tasks are a success: a number, or a share with %."),
        "series": value("string", "The series that it belongs to; empty: none."),
        "inputs": listing("What all tasks get.", INPUT),
        "causes": value(
            "object",
            "How many tasks ended by each cause.",
            additionalProperties=value("integer", "Tasks that ended by it."),
        ),
        "attempts": value("integer", "Attempts that ended, of all tasks; of each task the last eight are remembered."),
        "seconds": value("number", "Wall time of the last attempts, summed up."),
        "peak_memory": value("integer|null", "The most that one of them used, bytes."),
        "table": value("string|null", "Where results.csv of this run is; null before the job has ended."),
    },
)
ATTEMPT = record(
    "One attempt.",
    {
        "attempt": value("integer", "Its number. Numbers only grow; one that was given back unused is missing."),
        "cause": value("string", "Why it ended."),
        "code": value("integer|null", "Exit code or signal."),
        "consumer": value("string", "Who ran it."),
        "start": value("string", f"When it began, {TIME}."),
        "seconds": value("number", "Wall time."),
    },
)
KEPT = record(
    "A file that was kept.",
    {
        "name": value("string", "Its path in the working directory, as the program chose it."),
        "size": value("integer", "Bytes."),
        "digest": value("string", "SHA-256, hex."),
    },
)
SHOWN_TASK = record(
    "All about a task.",
    {
        "job": value("string", "The job's name."),
        "uid": value("string", "The job's uid."),
        "index": value("integer", "Its row, from 0."),
        "row": value("object", "The row by column.", additionalProperties=value("string", "The row's value.")),
        **FACTS,
        "message": value("string|null", "Why it ended, for people."),
        "owner": value("string|null", "The consumer that has it now."),
        "memory": value("integer|null", "Bytes of memory that it is given."),
        "disk": value("integer|null", "Bytes of disk that it is given."),
        "command": {
            "type": ["array", "null"],
            "description": "What was run; null where no result is stored.",
            "items": {"type": "string"},
        },
        "history": listing("Its last eight attempts, the oldest first.", ATTEMPT),
        "kept": listing("Files that were kept.", KEPT),
        "refused": {"type": "array", "description": "What could not be kept and why.", "items": {"type": "string"}},
        "out": value("object|null", "What it wrote to $KUBEQUE_OUT, whole.", additionalProperties=SCALAR),
        "url": value("string|null", "The folder of its result; null where nothing is stored."),
    },
)
