"""JSON Schemas of the output with `--json`. docs/json.md is generated from them, and tests check the output with them.

Keys are stable. A key stays and keeps its meaning. New keys can be added.
"""

from __future__ import annotations

from dataclasses import dataclass

from docs.generate.job_schemas import JOB, SHOWN_JOB, SHOWN_TASK, TASK, TIME, Schema, listing, record, value

_PEEK = record(
    "End of the output of a task.",
    {
        "job": value("string", "Name of the job."),
        "index": value("integer", "Index of its row, from 0."),
        "state": value("string", "State of the task: pending, running, ok, failed or killed."),
        "attempt": value("integer|null", "Attempt that wrote it; null: none has begun."),
        "stream": value("string", "stdout or stderr."),
        "start": value("integer", "Position of `text` in the stream, bytes."),
        "size": value("integer", "Length of the stream, bytes."),
        "age": value("number|null", "Age of this text, seconds; null: it is current."),
        "text": value("string", "Output without control sequences."),
    },
)
_EXPLANATION = record(
    "Reason why a job or a task failed, ended or is not running.",
    {
        "job": value("string", "Name of the job."),
        "index": value("integer|null", "Index of the task; null: the whole job."),
        "cause": value("string", "One word for the situation, for example paused, no_consumer or budget_spent."),
        "text": value("string", "The reason, and what happens next."),
        "next": value("string", "Command to type next. SIZE, TIME, FOLDER and COMMAND in it are for the user."),
    },
)
_REPLAY = record(
    "Result of a replay.",
    {
        "job": value("string", "Name of the job."),
        "index": value("integer", "Index of its row, from 0."),
        "folder": value("string", "Folder of the replay; it stays."),
        "command": {"type": "array", "description": "Command that ran.", "items": {"type": "string"}},
        "cause": value("string", "Cause of the end, here."),
        "exit_code": value("integer|null", "Exit code or number of the signal, here."),
        "same": value("boolean|null", "True if the outcome is the recorded one; null: none is recorded."),
        "notes": {
            "type": "array",
            "description": "Differences of this machine from the recorded run.",
            "items": {"type": "string"},
        },
        "compared": listing(
            "Comparison of outcomes.",
            record(
                "One compared item.",
                {
                    "what": value("string", "cause, exit code, stdout, stderr, a file's name, out.*, seconds ..."),
                    "recorded": value("string", "Recorded value; the size if it is a file or stream."),
                    "here": value("string", "Value here."),
                    "same": value("boolean|null", "True if equal (files and streams by digest); null: not comparable."),
                },
            ),
        ),
    },
)

_CONSUMER = record(
    "A consumer that has tasks of a job.",
    {
        "consumer": value("string", "Name of the consumer, as in a timeline."),
        "kind": value("string", "local (a slot of a machine), pod, work (started by kubeque work) or unknown."),
        "place": value("string", "Name of its machine or pod."),
        "job": value("string", "Name of the job."),
        "reserved": value("integer", "Number of tasks that it has reserved, including the running one."),
        "running": value("integer|null", "Index of the running task; null: none is recorded."),
        "running_since": value("string|null", f"Start of its command, {TIME}."),
        "done": value(
            "integer", "Number of attempts that it has ended in its present blocks (at most 256 tasks each)."
        ),
        "since": value("string", f"Earliest recorded time of its work on these blocks, {TIME}."),
        "heartbeat": value("string", f"Time of its last commit, {TIME}."),
        "leaves": value("boolean", "True if kubeque send-home has asked it to leave after its task."),
    },
)
_SENT_HOME = record(
    "Consumers that leave after their task.",
    {"consumers": listing("Names of the consumers.", value("string", "Name of a consumer."))},
)
_WANTED = record(
    "Consumers that a job wants now.",
    {
        "consumers": value("integer", "Number of consumers; 0 if the job is paused or has ended."),
        "cpu": value("number|null", "Cores of one consumer; null: the sweep gives none."),
        "memory": value("integer|null", "Memory of one consumer, bytes; null: the sweep gives none."),
    },
)

_FINDING = record(
    "Finding about one part.",
    {
        "what": value("string", "The checked part, for example queue, cluster or disk; of a job: job, store, waits."),
        "ok": value("boolean", "True if there is no problem."),
        "limited": value("boolean", "True if something optional is missing."),
        "text": value("string", "Description, or the problem and what to do."),
    },
)

