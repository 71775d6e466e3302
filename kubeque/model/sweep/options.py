"""All that may be said of a sweep, in one table: the options of `kubeque sub`, the keys of a jobspec and its schema.

A new key is a line in KEYS and a field of `Sweep`. Everything else follows from these, or a test says what is missing.
`python -m kubeque.model.sweep.options > kubeque/model/sweep/jobspec.schema.json` writes the schema anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubeque.model.errors import ResourceError, UserError
from kubeque.model.rows.axes import read_axes

VERSION = 1


@dataclass(frozen=True, slots=True)
class OptionType:
    """What sort of value a key takes."""

    #: JSON Schema of the value in a jobspec.
    schema: Mapping[str, Any]
    #: What to write in a jobspec, for messages.
    remedy: str
    #: From what stands on the command line (one text, or several where `many`) to the value in a jobspec.
    read: Callable[[Any, str], Any] = lambda said, option: said
    #: The option may be given several times.
    many: bool = False


def _pairs(words: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UserError(f"{option} {word!r}: write NAME=VALUE")
        pairs[name] = value
    return pairs


def _counts(words: Sequence[str], option: str) -> dict[str, int]:
    counts = {}
    for name, value in _pairs([part for word in words for part in word.split(",")], option).items():
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise ResourceError(f"{option} {name}={value}: write a whole number, as in {name}=3")
        counts[name] = int(value)
    return counts


_SCALAR = {"type": ["string", "number", "boolean"]}
TEXT = OptionType({"type": "string"}, "write a text")
TEXTS = OptionType(
    {"type": "array", "items": {"type": "string"}}, "write a list of texts", lambda said, _: list(said), True
)
WORDS = OptionType({**TEXTS.schema, "minItems": 1}, 'write a list of texts, as in ["python3", "^run.py", "{n}"]')
COUNT = OptionType({"type": "integer"}, "write a whole number, as in 3")
SHARE = OptionType({"type": ["string", "integer"]}, 'write a count or a share, as in 3 or "1%"')
FLAG = OptionType({"type": "boolean"}, "write true or false")
SIZE = OptionType({"type": ["string", "integer"]}, 'write a size, as in "1.5Gi"')
CORES = OptionType({"type": ["string", "number"]}, 'write a number of cores, as in 2 or "500m"')
TIME = OptionType({"type": ["string", "number"]}, 'write a time, as in "30m"')
PAIRS = OptionType(
    {"type": "object", "additionalProperties": {"type": "string"}}, 'write texts by name, as in {"NAME": "VALUE"}',
    _pairs, True,
)  # fmt: skip
COUNTS = OptionType(
    {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
    'write numbers by cause, as in {"lost": 5}', _counts, True,
)  # fmt: skip
AXES = OptionType(
    {
        "type": "object", "minProperties": 1,
        "additionalProperties": {"anyOf": [TEXT.schema, {"type": "array", "minItems": 1, "items": _SCALAR}]},
    },
    'write lists of values by axis, as in {"lr": [0.1, 0.01], "seed": "1..5"}', lambda said, _: read_axes(said), True,
)  # fmt: skip
ROWS = OptionType(
    {"anyOf": [TEXT.schema, {"type": "array", "minItems": 1, "items": {"type": "object"}}]},
    'name a CSV file, or write a list of rows, as in [{"n": 1}, {"n": 2}]',
)  # fmt: skip

TAINTS = OptionType(
    {"type": "array", "items": {"type": ["string", "object"]}}, 'write a list of taints, as in ["gpu=true:NoSchedule"]',
    lambda said, _: list(said), True,
)  # fmt: skip
TEMPLATE = OptionType({"type": ["string", "object"]}, "name a YAML file, or write the template")


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that may be said."""

    #: In a jobspec.
    name: str
    kind: OptionType
    #: One sentence, for `--help`, the schema and docs/jobspec.md.
    help: str
    #: The options that say it; none: it is only said in a jobspec (or is the command itself).
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    #: The field of Sweep it becomes where that has another name; "": it becomes none.
    field: str | None = None
    #: It is no field but a key of Sweep.pod.
    pod: bool = False

    @property
    def sweep_field(self) -> str:
        return self.name if self.field is None else self.field


def _pod(name: str, kind: OptionType, text: str, flag: str, metavar: str | None = None) -> Option:
    return Option(name, kind, text, (flag,), metavar, "", pod=True)


