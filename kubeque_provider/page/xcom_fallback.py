"""Facts about sweeps in Airflow's XCom: the connections that tasks used, and the last summary of a sweep."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubeque_provider.links.sweep import KubequePageLink
from kubeque_provider.page.database import read_xcoms

#: Maximum number of XCom values that are searched: in one DAG run, and the links of all DAGs. The newest are searched.
_MAX_VALUES, _MAX_LINKS = 200, 2000
#: Seconds for which the recently used connections of all DAGs are cached.
_KEPT_SECONDS = 60.0
_COUNTS = ("pending", "running", "ok", "failed", "killed", "held")
_lock = threading.Lock()
_recent: tuple[float, frozenset[tuple[str, str]]] = (0.0, frozenset())


def used_connections(dag_id: str, run_id: str) -> frozenset[tuple[str, str]]:
    """Return the pairs of DAG id and connection id that Airflow tasks of this DAG run used.

    Without a DAG run, return the pairs that Airflow tasks of all DAGs used recently. The connection id is read from the
    link to the sweep's page, which each Airflow task pushes to XCom.
    """
    global _recent
    if dag_id and run_id:
        return _read_links(_MAX_VALUES, dag_id, run_id)
    with _lock:
        until, found = _recent
        if time.monotonic() > until:
            found = _read_links(_MAX_LINKS)
            _recent = time.monotonic() + _KEPT_SECONDS, found
        return found


def forget_used_connections() -> None:
    """Clear the cache, so that the next request reads the connections of all DAGs again."""
    global _recent
    _recent = (0.0, frozenset())


def _read_links(most: int, dag_id: str = "", run_id: str = "") -> frozenset[tuple[str, str]]:
    found = read_xcoms(KubequePageLink.xcom_key, most, dag_id, run_id)
    return frozenset(
        (dag, conn) for dag, link, _ in found for conn in parse_qs(urlsplit(str(link)).query).get("conn", ())
    )


def read_last_summary(job_id: str, dag_id: str, run_id: str) -> dict[str, Any] | None:
    """Return the last summary of a job in a DAG run, from the newest pointer in XCom; None without a pointer.

    In the result, `at` is the Unix time when the Airflow task returned the pointer. `counts` are the counts of the job
    at that time.
    """
    for _, value, at in read_xcoms("return_value", _MAX_VALUES, dag_id, run_id):
        if isinstance(value, Mapping) and value.get("job_id") == job_id and isinstance(value.get("counts"), Mapping):
            counts = {name: n for name in _COUNTS if isinstance(n := value["counts"].get(name), int)}
            return {
                "name": job_id, "counts": counts, "tasks": sum(counts.values()), "at": at,
                "results": str(value.get("results", "")),
            }  # fmt: skip
    return None
