"""Read the table of a sweep inside an Airflow task, for example by the pointer from XCom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import resolve_job


def records(job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None) -> list[dict[str, Any]]:
    """Return one dict per row: index, parameters, state, cause, ... and the row's own values as `out.*`.

    Parameters have the types of the rows of a DAG, an XCom or a DataFrame; those of a CSV file are text.
    `job_id`: a name, or the pointer that an operator returned. Raises BadSweep.
    """
    with permanent():
        name, conn_id = resolve_job(job_id, kubeque_conn_id)
        hook = KubequeHook(conn_id)
        try:
            return hook.get_conn().table(name)
        finally:
            hook.close()


def frame(job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None) -> Any:
    """Return the same as a pandas DataFrame, with the types of its columns. Raises BadSweep, also without pandas."""
    with permanent():
        name, conn_id = resolve_job(job_id, kubeque_conn_id)
        hook = KubequeHook(conn_id)
        try:
            return hook.get_conn().frame(name)
        finally:
            hook.close()