KEYS = (
    Option("command", WORDS, "What to run: one word each; {column} takes the row's value, ^file brings a file along."),
    Option("base", TEXT, "Where relative paths start (default: the folder of the jobspec)."),
    Option("like", TEXT, "All that is not said is as in this job: its command and inputs too.", ("--like",), "JOB", ""),
    # which rows
    Option("parameters", ROWS, "CSV with one row per task; its columns fill {column}.", ("-p", "--params"), "FILE", ""),
    Option("grid", AXES, "An axis of a grid: all combinations are run.", ("--grid",), "NAME=V,V|A..B", ""),
    Option("repeat", COUNT, "So many rows that only differ in {index}.", ("--repeat",), "N", ""),
    # what travels
    Option("push", TEXTS, "Bring this file, folder or @list along.", ("-u", "--push"), "SRC[:DST]"),
    Option("results", TEXTS, "Keep only such files.", ("--results",), "GLOB"),
    Option("ignore", TEXTS, "Keep no such files.", ("--ignore",), "GLOB"),
    Option("env", PAIRS, "Set a variable for the command.", ("--env",), "NAME=VALUE"),
    Option("shell", FLAG, "Run the words in /bin/sh; values are quoted.", ("--shell/--no-shell",)),
    # the job, and those before it
    Option("name", TEXT, "The job's name; without it a readable one is drawn.", ("-n", "--name")),
    Option("priority", COUNT, "Jobs of higher priority go first (default: 0).", ("--priority",)),
    Option("consumers", COUNT, "Consumers at once (default here: one per core).", ("--consumers",)),
    Option("series", TEXT, "The recurring sweep that this is one of.", ("--series",), "NAME"),
    Option(
        "skip_done", FLAG, "Rows that were ok in the series already do not run again.", ("--skip-done/--no-skip-done",)
    ),
    Option("results_ttl", TIME, "How long gc leaves results alone, as in 30d (default: for ever).", ("--results-ttl",)),
    # what a task gets
    Option("cpu", CORES, "Cores per task, as in 500m or 2.", ("--cpu",)),
    Option("memory", SIZE, "Memory per task, as in 1.5Gi; more is used: ended, and tried with more.", ("--memory",)),
    Option("max_memory", SIZE, "How far memory may grow (default: 8 times).", ("--max-memory",)),
    Option("disk", SIZE, "Disk per task, as in 5Gi.", ("--disk",)),
    Option("image", TEXT, "Container image of the tasks.", ("--image",)),
    Option("cluster", TEXT, "local, or kubernetes://CONTEXT/NAMESPACE.", ("--cluster",), "URL", ""),
    # what a pod gets besides: keys of Sweep.pod, checked by model.pod
    _pod("env_from_secret", TEXTS, "Set variables from this Secret.", "--env-from-secret", "NAME"),
    _pod("gpu", COUNT, "GPUs per task.", "--gpu"),
    _pod(
        "volumes",
        TEXTS,
        "Mount pvc/NAME, secret/NAME, configmap/NAME or a folder of the node.",
        "--volume",
        "SOURCE:PATH[:ro]",
    ),
    _pod("service_account", TEXT, "Kubernetes service account of the pods.", "--service-account", "NAME"),
    _pod("node_selector", PAIRS, "Only nodes with this label.", "--node-selector", "LABEL=VALUE"),
    _pod("tolerations", TAINTS, "Nodes with this taint as well.", "--toleration", "KEY=VALUE:EFFECT"),
    _pod("spot", FLAG, "Machines that may be taken away, for less money (GKE).", "--spot/--no-spot"),
    _pod("spot_patience", TIME, "So long consumers wait for such a machine (default: 5m).", "--spot-patience"),
    _pod("priority_class", TEXT, "PriorityClass of the pods.", "--priority-class", "NAME"),
    _pod("kueue_queue", TEXT, "Kueue's LocalQueue in which they wait for room.", "--kueue-queue", "NAME"),
    _pod("kueue_priority", TEXT, "WorkloadPriorityClass of theirs in Kueue.", "--kueue-priority", "NAME"),
    _pod("image_pull_secrets", TEXTS, "Secret that opens a private registry.", "--image-pull-secret", "NAME"),
    _pod("keeper", TEXT, "A pod that looks after the job when nobody does.", "--keeper", "auto|yes|no"),
    _pod("start_timeout", TIME, "Longest until the first consumer runs (default: 10m).", "--start-timeout"),
    _pod("pod_template", TEMPLATE, "YAML merged over the pods' template.", "--pod-template", "FILE"),
    # when it ends
    Option("task_timeout", TIME, "Longest a task may take, as in 30m.", ("--timeout",)),
    Option("deadline", TIME, "Longest the job may take, as in 12h.", ("--deadline",)),
    Option("retries", COUNTS, "Extra attempts by cause, as in lost=5,oom=0.", ("--retries",), "CAUSE=N,..."),
    Option("max_failures", COUNT, "End the job once so many tasks failed.", ("--max-failures",)),
    Option("allow_failed", SHARE, "Failed tasks that are still a success: 3 or 1% (default: 0).", ("--allow-failed",)),
    # what `sub` does besides
    Option("try", COUNT, "Run so many rows first, tell what all would take, and ask.", ("--try",), "N", "canaries"),
    Option(
        "fetch", TEXT, "Bring the results into this folder, or below this URL, at the end.", ("--fetch",), "DEST", ""
    ),
    Option("no_wait", FLAG, "Return once the job is submitted.", ("--no-wait/--wait",), None, ""),
)

BY_NAME: Mapping[str, Option] = {key.name: key for key in KEYS}
#: Exactly one of these says which rows there are.
ROW_KEYS = ("parameters", "grid", "repeat")


def schema() -> dict[str, Any]:
    """The JSON Schema of a jobspec."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"kubeque jobspec, version {VERSION}",
        "description": "A sweep as a file: kubeque sub -f jobspec.json. See docs/jobspec.md.",
        "type": "object",
        "properties": {
            "$schema": {"type": "string", "description": "For editors; kubeque does not read it."},
            "version": {"const": VERSION, "description": "Of this format; may be left out."},
            **{key.name: {**key.kind.schema, "description": key.help} for key in KEYS},
        },
        "additionalProperties": False,
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
