"""What Airflow itself still knows of a sweep whose queue cannot be read: the last summary in XCom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque_provider.airflow_versions import returned

#: So many values of a run are looked at, the newest first.
_MOST = 200
_COUNTS = ("pending", "running", "ok", "failed", "killed", "held")


def last_told(job_id: str, dag_id: str, run_id: str) -> dict[str, Any] | None:
    """The newest pointer to a job among what the Airflow tasks of a run returned, as the page shows it.

    `at`: when it was returned, in seconds of Unix time; `counts` as then. None: there is none.
    """
    for value, at in returned(dag_id, run_id, _MOST):
        if isinstance(value, Mapping) and value.get("job_id") == job_id and isinstance(value.get("counts"), Mapping):
            counts = {name: n for name in _COUNTS if isinstance(n := value["counts"].get(name), int)}
            return {
                "name": job_id, "counts": counts, "tasks": sum(counts.values()), "at": at,
                "results": str(value.get("results", "")),
            }  # fmt: skip
    return None
