"""What `--json` prints, as JSON Schemas: the one place from which docs/json.md is made and that tests hold output to.

Keys are stable: one that is there stays, with its meaning; new ones may come.
"""

from __future__ import annotations

from dataclasses import dataclass

from docs.generate.job_schemas import JOB, SHOWN_JOB, SHOWN_TASK, TASK, Schema, listing, record, value

_PEEK = record(
    "The end of what a task wrote.",
    {
        "job": value("string", "The job's name."),
        "index": value("integer", "Its row, from 0."),
        "state": value("string", "The task's: pending, running, ok, failed or killed."),
        "attempt": value("integer|null", "Which attempt wrote it; null: none has begun."),
        "stream": value("string", "stdout or stderr."),
        "start": value("integer", "Where in the stream `text` begins, bytes; 0 is its beginning."),
        "size": value("integer", "How long the stream is, bytes."),
        "age": value("number|null", "How old this is, seconds; null: it is as new as can be."),
        "text": value("string", "What was written, without what a terminal would obey."),
    },
)
_REPLAY = record(
    "A task that was run again.",
    {
        "job": value("string", "The job's name."),
        "index": value("integer", "Its row, from 0."),
        "folder": value("string", "Where it ran; it stays."),
        "command": {"type": "array", "description": "What was run.", "items": {"type": "string"}},
        "cause": value("string", "Why it ended here."),
        "exit_code": value("integer|null", "Exit code or signal, here."),
        "same": value("boolean|null", "Is the outcome the recorded one? null: none is recorded."),
        "notes": {"type": "array", "description": "What could not be made the same.", "items": {"type": "string"}},
        "compared": listing(
            "What was compared.",
            record(
                "One thing.",
                {
                    "what": value("string", "cause, exit code, stdout, stderr, a file's name, out.*, seconds ..."),
                    "recorded": value("string", "As it is recorded; of bytes, their size."),
                    "here": value("string", "As it was here."),
                    "same": value("boolean|null", "Bytes are the same by their digest; null: it says nothing."),
                },
            ),
        ),
    },
)

_FINDING = record(
    "What was found of one thing.",
    {
        "what": value("string", "config, queue, results, inputs, cluster or disk."),
        "ok": value("boolean", "Is it well?"),
        "text": value("string", "What is there, or what is wrong and what to do."),
    },
)

