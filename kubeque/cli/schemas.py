"""What `--json` prints, as JSON Schemas: the one place from which docs/json.md is made and that tests hold output to.

Keys are stable: one that is there stays, with its meaning; new ones may come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]


def _value(kinds: str, text: str, **more: Any) -> Schema:
    """One value; `kinds`: its types, as in "string|null"."""
    types = kinds.split("|")
    return {"type": types[0] if len(types) == 1 else types, "description": text, **more}


def _object(text: str, properties: dict[str, Schema], **more: Any) -> Schema:
    return {
        "type": "object", "description": text, "properties": properties, "required": list(properties),
        "additionalProperties": False, **more,
    }  # fmt: skip


def _array(text: str, items: Schema) -> Schema:
    return {"type": "array", "description": text, "items": items}


_TIME = "ISO 8601 in UTC"
_COUNTS = _object(
    "How many tasks stand where.",
    {
        "pending": _value("integer", "They wait."),
        "running": _value("integer", "A consumer has them."),
        "ok": _value("integer", "They ended well."),
        "failed": _value("integer", "They ended otherwise, and run no more."),
        "killed": _value("integer", "They had not ended when the job was killed or stopped."),
        "held": _value("integer", "They wait for `kubeque go` (sub --try)."),
    },
)
_JOB: dict[str, Schema] = {
    "job": _value("string", "Its name."),
    "uid": _value("string", "Drawn at random when it was made; a job made anew under the same name has another."),
    "state": _value("string", "waiting, running, held, success, failed, killed, stopped or resetting."),
    "reason": _value("string", "Why it was stopped; empty where it was not."),
    "tasks": _value("integer", "How many it has."),
    "counts": _COUNTS,
    "consumers": _value("integer", "Consumers of its fleet that run now."),
    "revision": _value("integer", "Which spec is in force."),
    "run": _value("integer", "How often it was reset."),
    "priority": _value("integer", "Higher goes first."),
    "created": _value("string", f"When it was submitted, {_TIME}."),
    "success": _value("boolean|null", "How it ended; null: it has not."),
    "url": _value("string", "The folder of its rows and results."),
    "obstacles": {
        "type": "array",
        "description": "What keeps its consumers from starting.",
        "items": {"type": "string"},
    },
}
_FACTS: dict[str, Schema] = {
    "state": _value("string", "held, pending, running, ok, failed or killed."),
    "cause": _value("string|null", "Why its last attempt ended; null before it has."),
    "exit_code": _value("integer|null", "The exit code, or the signal's number where the cause is `signal`."),
    "attempts": _value("integer", "Attempts that ended."),
    "seconds": _value("number|null", "Wall time of the last attempt."),
    "peak_memory": _value("integer|null", "Bytes, over all its processes."),
    "files": _value("integer|null", "How many files were kept."),
    "bytes": _value("integer|null", "Their bytes."),
}
_SCALAR = _value("string|number|boolean|null", "What the program wrote to $KUBEQUE_OUT under that name.")
_TASK = _object(
    "One task: its row, how it stands, and what its program wrote.",
    {"index": _value("integer", "Its row, from 0."), **_FACTS},
    patternProperties={r"^out\.": _SCALAR},
    additionalProperties=_value("string", "The row's value, under the column's name."),
)
_INPUT = _object(
    "A file that every task gets.",
    {
        "name": _value("string", "Its path in the working directory."),
        "url": _value("string", "Where its bytes are."),
        "size": _value("integer", "Bytes."),
    },
)
_SHOWN_JOB = _object(
    "All about a job.",
    _JOB
    | {
        "command": {"type": "array", "description": "As it was written.", "items": {"type": "string"}},
        "shell": _value("boolean", "Does /bin/sh run it?"),
        "columns": {"type": "array", "description": "The columns of its rows.", "items": {"type": "string"}},
        "image": _value("string", "Its image; empty: none was asked for."),
        "cpu": _value("number|null", "Cores of a task."),
        "memory": _value("integer|null", "Bytes of memory that a task is given first."),
        "max_memory": _value("integer|null", "Bytes of memory that a task is given at most."),
        "disk": _value("integer|null", "Bytes of disk of a task."),
        "timeout": _value("number|null", "Seconds that a task may take."),
        "deadline": _value("number|null", "When the job ends whatever is left, Unix seconds."),
        "max_failures": _value("integer|null", "So many failed tasks end the job."),
        "allow_failed": _value("string", "So many failed tasks are a success: a number, or a share with %."),
        "series": _value("string", "The series that it belongs to; empty: none."),
        "inputs": _array("What all tasks get.", _INPUT),
        "causes": _value(
            "object",
            "How many tasks ended by each cause.",
            additionalProperties=_value("integer", "Tasks that ended by it."),
        ),
        "attempts": _value("integer", "Attempts that ended, of all tasks; of each task the last eight are remembered."),
        "seconds": _value("number", "Wall time of the last attempts, summed up."),
        "peak_memory": _value("integer|null", "The most that one of them used, bytes."),
        "table": _value("string|null", "Where results.csv of this run is; null before the job has ended."),
    },
)
_ATTEMPT = _object(
    "One attempt.",
    {
        "attempt": _value("integer", "Its number. Numbers only grow; one that was given back unused is missing."),
        "cause": _value("string", "Why it ended."),
        "code": _value("integer|null", "Exit code or signal."),
        "consumer": _value("string", "Who ran it."),
        "start": _value("string", f"When it began, {_TIME}."),
        "seconds": _value("number", "Wall time."),
    },
)
_KEPT = _object(
    "A file that was kept.",
    {
        "name": _value("string", "Its path in the working directory, as the program chose it."),
        "size": _value("integer", "Bytes."),
        "digest": _value("string", "SHA-256, hex."),
    },
)
_SHOWN_TASK = _object(
    "All about a task.",
    {
        "job": _value("string", "The job's name."),
        "uid": _value("string", "The job's uid."),
        "index": _value("integer", "Its row, from 0."),
        "row": _value("object", "The row by column.", additionalProperties=_value("string", "The row's value.")),
        **_FACTS,
        "message": _value("string|null", "Why it ended, for people."),
        "owner": _value("string|null", "The consumer that has it now."),
        "memory": _value("integer|null", "Bytes of memory that it is given."),
        "disk": _value("integer|null", "Bytes of disk that it is given."),
        "command": {
            "type": ["array", "null"],
            "description": "What was run; null where no result is stored.",
            "items": {"type": "string"},
        },
        "history": _array("Its last eight attempts, the oldest first.", _ATTEMPT),
        "kept": _array("Files that were kept.", _KEPT),
        "refused": {"type": "array", "description": "What could not be kept and why.", "items": {"type": "string"}},
        "out": _value("object|null", "What it wrote to $KUBEQUE_OUT, whole.", additionalProperties=_SCALAR),
        "url": _value("string|null", "The folder of its result; null where nothing is stored."),
    },
)
_GARBAGE = _object(
    "What nobody needs any more.",
    {
        "deleted": _value("boolean", "Has it been deleted, by --yes?"),
        "bytes": _value("integer", "Bytes of all of it."),
        "pieces": _array(
            "One by one.",
            _object(
                "A job, the folder of one that is gone, or an input.",
                {
                    "kind": _value("string", "expired, left over or input."),
                    "name": _value("string", "The job's name, or a URL."),
                    "files": _value("integer", "Files that go."),
                    "bytes": _value("integer", "Their bytes."),
                },
            ),
        ),
        "note": _value("string", "Why inputs were left alone; empty where they were not."),
    },
)

_PEEK = _object(
    "The end of what a task wrote.",
    {
        "job": _value("string", "The job's name."),
        "index": _value("integer", "Its row, from 0."),
        "state": _value("string", "The task's: pending, running, ok, failed or killed."),
        "attempt": _value("integer|null", "Which attempt wrote it; null: none has begun."),
        "stream": _value("string", "stdout or stderr."),
        "start": _value("integer", "Where in the stream `text` begins, bytes; 0 is its beginning."),
        "size": _value("integer", "How long the stream is, bytes."),
        "age": _value("number|null", "How old this is, seconds; null: it is as new as can be."),
        "text": _value("string", "What was written, without what a terminal would obey."),
    },
)
_FETCHED = _object(
    "What a fetch did.",
    {
        "job": _value("string", "The job's name."),
        "dest": _value("string", "The folder, as it was given."),
        "table": _value("string", "The table of all tasks."),
        "tasks": _value("integer", "Tasks brought now."),
        "kept": _value("integer", "Tasks that were there already."),
        "restored": _value("integer", "Of those brought now: some file of theirs had been changed or removed here."),
        "files": _value("integer", "Files written now."),
        "bytes": _value("integer", "Their bytes."),
    },
)

_REPLAY = _object(
    "A task that was run again.",
    {
        "job": _value("string", "The job's name."),
        "index": _value("integer", "Its row, from 0."),
        "folder": _value("string", "Where it ran; it stays."),
        "command": {"type": "array", "description": "What was run.", "items": {"type": "string"}},
        "cause": _value("string", "Why it ended here."),
        "exit_code": _value("integer|null", "Exit code or signal, here."),
        "same": _value("boolean|null", "Is the outcome the recorded one? null: none is recorded."),
        "notes": {"type": "array", "description": "What could not be made the same.", "items": {"type": "string"}},
        "compared": _array(
            "What was compared.",
            _object(
                "One thing.",
                {
                    "what": _value("string", "cause, exit code, stdout, stderr, a file's name, out.*, seconds ..."),
                    "recorded": _value("string", "As it is recorded; of bytes, their size."),
                    "here": _value("string", "As it was here."),
                    "same": _value("boolean|null", "Bytes are the same by their digest; null: it says nothing."),
                },
            ),
        ),
    },
)

_FINDING = _object(
    "What was found of one thing.",
    {
        "what": _value("string", "config, queue, results, inputs, cluster or disk."),
        "ok": _value("boolean", "Is it well?"),
        "text": _value("string", "What is there, or what is wrong and what to do."),
    },
)

_FETCHED = _object(
    "What was fetched.",
    {
        "job": _JOB["job"],
        "dest": _value("string", "The folder."),
        "table": _value("string", "The table in it."),
        "tasks": _value("integer", "Tasks that were brought now."),
        "kept": _value("integer", "Tasks that were there already."),
        "restored": _value("integer", "Of those brought: because files here had been changed or removed."),
        "files": _value("integer", "Files written now."),
        "bytes": _value("integer", "Their bytes."),
    },
)
_GARBAGE = _object(
    "What nobody needs any more.",
    {
        "deleted": _value("boolean", "Is it gone? Without --yes nothing is."),
        "bytes": _value("integer", "Bytes of all of it."),
        "pieces": _array(
            "What there is.",
            _object(
                "One piece.",
                {
                    "kind": _value("string", "expired, left over or input."),
                    "name": _value("string", "A job's name, or a URL."),
                    "files": _value("integer", "How many files it has."),
                    "bytes": _value("integer", "Their bytes."),
                },
            ),
        ),
        "note": _value("string", "What was left alone, and why; empty: nothing."),
    },
)
_NAMED: dict[str, Schema] = {key: _JOB[key] for key in ("job", "uid")}
_CONFIG = _object(
    "What sweeps run on: the keys of the `.kubeque` file with their values, passwords hidden.",
    {
        "home": _value("string", "Folder of what is kept on this machine."),
        "source": _value("string|null", "The file that was read; null: there is none."),
    },
    additionalProperties=_value("string|number|null", "The value of that key; sizes in bytes."),
)
_CONFIG["properties"]["parts"] = _array(
    "On GKE: what sweeps need there; else it is left out.",
    _object(
        "One part.",
        {
            "what": _value("string", "bucket, database, account, queue, store, cluster, identity or consumers."),
            "ok": _value("boolean", "Is it there?"),
            "text": _value("string", "What it is, and what was done or is missing."),
            "command": _value("string", "Makes it, for somebody who may; empty where nothing is missing."),
        },
    ),
)
_POOL = _object(
    "One node pool.",
    {
        "name": _value("string", "Its name."),
        "least": _value("integer", "Nodes that it has at least."),
        "most": _value("integer", "Nodes that it has at most."),
        "spot": _value("boolean", "May Google take its machines away?"),
        "machine_type": _value("string", "What its machines are."),
        "disk_size": _value("integer|null", "Bytes of their boot disk."),
        "local_ssd_count": _value("integer", "Local SSDs of each."),
        "gpu_type": _value("string", "What GPUs they have; empty: none."),
        "gpu_count": _value("integer", "How many of these each has."),
        "status": _value("string", "Google's word for how it is."),
        "message": _value("string", "What Google says about it; empty: nothing."),
    },
)
_REMOVED_POOL = _object("What was removed.", {"name": _value("string", "Its name.")})
_STOPPED = _object(
    "What was stopped.",
    {
        "stopped": _value("integer", "Consumers that ran; 0 where a cluster was deleted."),
        "deleted": _value("string|null", "The GKE cluster that was deleted; null: none."),
    },
)
_PLAN = _object(
    "What would happen; nothing was submitted.",
    {
        "jobspec": _value("object", "The sweep, as docs/jobspec.md has it."),
        "plan": _object(
            "What that comes to.",
            {
                "tasks": _value("integer", "How many there would be."),
                "consumers": _value("integer", "Consumers at once."),
                "inputs": _value("integer", "Files that tasks get, those of single rows too."),
                "contents": _value("integer", "Distinct contents that this machine would bring."),
                "there": _value("integer", "How many of these the store has already."),
                "bytes": _value("integer", "Bytes of these contents."),
                "bytes_to_send": _value("integer", "Bytes of those that the store does not have."),
                "commands": _array(
                    "The first commands, as they would run.",
                    {"type": "array", "description": "One argument each.", "items": {"type": "string"}},
                ),
                "name": _value("string", "Of the job's name: new, unchanged (the same job is there) or taken."),
            },
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Output:
    """What one command line prints."""

    #: As it is typed.
    said: str
    schema: Schema
    #: One object for each line (JSON lines), not one for all.
    lines: bool = False


_ONE_JOB = _object("How a job stands.", _JOB)
#: All of it, in the order of docs/json.md.
OUTPUTS = (
    Output("kubeque sub --json COMMAND", _ONE_JOB),
    Output(
        "kubeque sub --no-wait --json COMMAND",
        _object("What was submitted.", _NAMED | {"tasks": _JOB["tasks"]}),
    ),
    Output("kubeque sub --dry-run --json COMMAND", _PLAN),
    Output("kubeque list --json", _array("All jobs, the newest last.", _ONE_JOB)),
    Output("kubeque status --json", _array("The same as `list`.", _ONE_JOB)),
    Output("kubeque status JOB --json", _ONE_JOB),
    Output("kubeque status JOB --tasks --json", _TASK, lines=True),
    Output("kubeque show JOB --json", _SHOWN_JOB),
    Output("kubeque show JOB INDEX --json", _SHOWN_TASK),
    Output("kubeque show JOB --sort COLUMN --json", _TASK, lines=True),
    Output("kubeque watch JOB --json", _ONE_JOB),
    Output("kubeque peek JOB INDEX --json", _PEEK),
    Output("kubeque peek JOB INDEX --follow --json", _PEEK, lines=True),
    Output("kubeque replay JOB INDEX --json", _REPLAY),
    Output("kubeque fetch JOB DEST --json", _FETCHED),
    Output("kubeque kill JOB --json", _ONE_JOB),
    Output("kubeque reset JOB --json", _ONE_JOB),
    Output("kubeque go JOB --json", _ONE_JOB),
    Output("kubeque scale JOB CONSUMERS --json", _ONE_JOB),
    Output("kubeque priority JOB PRIORITY --json", _ONE_JOB),
    Output("kubeque remove JOB --yes --json", _object("What was removed.", _NAMED)),
    Output("kubeque gc --json", _GARBAGE),
    Output("kubeque start --json", _CONFIG),
    Output("kubeque resize NODES --json", _POOL),
    Output("kubeque pool list --json", _POOL, lines=True),
    Output("kubeque pool add NAME --json", _POOL),
    Output("kubeque pool resize NAME NODES --json", _POOL),
    Output(
        "kubeque pool remove NAME --yes --json", _object("What was removed.", {"name": _POOL["properties"]["name"]})
    ),
    Output("kubeque stop --yes --json", _STOPPED),
    Output("kubeque doctor --json", _FINDING, lines=True),
    Output("kubeque doctor JOB --json", _FINDING, lines=True),
    Output("kubeque gc --json", _GARBAGE),
    Output("kubeque fetch JOB DEST --json", _FETCHED),
)
