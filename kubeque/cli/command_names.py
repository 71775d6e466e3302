"""The names of all commands, their groups and short helps, and names that other programs use for these commands."""

from __future__ import annotations

from collections.abc import Mapping

#: The groups in the order of `--help`, and the short help of each command by its name. For example, the command `sub`
#: of the group `run` is the function `sub` in `commands/run/sub.py`. That module is imported only when it is needed.
GROUPS: Mapping[str, Mapping[str, str]] = {
    "run": {
        "sub": "Submit a sweep and watch it.",
        "go": "Run the rows that sub --try held back.",
        "pause": "Pause a job: start no more of its tasks.",
        "resume": "End the pause of a job.",
        "params": "Print the rows of a job as CSV.",
    },
    "watch": {
        "watch": "Watch a job until it has ended.",
        "status": "Show the state of jobs, or the tasks of one job.",
        "list": "List all jobs.",
        "show": "Show the details of a job or a task.",
        "explain": "Show why a job or a task failed or is not running.",
        "consumers": "List the consumers that have tasks now.",
        "wanted": "Print how many consumers a job wants now.",
        "peek": "Show the output of a task, even while it runs.",
        "logs": "Show the output of all tasks of a job.",
    },
    "results": {
        "fetch": "Fetch the results of a job into a folder.",
        "collect": "Write the table of a job as CSV or Parquet.",
        "report": "Write a page about a job.",
        "timeline": "Draw where and when tasks ran.",
    },
    "repair": {
        "kill": "Stop a job.",
        "reset": "Run failed tasks again.",
        "replay": "Run a task again on this machine and compare.",
        "priority": "Set the priority of a job.",
        "scale": "Set the number of consumers of a job.",
        "remove": "Delete a job and its results.",
    },
    "cluster": {
        "start": "Show the configuration; on GKE, create the cluster.",
        "stop": "Stop the consumers; with --delete-cluster, delete the GKE cluster.",
        "work": "Run tasks on this machine for sweeps of other machines.",
        "send-home": "Ask consumers of kubeque work to leave after their task.",
        "resize": "Set the number of nodes of a GKE cluster.",
        "pool": "Manage the node pools of a GKE cluster.",
    },
    "housekeeping": {
        "doctor": "Check configuration, queue, store and cluster, or a job.",
        "metrics": "Print or serve metrics for Prometheus.",
        "gc": "Delete results and inputs that no job uses.",
        "trust": "Trust the .kubeque file of a folder.",
        "completion": "Print the completion script for bash, zsh or fish.",
        "help": "Show the help of a command.",
    },
}
#: The group of each command.
COMMANDS: Mapping[str, str] = {name: group for group, commands in GROUPS.items() for name in commands}
#: Names of functions that differ from the command name, because it is a built-in function of Python or has a hyphen.
FUNCTIONS: Mapping[str, str] = {"list": "list_jobs", "help": "show_help", "send-home": "send_home"}
#: Commands, keyed by names that other programs have for them. The error for such a name suggests the command.
OTHER_NAMES: Mapping[str, str] = {
    "run": "sub", "submit": "sub", "map": "sub", "add": "sub", "ls": "list", "jobs": "list",
    "ps": "list", "workers": "consumers", "top": "watch", "wait": "watch", "attach": "watch", "follow": "watch",
    "info": "show",
    "describe": "show", "tail": "peek", "cat": "peek", "output": "logs", "get": "fetch", "download": "fetch",
    "pull": "fetch", "results": "collect", "export": "collect", "table": "collect", "cancel": "kill", "abort": "kill",
    "terminate": "kill", "retry": "reset", "rerun": "reset", "restart": "reset", "unpause": "resume",
    "continue": "resume", "rm": "remove", "delete": "remove", "clean": "gc", "check": "doctor",
    "why": "explain", "worker": "work", "agent": "work", "prometheus": "metrics", "version": "--version",
}  # fmt: skip
