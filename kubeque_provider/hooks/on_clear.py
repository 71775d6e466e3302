"""Decide which rows run again if a try finds an existing job. An earlier try or another submitter made this job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

from kubeque.client import Client, Existing, Progress
from kubeque.model.errors import JobExists, UserError
from kubeque.model.job.job import Job
from kubeque.model.sweep.sweep import Sweep

OnClear = Literal["auto", "failed_rows", "changed", "all", "skip"]


def choose_existing(
    job: Job, on_clear: OnClear, *, fresh: bool = True, retry_failed_rows: bool = False
) -> Existing | None:
    """Return what a submission does with an existing job; None to adopt the job unchanged.

    A job that has not ended is adopted. If `on_clear` is `skip`, every job is adopted. In a retry by Airflow without
    `retry_failed_rows`, a failed job is adopted, because the later wait decides which rows run.

    A successful job is adopted if its results were not delivered, or if this try is not `fresh`. In these cases an
    earlier try was lost: either before it delivered the results, or before Airflow recorded that it ended.

    `fresh`: True for the first try after a clear; False for a retry by Airflow. Raises UserError for an unknown
    `on_clear`.
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


def end_pause(client: Client, before: Progress, *, fresh: bool) -> Progress:
    """End the pause of a job that kubeque paused by itself, if a user cleared the Airflow task. Return the progress.

    A pause by a user stays. `before`: present progress. `fresh`: True for the first try after a clear.
    """
    pause = before.job.pause
    return client.resume(before.job.name) if fresh and before.job.paused and pause and pause.reason else before


def choose_for_run(client: Client, job: Job, on_clear: OnClear) -> Existing | None:
    """Return what a submission does with an ended job of another DAG run; None to adopt the job unchanged.

    With the result REVISE, a row keeps its result of the other run only if its row key is equal. A job without row keys
    is replaced, so all rows run again.
    """
    if on_clear == "skip":
        return None
    ok = job.closing is not None and job.closing.success
    if on_clear == "all" or (on_clear == "auto" and ok) or client.reader.no_keys(job):
        return Existing.REPLACE
    return Existing.REVISE


def find_other_run(
    client: Client, job: Job, on_clear: OnClear, make: Callable[[], Sweep], origin: Mapping[str, str] | None
) -> str:
    """Return the other DAG run in which the same Airflow task submitted this ended job; empty if there is none.

    `origin`: origin of the Airflow task; None if the name of the job is generated. `make`: function that builds the
    sweep. If another submitter owns the job, or if the job would be adopted from another run, the job must have this
    sweep. Otherwise raises JobExists.
    """
    if origin is None:
        return ""
    run = "" if job.origin.get("run") == origin["run"] else job.origin.get("run", "")
    other = has_other_origin(job, origin)
    if other or (run and on_clear == "skip"):
        check_shared(client, job, make)
    return "" if other or job.closing is None else run


def check_shared(client: Client, job: Job, make: Callable[[], Sweep]) -> None:
    """Raise JobExists if the existing job of another submitter does not have the sweep that `make` builds."""
    try:
        client.submit(make())
    except JobExists as error:
        raise JobExists(
            f"the job {job.name!r} belongs to {describe_maker(job)} and has another command, inputs or rows: give"
            " this Airflow task another job_id, or leave job_id out to get one job per DAG run"
        ) from error


def has_other_origin(job: Job, origin: Mapping[str, str]) -> bool:
    """True if an Airflow task other than `origin` submitted the job.

    An open job also has another origin if another DAG run submitted it.
    """
    same = ("deployment", "dag", "task", "map_index", *(("run",) if job.closing is None else ()))
    return any(job.origin.get(key) != origin.get(key) for key in same)


def describe_maker(job: Job) -> str:
    """Return the submitter of a job as words for a message."""
    origin = job.origin
    if "dag" not in origin:
        return "a submitter outside Airflow"
    mapped = "" if origin["map_index"] == "-1" else f"[{origin['map_index']}]"
    return f"the Airflow task {origin['dag']}.{origin['task']}{mapped} of the run {origin['run']}"
