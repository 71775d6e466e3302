"""Who is who between Airflow and the queue: the job of an Airflow task, and the pointer to it in XCom."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from kubeque.model.errors import UserError

DEFAULT_CONNECTION = "kubeque_default"
#: Longest job name that is made here.
_LONGEST = 100
_HASH = 12
_Pointer = Mapping[str, Any]


def job_id_for(deployment: str, dag: str, run: str, task: str, map_index: int = -1) -> str:
    """The name of the job that belongs to an Airflow task: readable, unique, and the same for every try.

    `deployment` tells apart Airflows that share a queue.
    """
    digest = hashlib.sha256(json.dumps([deployment, dag, run, task, map_index]).encode()).hexdigest()[:_HASH]
    mapped = [str(map_index)] if map_index >= 0 else []
    readable = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "-", part) for part in (dag, task, run, *mapped))
    return f"{readable.lstrip('-.')[: _LONGEST - _HASH - 1].rstrip('-.')}-{digest}"


def series_for(deployment: str, dag: str, task: str) -> str:
    """The series of an Airflow task: all its runs and map indexes, in one Airflow."""
    digest = hashlib.sha256(json.dumps([deployment, dag, task]).encode()).hexdigest()[:_HASH]
    return f"{dag}/{task}-{digest}"


def origin_of(deployment: str, dag: str, run: str, task: str, map_index: int = -1) -> dict[str, str]:
    """What a job says of the Airflow task that made it: whoever may read the DAG may see the job."""
    return {"deployment": deployment, "dag": dag, "run": run, "task": task, "map_index": str(map_index)}


def pointer(job_id: str, conn_id: str, results: str, counts: Mapping[str, int]) -> dict[str, Any]:
    """What goes through XCom instead of rows. `results` is the URL below which results are."""
    return {"job_id": job_id, "conn_id": conn_id, "results": results, "counts": dict(counts)}


def resolve(job: str | _Pointer, conn_id: str | None) -> tuple[str, str]:
    """Name and connection of a job given by its name or by a pointer; `conn_id` wins. Raises UserError."""
    there = job if isinstance(job, Mapping) else {"job_id": job}
    name = there.get("job_id")
    if not isinstance(name, str) or not name:
        raise UserError(f"job_id {job!r} is no job: give its name, or the output of a KubequeSubmitOperator")
    return name, conn_id or str(there.get("conn_id") or DEFAULT_CONNECTION)
