"""The environment variables of the user's program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from kubeque.model.command.task_variables import ATTEMPT, JOB_ID, OUT, ROW_TYPES, TASK_INDEX, column_variable
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.rows import read_types

#: Environment variables that each task gets by default. With PYTHONUNBUFFERED, Python writes its output immediately, so
#: that `kubeque peek` shows it.
_DEFAULTS = {"PYTHONUNBUFFERED": "1"}


def task_environment(
    spec: JobSpec,
    row: Mapping[str, str],
    *,
    job_name: str,
    index: int,
    attempt: int,
    out_path: Path,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """Return the environment variables of a task.

    `out_path`: path for $KUBEQUE_OUT. `inherited`: variables of the submitter, or of the pod's image.
    """
    env = {**_DEFAULTS, **inherited, **spec.env}
    if spec.function and (types := read_types(spec.rows, index)):
        env[ROW_TYPES] = json.dumps(types)
    for column in spec.rows.columns:
        env[column_variable(column)] = row[column]
    return env | {JOB_ID: job_name, TASK_INDEX: str(index), ATTEMPT: str(attempt), OUT: str(out_path)}