_FETCHED = record(
    "What was fetched.",
    {
        "job": JOB["job"],
        "dest": value("string", "The folder."),
        "table": value("string", "The table in it."),
        "tasks": value("integer", "Tasks that were brought now."),
        "kept": value("integer", "Tasks that were there already."),
        "restored": value("integer", "Of those brought: because files here had been changed or removed."),
        "files": value("integer", "Files written now."),
        "bytes": value("integer", "Their bytes."),
    },
)
_GARBAGE = record(
    "What nobody needs any more.",
    {
        "deleted": value("boolean", "Is it gone? Without --yes nothing is."),
        "bytes": value("integer", "Bytes of all of it."),
        "pieces": listing(
            "What there is.",
            record(
                "One piece.",
                {
                    "kind": value("string", "expired, left over or input."),
                    "name": value("string", "A job's name, or a URL."),
                    "files": value("integer", "How many files it has."),
                    "bytes": value("integer", "Their bytes."),
                },
            ),
        ),
        "note": value("string", "What was left alone, and why; empty: nothing."),
    },
)
_NAMED: dict[str, Schema] = {key: JOB[key] for key in ("job", "uid")}
_CONFIG = record(
    "What sweeps run on: the keys of the `.kubeque` file with their values, passwords hidden.",
    {
        "home": value("string", "Folder of what is kept on this machine."),
        "source": value("string|null", "The file that was read; null: there is none."),
    },
    additionalProperties=value("string|number|null", "The value of that key; sizes in bytes."),
)
_CONFIG["properties"]["parts"] = listing(
    "On GKE: what sweeps need there; else it is left out.",
    record(
        "One part.",
        {
            "what": value("string", "bucket, database, account, queue, store, cluster, identity, consumers or keeper."),
            "ok": value("boolean", "Is it there?"),
            "text": value("string", "What it is, and what was done or is missing."),
            "command": value("string", "Makes it, for somebody who may; empty where nothing is missing."),
        },
    ),
)
_POOL = record(
    "One node pool.",
    {
        "name": value("string", "Its name."),
        "least": value("integer", "Nodes that it has at least."),
        "most": value("integer", "Nodes that it has at most."),
        "spot": value("boolean", "May Google take its machines away?"),
        "machine_type": value("string", "What its machines are."),
        "disk_size": value("integer|null", "Bytes of their boot disk."),
        "local_ssd_count": value("integer", "Local SSDs of each."),
        "gpu_type": value("string", "What GPUs they have; empty: none."),
        "gpu_count": value("integer", "How many of these each has."),
        "status": value("string", "Google's word for how it is."),
        "message": value("string", "What Google says about it; empty: nothing."),
    },
)
_STOPPED = record(
    "What was stopped.",
    {
        "stopped": value("integer", "Consumers that ran; 0 where a cluster was deleted."),
        "deleted": value("string|null", "The GKE cluster that was deleted; null: none."),
    },
)
_PLAN = record(
    "What would happen; nothing was submitted.",
    {
        "jobspec": value("object", "The sweep, as docs/jobspec.md has it."),
        "plan": record(
            "What that comes to.",
            {
                "tasks": value("integer", "How many there would be."),
                "consumers": value("integer", "Consumers at once."),
                "inputs": value("integer", "Files that tasks get, those of single rows too."),
                "contents": value("integer", "Distinct contents that this machine would bring."),
                "there": value("integer", "How many of these the store has already."),
                "bytes": value("integer", "Bytes of these contents."),
                "bytes_to_send": value("integer", "Bytes of those that the store does not have."),
                "commands": listing(
                    "The first commands, as they would run.",
                    {"type": "array", "description": "One argument each.", "items": {"type": "string"}},
                ),
                "name": value("string", "Of the job's name: new, unchanged (the same job is there) or taken."),
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


_ONE_JOB = record("How a job stands.", JOB)
#: All of it, in the order of docs/json.md.
OUTPUTS = (
    Output("kubeque sub --json COMMAND", _ONE_JOB),
    Output(
        "kubeque sub --no-wait --json COMMAND",
        record("What was submitted.", _NAMED | {"tasks": JOB["tasks"]}),
    ),
    Output("kubeque sub --dry-run --json COMMAND", _PLAN),
    Output("kubeque list --json", listing("All jobs, the newest last.", _ONE_JOB)),
    Output("kubeque status --json", listing("The same as `list`.", _ONE_JOB)),
    Output("kubeque status JOB --json", _ONE_JOB),
    Output("kubeque status JOB --tasks --json", TASK, lines=True),
    Output("kubeque show JOB --json", SHOWN_JOB),
    Output("kubeque show JOB INDEX --json", SHOWN_TASK),
    Output("kubeque show JOB --sort COLUMN --json", TASK, lines=True),
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
    Output("kubeque remove JOB --yes --json", record("What was removed.", _NAMED)),
    Output("kubeque gc --json", _GARBAGE),
    Output("kubeque start --json", _CONFIG),
    Output("kubeque resize NODES --json", _POOL),
    Output("kubeque pool list --json", _POOL, lines=True),
    Output("kubeque pool add NAME --json", _POOL),
    Output("kubeque pool resize NAME NODES --json", _POOL),
    Output("kubeque pool remove NAME --yes --json", record("What was removed.", {"name": _POOL["properties"]["name"]})),
    Output("kubeque stop --yes --json", _STOPPED),
    Output("kubeque doctor --json", _FINDING, lines=True),
    Output("kubeque doctor JOB --json", _FINDING, lines=True),
)