_FETCHED = record(
    "Result of a fetch.",
    {
        "job": JOB["job"],
        "dest": value("string", "Folder or URL."),
        "table": value("string", "Table of results in it."),
        "tasks": value("integer", "Number of tasks fetched now."),
        "kept": value("integer", "Number of tasks that were there already."),
        "restored": value("integer", "Number of tasks fetched again because their files had changed or were missing."),
        "not_kept": value("integer", "Number of files of these tasks that were not kept, such as links."),
        "files": value("integer", "Number of files written now."),
        "bytes": value("integer", "Size, bytes."),
    },
)
_GARBAGE = record(
    "Data that no job uses.",
    {
        "deleted": value("boolean", "True with --yes: the data is deleted."),
        "bytes": value("integer", "Size of all pieces, bytes."),
        "pieces": listing(
            "Pieces of data.",
            record(
                "One piece.",
                {
                    "kind": value("string", "expired, left over, environment, working directory, input, cached input."),
                    "name": value("string", "Name of a job, a URL or a path."),
                    "files": value("integer", "Number of files."),
                    "bytes": value("integer", "Size, bytes."),
                },
            ),
        ),
        "note": value("string", "Data that was left out, with the reason; empty: none."),
        "stays": listing("Sentences about files that stay, with the reason.", value("string", "A sentence.")),
        "young": value("integer", "Number of unused inputs of the last day, which stay; 0 with --now."),
        "young_bytes": value("integer", "Their size, bytes."),
        "young_until": value("number|null", "Unix time after which none of them stays; null: there are none."),
        "home": record(
            "Bytes in the home folder of this machine, by kind of data.",
            {
                "results": value("integer", "Results and specs of jobs."),
                "inputs": value("integer", "Inputs that submissions stored."),
                "cached inputs": value("integer", "Copies of inputs for the tasks of this machine."),
                "working directories": value("integer", "Working directories of tasks."),
                "environments": value("integer", "Environments of submissions."),
                "queue and logs": value("integer", "Queue, logs of consumers and other files."),
            },
        ),
    },
)
_NAMED: dict[str, Schema] = {key: JOB[key] for key in ("job", "uid")}
_CONFIG = record(
    "Configuration: the keys of the `.kubeque` file with their values; passwords are hidden.",
    {
        "home": value("string", "Folder of kubeque on this machine."),
        "source": value("string|null", "Configuration file; null: none."),
    },
    additionalProperties=value("string|number|null", "Value of the key; sizes in bytes."),
)
_CONFIG["properties"]["parts"] = listing(
    "Parts that sweeps need on GKE; left out elsewhere.",
    record(
        "One part.",
        {
            "what": value("string", "bucket, database, account, queue, store, cluster, identity, consumers or keeper."),
            "ok": value("boolean", "True if it exists."),
            "text": value("string", "Description, with what was done or is missing."),
            "command": value(
                "string", "Command that creates it, for somebody with the permission; empty if nothing is missing."
            ),
        },
    ),
)
_POOL = record(
    "One node pool.",
    {
        "name": value("string", "Name of the pool."),
        "least": value("integer", "Smallest number of nodes."),
        "most": value("integer", "Largest number of nodes."),
        "spot": value("boolean", "True if Google may take its machines away."),
        "machine_type": value("string", "Machine type."),
        "disk_size": value("integer|null", "Boot disk of each node, bytes."),
        "local_ssd_count": value("integer", "Local SSDs of each node."),
        "gpu_type": value("string", "Type of the GPUs; empty: none."),
        "gpu_count": value("integer", "GPUs of each node."),
        "status": value("string", "Status at Google."),
        "message": value("string", "Message of Google; empty: none."),
    },
)
_STOPPED = record(
    "Result of the command.",
    {
        "stopped": value("integer", "Number of stopped consumers; 0 if a cluster was deleted."),
        "deleted": value("string|null", "Deleted GKE cluster; null: none."),
        "waiting": listing(
            "Programs that wait for a job and start consumers again.",
            record(
                "One program.",
                {
                    "job": value("string", "Name of the job."),
                    "kind": value("string", "process, keeper or airflow."),
                    "name": value("string", "Pid of the process, or name of the Airflow task; empty for a keeper."),
                },
            ),
        ),
    },
)
_PLAN = record(
    "Plan of a submission; nothing is submitted.",
    {
        "jobspec": value("object", "The sweep in the form of docs/jobspec.md."),
        "plan": record(
            "The plan.",
            {
                "tasks": value("integer", "Number of tasks."),
                "consumers": value("integer", "Number of consumers at once."),
                "inputs": value("integer", "Number of input files, with those of single rows."),
                "contents": value("integer", "Number of distinct files on this machine."),
                "there": value("integer", "Number of those that the store has already."),
                "bytes": value("integer", "Size of these files, bytes."),
                "bytes_to_send": value("integer", "Size of the files to upload, bytes."),
                "commands": listing(
                    "The first commands.",
                    {"type": "array", "description": "Arguments.", "items": {"type": "string"}},
                ),
                "name": value("string", "State of the name: new, unchanged (the same job exists) or taken."),
                "notes": {
                    "type": "array",
                    "description": "Notes on options that do not apply, or apply otherwise, on this cluster.",
                    "items": {"type": "string"},
                },
                "effect": record(
                    "Effect on the existing job of that name; null if there is none, or if it stays as it is.",
                    {
                        "name": value("string", "Name of the job."),
                        "existing": value("string", "What happens to it: repair, revise or replace."),
                        "run": value("integer", "Number of rows that run, because they are not ok."),
                        "kept": value("integer", "Number of ok rows that keep their results."),
                        "again": value("integer", "Number of ok rows that run again."),
                        "lost": value("integer", "Number of ok rows that the new rows do not contain."),
                        "changed": {
                            "type": "array",
                            "description": "Names of changed files, and other changes in words.",
                            "items": {"type": "string"},
                        },
                    },
                    type=["object", "null"],
                ),
            },
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Output:
    """Description of the output of one command."""

    #: The command with its arguments.
    command: str
    schema: Schema
    #: True if each line is one object (JSON lines).
    lines: bool = False


_RESET_EFFECT = record(
    "Effect of a reset on the rows, or on the selected rows; nothing is reset.",
    {
        "name": value("string", "Name of the job."),
        "run": value(
            "integer", "Number of failed and killed rows, and of rows that are being killed, that would run again."
        ),
        "again": value("integer", "Number of ok rows that would run again."),
        "kept": value("integer", "Number of ok rows that would keep their results."),
        "left": value("integer", "Number of failed and killed rows that would stay so."),
        "unfinished": value("integer", "Number of rows that have not ended."),
        "held": value("integer", "Number of these rows that stay held until `kubeque go`."),
    },
)
_KILL_EFFECT = record(
    "Effect of a kill on the selected rows.",
    {
        "name": value("string", "Name of the job."),
        "killed": value("integer", "Number of rows that were waiting and never run."),
        "running": value(
            "integer", "Number of rows that run; their consumers stop them within about 5 s, unless they end before."
        ),
        "ended": value("integer", "Number of rows that had already ended."),
    },
)
_ONE_JOB = record("State of a job.", JOB)
#: All outputs, in the order of docs/json.md.
OUTPUTS = (
    Output("kubeque sub --json COMMAND", _ONE_JOB),
    Output(
        "kubeque sub --no-wait --json COMMAND",
        record("The submitted job.", _NAMED | {"tasks": JOB["tasks"]}),
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
    Output("kubeque logs JOB --json", _PEEK, lines=True),
    Output("kubeque replay JOB INDEX --json", _REPLAY),
    Output("kubeque fetch JOB DEST --json", _FETCHED),
    Output("kubeque kill JOB --json", _ONE_JOB),
    Output("kubeque kill JOB --index 3,5-9 --json", record("State of a job.", JOB | {"rows": _KILL_EFFECT})),
    Output("kubeque kill JOB --dry-run --json", _KILL_EFFECT),
    Output("kubeque reset JOB --json", _ONE_JOB),
    Output("kubeque reset JOB --dry-run --json", _RESET_EFFECT),
    Output("kubeque go JOB --json", _ONE_JOB),
    Output("kubeque pause JOB --json", _ONE_JOB),
    Output("kubeque resume JOB --json", _ONE_JOB),
    Output("kubeque scale JOB CONSUMERS --json", _ONE_JOB),
    Output("kubeque priority JOB PRIORITY --json", _ONE_JOB),
    Output("kubeque remove JOB --yes --json", record("The removed object.", _NAMED)),
    Output("kubeque remove --ended --yes --json", listing("The removed objects.", record("A removed object.", _NAMED))),
    Output("kubeque gc --json", _GARBAGE),
    Output("kubeque start --json", _CONFIG),
    Output("kubeque resize NODES --json", _POOL),
    Output("kubeque pool list --json", _POOL, lines=True),
    Output("kubeque pool add NAME --json", _POOL),
    Output("kubeque pool resize NAME NODES --json", _POOL),
    Output(
        "kubeque pool remove NAME --yes --json", record("The removed object.", {"name": _POOL["properties"]["name"]})
    ),
    Output("kubeque stop --json", _STOPPED),
    Output("kubeque explain JOB --json", _EXPLANATION),
    Output("kubeque consumers --json", listing("The consumers that have tasks now.", _CONSUMER)),
    Output("kubeque consumers JOB --json", listing("The consumers that have tasks of the job.", _CONSUMER)),
    Output("kubeque send-home PLACE --json", _SENT_HOME),
    Output("kubeque wanted JOB --json", _WANTED),
    Output("kubeque explain JOB INDEX --json", _EXPLANATION),
    Output("kubeque doctor --json", _FINDING, lines=True),
    Output("kubeque doctor JOB --json", _FINDING, lines=True),
)
