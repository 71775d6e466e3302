"""The last summary of a sweep in XCom. The page shows it while the queue cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque_provider.airflow_versions import read_returned_values

#: Maximum number of a run's XCom values to search, from the newest on.
_MAX_VALUES = 200
_COUNTS = ("pending", "running", "ok", "failed", "killed", "held")


def read_last_summary(job_id: str, dag_id: str, run_id: str) -> dict[str, Any] | None:
    """Return the newest pointer to a job among the XComs of a run, in the format of the page; None without a pointer.

    In the result, `at` is the time when the Airflow task returned the pointer, in Unix seconds. `counts` are the counts
    at that time.
    """
    for value, at in read_returned_values(dag_id, run_id, _MAX_VALUES):
        if isinstance(value, Mapping) and value.get("job_id") == job_id and isinstance(value.get("counts"), Mapping):
            counts = {name: n for name in _COUNTS if isinstance(n := value["counts"].get(name), int)}
            return {
                "name": job_id, "counts": counts, "tasks": sum(counts.values()), "at": at,
                "results": str(value.get("results", "")),
            }  # fmt: skip
    return None
