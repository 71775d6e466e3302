"""Read the table of a sweep inside an Airflow task, for example with the pointer from XCom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kubeque_provider.empty_sweep import is_empty_pointer
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.failed_rows import check_failed_rows
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.hooks.unfinished import check_ended
from kubeque_provider.naming import resolve_job


def records(
    job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None, *, unfinished: bool = False,
    allow_failed_rows: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return one dict per row: index, parameters, state, cause and others, and the row's result values as `out.*`.

    Parameters from a DAG, an XCom or a DataFrame keep their types. Parameters from a CSV file are text. For a sweep
    without rows, return an empty list.

    `job_id`: a name, or the pointer that an operator returned. `unfinished`: also accept a job that has not ended, or
    that ended without success. `allow_failed_rows`: accept a job that ended without success. Raises BadSweep if the job
    cannot be read or has not ended. Raises RowsFailed if the job ended without success.
    """
    if is_empty_pointer(job_id):
        return []
    with _ended_job(job_id, kubeque_conn_id, unfinished, allow_failed_rows) as (hook, name):
        return list(hook.get_conn().table(name))


def frame(
    job_id: str | Mapping[str, Any], kubeque_conn_id: str | None = None, *, unfinished: bool = False,
    allow_failed_rows: bool = False,
) -> Any:  # fmt: skip
    """Return the table of a job as a pandas DataFrame with typed columns.

    The arguments and errors are those of `records`.

    Also raises BadSweep if pandas is missing.
    """
    if is_empty_pointer(job_id):
        from pandas import DataFrame

        return DataFrame()
    with _ended_job(job_id, kubeque_conn_id, unfinished, allow_failed_rows) as (hook, name):
        return hook.get_conn().frame(name)


@contextmanager
def _ended_job(
    job_id: str | Mapping[str, Any], conn_id: str | None, unfinished: bool, allow_failed_rows: bool
) -> Iterator[tuple[KubequeHook, str]]:
    """Yield the hook and the name of a job that has ended.

    Raises BadSweep or RowsFailed like `records`, which explains the flags.
    """
    with permanent():
        name, conn_id = resolve_job(job_id, conn_id)
        hook = KubequeHook(conn_id)
        try:
            check_ended(hook, name, unfinished=unfinished)
            check_failed_rows(hook, name, "its results", accepted=allow_failed_rows or unfinished)
            yield hook, name
        finally:
            hook.close()
