"""The table of a sweep inside an Airflow task, by the pointer that came through XCom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import resolve


def records(job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None) -> list[dict[str, Any]]:
    """One dict per row: index, parameters (as text), state, cause, ... and what the row wrote as `out.*`.

    `job_id` is a name, or what an operator returned. Raises BadSweep.
    """
    with permanent():
        name, conn_id = resolve(job_id, kubeque_conn_id)
        hook = KubequeHook(conn_id)
        try:
            return hook.get_conn().table(name)
        finally:
            hook.close()


def frame(job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None) -> Any:
    """The same as a pandas DataFrame, parameters as text. Raises BadSweep, also where pandas is not installed."""
    with permanent():
        name, conn_id = resolve(job_id, kubeque_conn_id)
        hook = KubequeHook(conn_id)
        try:
            return hook.get_conn().frame(name)
        finally:
            hook.close()
