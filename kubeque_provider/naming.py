"""Names of the job, the series and the origin of an Airflow task, and the pointer to its job in XCom."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from kubeque.model.errors import UserError

DEFAULT_CONNECTION = "kubeque_default"
#: Limit of a generated job name, characters.
_LONGEST = 100
_HASH = 12
#: Limit of a pointer that a template made a text of, characters.
_POINTER_CHARACTERS = 4096
_Pointer = Mapping[str, Any]


def make_job_id(deployment: str, dag: str, run: str, task: str, map_index: int = -1) -> str:
    """Return the job name of an Airflow task: readable, unique, and the same for every try.

    `deployment` distinguishes Airflows that share a queue.
    """
    digest = hashlib.sha256(json.dumps([deployment, dag, run, task, map_index]).encode()).hexdigest()[:_HASH]
    mapped = [str(map_index)] if map_index >= 0 else []
    readable = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "-", part) for part in (dag, task, run, *mapped))
    return f"{readable.lstrip('-.')[: _LONGEST - _HASH - 1].rstrip('-.')}-{digest}"


def make_series(deployment: str, dag: str, task: str) -> str:
    """Return the series of an Airflow task, which covers all its runs and map indexes in one Airflow."""
    digest = hashlib.sha256(json.dumps([deployment, dag, task]).encode()).hexdigest()[:_HASH]
    return f"{dag}/{task}-{digest}"


def make_origin(deployment: str, dag: str, run: str, task: str, map_index: int = -1) -> dict[str, str]:
    """Return the origin that a job stores. A person with read access to the DAG may see the job."""
    return {"deployment": deployment, "dag": dag, "run": run, "task": task, "map_index": str(map_index)}


def make_pointer(job_id: str, conn_id: str, results: str, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the pointer that XCom holds instead of rows. `results`: URL of the folder with the results."""
    return {"job_id": job_id, "conn_id": conn_id, "results": results, "counts": dict(counts)}


def _read_pointer(job: Any) -> _Pointer:
    """Return a name as a pointer. A template such as `{{ ti.xcom_pull('sweep') }}` makes a text of the pointer."""
    if isinstance(job, str) and job.startswith("{") and len(job) < _POINTER_CHARACTERS:
        try:
            found = ast.literal_eval(job)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            found = None
        if isinstance(found, dict):
            return found
    return {"job_id": job}


def resolve_job(job: str | _Pointer, conn_id: str | None) -> tuple[str, str]:
    """Return name and connection of a job, given by its name or a pointer. Raises UserError.

    `conn_id` takes precedence over the pointer's connection.
    """
    found = job if isinstance(job, Mapping) else _read_pointer(job)
    name = found.get("job_id")
    if not isinstance(name, str) or not name:
        raise UserError(f"job_id {job!r} is not a job: give its name or the output of a KubequeSubmitOperator")
    return name, conn_id or str(found.get("conn_id") or DEFAULT_CONNECTION)
