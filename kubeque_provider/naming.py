"""The job name, series and origin of an Airflow task, and the pointer to its job in XCom."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from kubeque.model.errors import UserError
from kubeque_provider.templating import has_jinja

DEFAULT_CONNECTION = "kubeque_default"
#: Maximum length of the readable part of a generated job name, in characters. With this limit, a terminal shows the
#: whole name.
_READABLE = 40
#: Maximum length of the readable part before version 0.3, in characters. It is used to find the jobs of these versions.
_READABLE_BEFORE = 87
_HASH = 12
#: Maximum length of a pointer that a template has turned into text, in characters.
_POINTER_CHARACTERS = 4096
_Pointer = Mapping[str, Any]


def make_job_id(
    deployment: str, dag: str, run: str, task: str, map_index: int = -1, *, readable: int = _READABLE
) -> str:
    """Return the generated job name of an Airflow task. It is readable, unique, and the same for every try.

    `deployment`: identity of this Airflow among the Airflows that share a queue. `readable`: maximum length of the part
    before the hash, in characters.
    """
    digest = hashlib.sha256(json.dumps([deployment, dag, run, task, map_index]).encode()).hexdigest()[:_HASH]
    mapped = [str(map_index)] if map_index >= 0 else []
    text = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "-", part) for part in (dag, task, run, *mapped))
    return f"{text.lstrip('-.')[:readable].rstrip('-.')}-{digest}"


def make_job_ids(deployment: str, dag: str, run: str, task: str, map_index: int = -1) -> tuple[str, str]:
    """Return the two possible job names of an Airflow task: the name from before version 0.3, and the present name."""
    key = (deployment, dag, run, task, map_index)
    return make_job_id(*key, readable=_READABLE_BEFORE), make_job_id(*key)


def make_series(deployment: str, dag: str, task: str) -> str:
    """Return the generated series of an Airflow task. It is the same for all runs and map indexes of the task."""
    digest = hashlib.sha256(json.dumps([deployment, dag, task]).encode()).hexdigest()[:_HASH]
    return f"{dag}/{task}-{digest}"


def make_origin(deployment: str, dag: str, run: str, task: str, map_index: int = -1) -> dict[str, str]:
    """Return the origin that a job stores: the Airflow and the Airflow task that submit it.

    A user with read access to the DAG may see the job.
    """
    return {"deployment": deployment, "dag": dag, "run": run, "task": task, "map_index": str(map_index)}


def make_pointer(job_id: str, conn_id: str, results: str, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the pointer to a job, which an Airflow task returns through XCom. `results`: URL of the results folder."""
    return {"job_id": job_id, "conn_id": conn_id, "results": results, "counts": dict(counts)}


def _read_pointer(job: Any) -> _Pointer:
    """Return an argument `job_id` as a pointer.

    The argument is a job name, or a pointer that a template turned into text.

    An example of such a template is `{{ ti.xcom_pull('sweep') }}`.
    """
    if isinstance(job, str) and job.startswith("{") and len(job) < _POINTER_CHARACTERS:
        try:
            found = ast.literal_eval(job)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            found = None
        if isinstance(found, dict):
            return found
    return {"job_id": job}


def find_template(job: Any) -> str:
    """Return the argument `job_id` if it is a template; otherwise an empty text."""
    return job if isinstance(job, str) and has_jinja(job) else ""


def check_rendered(job: Any, template: str) -> None:
    """Raise UserError if a template of the argument `job_id` was rendered to a value that names no job.

    The usual reason is a wrong task id in the template. `job`: the rendered value. `template`: the template; empty if
    the argument is not a template.
    """
    if template and job in (None, "", "None"):
        raise UserError(
            f"job_id={template!r} was rendered as {job!r}: correct the task id in the template, or pass the output"
            " of the KubequeSubmitOperator, for example job_id=sweep.output"
        )


def resolve_job(job: str | _Pointer, conn_id: str | None) -> tuple[str, str]:
    """Return the name and the Airflow connection of a job. `job`: name of the job, or pointer to it.

    Raises UserError if `job` contains no name.

    If `conn_id` is given, it is returned instead of the pointer's connection.
    """
    if job is None:
        raise UserError(
            "job_id is None: the Airflow task upstream returned no job, for example because it failed before it"
            " submitted one. Correct that Airflow task, or pass the output of a KubequeSubmitOperator"
        )
    found = job if isinstance(job, Mapping) else _read_pointer(job)
    name = found.get("job_id")
    if not isinstance(name, str) or not name:
        raise UserError(f"job_id {job!r} is not a job: give its name or the output of a KubequeSubmitOperator")
    return name, conn_id or str(found.get("conn_id") or DEFAULT_CONNECTION)
