"""Refuse to read the results of a job that has not ended."""

from __future__ import annotations

import time

from kubeque.model.errors import UserError
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.log_text import describe_unfinished

#: Maximum time in seconds until the running rows of a killed job have stopped: a grace period, plus the lease of a lost
#: consumer.
_STOP_SECONDS = 240.0
#: Maximum time in seconds between the end of a sensor and the kill of its job. Airflow may start the next Airflow task
#: before the kill.
_KILL_SECONDS = 30.0
_STOP_POLL_SECONDS = 0.5
_UNFINISHED = "set unfinished=True to get the results that exist so far"


def check_ended(hook: KubequeHook, name: str, *, unfinished: bool, has_sensor: bool = False) -> None:
    """Raise UserError if a job has not ended. If `unfinished` is True, log a warning instead. Raises JobNotFound.

    The job is closed first if all its rows have ended. If the job was killed, wait until its running rows have stopped.

    `has_sensor`: True if a sensor upstream has ended. If the sensor ended before the job, the end of the sensor also
    kills the job, but possibly some seconds later. So wait for this kill, except if `unfinished` is True.
    """
    client = hook.get_conn()
    if client.job(name).closing is not None:
        return
    progress, begin = client.status(name), time.monotonic()
    limits = {True: _STOP_SECONDS, False: _KILL_SECONDS if has_sensor and not unfinished else 0.0}
    while progress.job.closing is None and time.monotonic() < begin + limits[progress.job.was_ended]:
        time.sleep(_STOP_POLL_SECONDS)
        progress = client.status(name)
    if progress.job.closing is not None:
        return
    state = describe_unfinished(progress)
    if not unfinished:
        raise UserError(f"{state}{_remedy(progress.job.was_ended, has_sensor)}, or {_UNFINISHED}")
    hook.log.warning("%s: only the results that exist so far are read", state)


def _remedy(killed: bool, has_sensor: bool) -> str:
    if killed:
        return ". The job is being cancelled, and its running rows have not stopped: clear this Airflow task later"
    if has_sensor:
        return (
            ", although the KubequeJobSensor upstream has ended, for example because a person marked the sensor:"
            " clear the sensor with its downstream tasks"
        )
    return ": put a KubequeJobSensor between the submission and this Airflow task"
