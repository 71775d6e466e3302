"""Decide which rows run again if a try finds an existing job of an earlier try or of a different submitter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from kubeque.client import Existing
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job

OnClear = Literal["auto", "failed_rows", "changed", "all", "skip"]


def choose_existing(
    job: Job, on_clear: OnClear, *, fresh: bool = True, retry_failed_rows: bool = False
) -> Existing | None:
    """Return what to do with an existing job; None to adopt it unchanged. Raises UserError for an unknown `on_clear`.

    A running job is adopted. A successful job is adopted if the Airflow task was not cleared. There are two cases. If
    the results were not delivered, the earlier try died before the delivery. If the results were delivered and this try
    is not `fresh`, the earlier try died before Airflow recorded its end. A retry by Airflow also adopts a failed job,
    because the wait decides which rows run.
    """
    if on_clear not in get_args(OnClear):
        raise UserError(f"on_clear {on_clear!r}: use one of {', '.join(get_args(OnClear))}")
    if job.closing is None or on_clear == "skip":
        return None
    if not job.closing.success:
        if not (fresh or retry_failed_rows):
            return None
        return {"all": Existing.REPLACE, "changed": Existing.REVISE}.get(on_clear, Existing.REPAIR)
    if not (job.delivered and fresh):
        return None
    again = {"auto": Existing.REPLACE, "all": Existing.REPLACE, "changed": Existing.REVISE}
    return again.get(on_clear, Existing.REPAIR)


def has_other_origin(job: Job, origin: Mapping[str, str]) -> bool:
    """True unless the Airflow task `origin` submitted the job. While the job is open, the DAG run must match too."""
    same = ("deployment", "dag", "task", "map_index", *(("run",) if job.closing is None else ()))
    return any(job.origin.get(key) != origin.get(key) for key in same)


def describe_maker(job: Job) -> str:
    """Return a description of the submitter of a job, for messages."""
    origin = job.origin
    if "dag" not in origin:
        return "a submitter outside Airflow"
    mapped = "" if origin["map_index"] == "-1" else f"[{origin['map_index']}]"
    return f"the Airflow task {origin['dag']}.{origin['task']}{mapped} of the run {origin['run']}"
