"""Read the table of a sweep inside an Airflow task, for example by the pointer from XCom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kubeque_provider.empty_sweep import is_empty_pointer
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.hooks.unfinished import check_ended
from kubeque_provider.naming import resolve_job


def records(
    job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None, *, unfinished: bool = False
) -> list[dict[str, Any]]:
    """Return one dict per row: index, parameters, state, cause, ... and the row's own values as `out.*`.

    Parameters have the types of the rows of a DAG, an XCom or a DataFrame; those of a CSV file are text.
    `job_id`: a name, or the pointer that an operator returned. `unfinished`: read a job that has not ended as it is.
    Raises BadSweep, also for a job that has not ended. A sweep without rows gives an empty list.
    """
    if is_empty_pointer(job_id):
        return []
    with _ended_job(job_id, kubeque_conn_id, unfinished) as (hook, name):
        return hook.get_conn().table(name)


def frame(job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None, *, unfinished: bool = False) -> Any:
    """Return the same as a pandas DataFrame, with the types of its columns. Raises BadSweep, also without pandas."""
    if is_empty_pointer(job_id):
        from pandas import DataFrame

        return DataFrame()
    with _ended_job(job_id, kubeque_conn_id, unfinished) as (hook, name):
        return hook.get_conn().frame(name)


@contextmanager
def _ended_job(
    job_id: str | Mapping[str, Any], conn_id: str | None, unfinished: bool
) -> Iterator[tuple[KubequeHook, str]]:
    """Yield the hook and the name of a job. Raises BadSweep, also for one that has not ended, unless `unfinished`."""
    with permanent():
        name, conn_id = resolve_job(job_id, conn_id)
        hook = KubequeHook(conn_id)
        try:
            check_ended(hook, name, unfinished=unfinished)
            yield hook, name
        finally:
            hook.close()
