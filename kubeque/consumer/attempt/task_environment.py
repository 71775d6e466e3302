"""The environment of the user's program."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from kubeque.model.function.call_function import TYPES_VARIABLE
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.rows import read_types

#: Default environment variables of a task. With PYTHONUNBUFFERED, Python writes output immediately, so that `kubeque
#: peek` shows it.
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
    """Return the environment of a task. `inherited`: variables of the submitter, or of the image of the pod."""
    env = {**_DEFAULTS, **inherited, **spec.env}
    if spec.function and (types := read_types(spec.rows, index)):
        env[TYPES_VARIABLE] = json.dumps(types)
    for column in spec.rows.columns:
        env[f"KUBEQUE_PARAM_{parameter_name(column)}"] = row[column]
    return env | {
        "KUBEQUE_JOB_ID": job_name,
        "KUBEQUE_TASK_INDEX": str(index),
        "KUBEQUE_ATTEMPT": str(attempt),
        "KUBEQUE_OUT": str(out_path),
    }


def parameter_name(column: str) -> str:
    """Return the form of a column's name that is used in the name of a variable: X_SCALE for `x-scale`.

    If two columns have the same name, the last column wins.
    """
    return re.sub(r"[^A-Z0-9_]", "_", column.upper())
