"""Sweeps without rows: the state of the Airflow task, and a pointer without a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeGuard

from kubeque.model.errors import NoRows
from kubeque.model.job.counts import Counts
from kubeque_provider.airflow_versions import AirflowSkipException

__all__ = ["OnEmpty", "end_without_rows", "is_empty_pointer", "skip_empty"]

#: End of an Airflow task if its parameters have no row: as skipped, as failed, or as a success.
OnEmpty = Literal["skip", "fail", "success"]


def end_without_rows(error: NoRows, on_empty: OnEmpty | None, conn_id: str, *, known_at_parse: bool) -> dict[str, Any]:
    """Return a pointer whose `job_id` is None, because the sweep has no rows and therefore no job.

    Raises AirflowSkipException if `on_empty` is "skip", and `error` if it is "fail". `on_empty`: None means "fail" if
    `known_at_parse` is True, otherwise "skip". `known_at_parse`: True if the DAG file contains the rows or names their
    file.
    """
    chosen = on_empty or ("fail" if known_at_parse else "skip")
    if chosen == "skip":
        raise AirflowSkipException(f"{error.args[0].partition(':')[0]}: nothing is submitted (on_empty={chosen!r})")
    if chosen == "fail":
        raise error
    return {"job_id": None, "conn_id": conn_id, "results": "", "counts": Counts().to_wire()}


def is_empty_pointer(job: Any) -> TypeGuard[Mapping[str, Any]]:
    """True if `job` is the pointer of a sweep without rows."""
    return isinstance(job, Mapping) and "counts" in job and job.get("job_id", "") is None


def skip_empty(job: Any) -> None:
    """Raise AirflowSkipException if `job` is the pointer of a sweep without rows."""
    if is_empty_pointer(job):
        raise AirflowSkipException("the sweep has no rows, so it has no job: nothing to do")
