"""The only table of sweep options.

`make docs` generates several files from the table: the schema of a jobspec, docs/jobspec.md, docs/reference.md,
docs/operators.md, the arguments of the Airflow operator and the types of `@task.kubeque`. `kubeque sub` and `--like`
read the table at run time. A new option needs one entry in the table, one field of `Sweep` (or `PodOptions`), and the
code that uses the option.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubeque.model.job.retries import DEFAULT_BUDGETS
from kubeque.model.sweep.option import Option, OptionGroup
from kubeque.model.sweep.option_types import (
    AXES,
    CORES,
    COUNT,
    COUNTS,
    FLAG,
    PAIRS,
    PATH,
    ROWS,
    SHARE,
    SIZE,
    TAINTS,
    TEMPLATE,
    TEXT,
    TEXTS,
    TIME,
    WORDS,
    OptionType,
)

#: Names of the causes that have a budget.
_CAUSES = ", ".join(map(str, DEFAULT_BUDGETS))
#: Version of the jobspec format.
VERSION = 1


def _pod(
    name: str, kind: OptionType, text: str, flag: str, metavar: str | None = None, default: str = "", *,
    templated: bool = False,
) -> Option:  # fmt: skip
    return Option(name, kind, text, (flag,), metavar, default, field="", pod=True, templated=templated)


GROUPS = (
    OptionGroup("Rows", (
        Option(
            "parameters", ROWS,
            "File or URL with one row per task: CSV, JSON Lines or Parquet; write - for standard input.",
            ("-p", "--params"), "FILE", field="", operator=False,
        ),
        Option(
            "delimiter", TEXT, "Character between the values of a CSV file, or a name such as tab.",
            ("--delimiter",), "CHAR", "detected from the header", field="", operator=False,
        ),
        Option(
            "grid", AXES, "Column and its values: a list, A..B..STEP, lin(A,B,N) or log(A,B,N). All --grid columns"
            " are combined.",
            ("--grid",), "NAME=V,V|A..B", field="", operator=False,
        ),
        Option(
            "zip", FLAG,
            "Combine the axes one by one: a row of their first values, a row of their second values, and so on.",
            ("--zip/--no-zip",), field="", operator=False,
        ),
        Option(
            "each", TEXTS,
            "Pattern of files, in quotes; each matching file is a row with the columns path, name and stem.",
            ("--each",), "GLOB", field="", operator=False,
        ),
        Option(
            "sample", COUNT, "Number of rows to choose at random.", ("--sample",), "N", "all rows", field="",
            operator=False,
        ),
        Option("seed", COUNT, "Seed of the random choice of rows.", ("--seed",), "N", "0", field="", operator=False),
        Option(
            "repeat", COUNT,
            "Number of runs of each row; the column 'repeat' numbers them from 0. Without rows, use {index}.",
            ("--repeat",), "N", "1", field="", operator=False,
        ),
    )),
    OptionGroup("Command and files", (
        Option(
            "command", WORDS,
            "Command, one word each: {column} inserts a value of the row, ^file uploads a file, \\{ is a brace.",
            operator=False,
        ),
        Option("base", PATH, "Folder where relative paths start.", default="the jobspec's folder", operator=False),
        Option(
            "push", TEXTS,
            "File or folder to copy into the working directory of each task; @FILE lists such paths.",
            ("-u", "--push"), "SRC[:DST]", templated=True,
        ),
        Option(
            "results", TEXTS, "Pattern of result files to keep.", ("--results",), "GLOB", "all files",
            kept="spec.results", templated=True,
        ),
        Option(
            "ignore", TEXTS, "Pattern of result files to drop.", ("--ignore",), "GLOB", kept="spec.ignore",
            templated=True,
        ),
        Option(
            "env", PAIRS, "Environment variable to set for the command.", ("--env",), "NAME=VALUE", kept="spec.env",
            templated=True,
        ),
        Option(
            "secret_file", TEXTS, "File with NAME=VALUE lines, or one value as NAME=PATH; on one machine.",
            ("--secret-file",), "[NAME=]PATH", operator=False,
        ),
        Option(
            "shell", FLAG,
            "Run the command in /bin/sh, with each value of the row quoted; ^file without quotes uploads a file.",
            ("--shell/--no-shell",),
            kept="spec.shell",
        ),
    )),
    OptionGroup("Job", (
        Option(
            "name", TEXT, "Name of the job.", ("-n", "--name"), "NAME", "a random readable name", operator=False,
        ),
        Option(
            "like", TEXT, "Earlier job; start from its command, files and options.", ("--like",), "JOB", field="",
            operator=False,
        ),
        Option(
            "consumers", COUNT, "Number of consumers that run at once.", ("--consumers",), "N",
            "one per core; 10 on Kubernetes", kept="job.consumers", templated=True,
        ),
        Option(
            "priority", COUNT, "Priority; consumers serve the jobs with the highest number first.", ("--priority",),
            "N", "0", kept="job.priority", templated=True,
        ),
        Option(
            "run_on", TEXT,
            "Places where tasks run, for example local,work; work: consumers of kubeque work.",
            ("--run-on",), "PLACES", "its own consumers", kept="job.run_on", templated=True,
        ),
        Option(
            "series", TEXT, "Name of the recurring sweep that this job belongs to.", ("--series",), "NAME",
            kept="job.series", templated=True,
        ),
        Option(
            "skip_done", FLAG, "Link rows to ok results of the series with the same command, inputs and values.",
            ("--skip-done/--no-skip-done",),
        ),
        Option(
            "results_ttl", TIME, "Time from the end of the job until kubeque gc may delete the job, for example 30d.",
            ("--results-ttl",), "TIME", "never", kept="job.results_ttl", templated=True,
        ),
    )),
    OptionGroup("Resources of a task", (
        Option(
            "cpu", CORES, "Cores, for example 2, or 500m for half a core.", ("--cpu",), "CORES", kept="spec.cpu",
            templated=True,
        ),
        Option(
            "memory", SIZE, "Memory, for example 1.5Gi; if a task runs out of memory, it runs again with more.",
            ("--memory",), "SIZE", templated=True,
        ),
        Option(
            "max_memory", SIZE, "Maximum memory of a task that runs again with more memory.", ("--max-memory",), "SIZE",
            "8 times the memory", templated=True,
        ),
        Option("disk", SIZE, "Disk, for example 5Gi.", ("--disk",), "SIZE", templated=True),
        _pod("gpu", COUNT, "Number of GPUs.", "--gpu", "N", "0"),
    )),
    OptionGroup("Retries and limits", (
        Option(
            "task_timeout", TIME, "Time limit of one task, for example 30m.", ("--task-timeout",), "TIME", "none",
            kept="spec.task_timeout", old_flags=("--timeout",), templated=True,
        ),
        Option(
            "deadline", TIME, "Time limit of the whole job, for example 12h.", ("--deadline",), "TIME", "none",
            kept="job.deadline_seconds",
        ),
        Option(
            "retry_causes", COUNTS, f"Extra attempts for each cause: {_CAUSES}.",
            ("--retry-causes",), "CAUSE=N,...", old_name="retries", old_flags=("--retries",),
        ),
        Option(
            "max_failures", COUNT, "Number of failed tasks at which the job stops.", ("--max-failures",), "N",
            "10 if all first attempts fail alike, else none",
            kept="job.max_failures",
        ),
        Option(
            "allow_failed", SHARE, "Number or share of tasks that may fail in a successful job, for example 3 or 1%.",
            ("--allow-failed",), "N|N%", "0", kept="job.allow_failed",
        ),
        Option(
            "lease", TIME, "Time since the last heartbeat of a consumer, after which other consumers run its tasks.",
            ("--lease",), "TIME", "3m", kept="job.lease_seconds",
        ),
        Option(
            "results_wait", TIME, "Time for which a finished task waits for a store that does not answer.",
            ("--results-wait",), "TIME", "1h", kept="job.results_wait",
        ),
    )),
    OptionGroup("Where it runs", (
        Option(
            "cluster", TEXT, "Cluster: local, kubernetes://CONTEXT/NAMESPACE or gke://PROJECT/LOCATION/NAME.",
            ("--cluster",), "URL", field="", templated=True,
        ),
        Option(
            "image", TEXT, "Container image of the tasks.", ("--image",), "IMAGE", kept="spec.image", templated=True,
        ),
        _pod(
            "keeper", TEXT, "Start a keeper: a pod that maintains the job while no other program observes it.",
            "--keeper", "auto|yes|no", "auto",
        ),
        _pod(
            "spot", FLAG, "On GKE: use spot machines; they cost less, but Google may take them away.",
            "--spot/--no-spot",
        ),
        _pod(
            "spot_patience", TIME,
            "Time to wait for a spot machine; after it, consumers start on machines at the full price.",
            "--spot-patience", "TIME", "5m",
        ),
        _pod(
            "start_timeout", TIME, "Time limit for the start of the first consumer.", "--start-timeout", "TIME", "10m",
        ),
    )),
    OptionGroup("Pods on Kubernetes", (
        _pod(
            "env_from_secret", TEXTS, "Kubernetes Secret; each entry becomes an environment variable of the tasks.",
            "--env-from-secret", "NAME", templated=True,
        ),
        _pod(
            "volumes", TEXTS,
            "Volume, as SOURCE:PATH; SOURCE is pvc/NAME, secret/NAME, configmap/NAME or a folder of the node.",
            "--volume", "SOURCE:PATH[:ro]",
        ),
        _pod(
            "service_account", TEXT, "Kubernetes service account of the pods.", "--service-account", "NAME",
            templated=True,
        ),
        _pod(
            "node_selector", PAIRS, "Label that the nodes of the pods must have.", "--node-selector", "LABEL=VALUE",
            templated=True,
        ),
        _pod("tolerations", TAINTS, "Node taint that the pods tolerate.", "--toleration", "KEY=VALUE:EFFECT"),
        _pod(
            "task_user", COUNT, "Numeric id of the user that runs the tasks; 0 is the user of the image.",
            "--task-user", "N", "0",
        ),
        _pod("priority_class", TEXT, "PriorityClass of the pods.", "--priority-class", "NAME"),
        _pod("kueue_queue", TEXT, "LocalQueue of Kueue in which the pods wait.", "--kueue-queue", "NAME"),
        _pod("kueue_priority", TEXT, "WorkloadPriorityClass of Kueue.", "--kueue-priority", "NAME"),
        _pod(
            "image_pull_secrets", TEXTS, "Kubernetes Secret with the login of a private image registry.",
            "--image-pull-secret", "NAME",
        ),
        _pod(
            "pod_template", TEMPLATE, "YAML file of a pod; its fields replace or extend those of kubeque's pods.",
            "--pod-template", "FILE", templated=True,
        ),
    )),
    OptionGroup("Submission and output", (
        Option(
            "try", COUNT,
            "Number of rows to run first (the first, the last, some between); kubeque then asks about the rest.",
            ("--try",), "N", field="canaries", operator=False,
        ),
        Option(
            "fetch", TEXT, "Folder or URL into which to fetch the results at the end.", ("--fetch",), "DEST", field="",
            operator=False,
        ),
        Option(
            "no_wait", FLAG, "Return after the submission; do not wait for the end.", ("--no-wait/--wait",), field="",
            operator=False,
        ),
    )),
)  # fmt: skip
OPTIONS: tuple[Option, ...] = tuple(option for group in GROUPS for option in group.options)

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}
#: Options that had another key in jobspecs of earlier versions, by this earlier key.
BY_OLD_NAME: Mapping[str, Option] = {option.old_name: option for option in OPTIONS if option.old_name}
#: Present names of options, by their names in earlier versions.
RENAMED: Mapping[str, str] = {old: option.name for old, option in BY_OLD_NAME.items()}
#: The options that define the rows; a sweep has at most one of them.
ROW_SOURCES = ("parameters", "grid", "each")
#: The options that change the rows. The value is the option of ROW_SOURCES that the option needs; "" for any or none.
ROW_CHANGES: Mapping[str, str] = {"delimiter": "parameters", "zip": "grid", "sample": "", "seed": "", "repeat": ""}
