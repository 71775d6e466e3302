"""Refuse to read the results of a job that has not ended."""

from __future__ import annotations

import time

from kubeque.model.errors import UserError
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.log_text import describe_unfinished

#: Maximum seconds until the running rows of a killed job stop: a grace period, plus the lease of a lost consumer.
_STOP_SECONDS = 240.0
_STOP_POLL_SECONDS = 0.5


def check_ended(hook: KubequeHook, name: str, *, unfinished: bool) -> None:
    """Raise UserError if a job has not ended. If `unfinished` is True, log a warning instead. Raises JobNotFound.

    If all rows have ended, close the job first. Give the last rows of a killed job time to stop.
    """
    client = hook.get_conn()
    if client.job(name).closing is not None:
        return
    progress, end = client.status(name), time.monotonic() + _STOP_SECONDS
    while progress.job.closing is None and progress.job.was_ended and time.monotonic() < end:
        time.sleep(_STOP_POLL_SECONDS)
        progress = client.status(name)
    if progress.job.closing is not None:
        return
    state = describe_unfinished(progress)
    if not unfinished:
        raise UserError(
            f"{state}: put a KubequeJobSensor between its submission and this Airflow task, or set"
            " unfinished=True to get what exists so far"
        )
    hook.log.warning("%s: this is what exists so far", state)
