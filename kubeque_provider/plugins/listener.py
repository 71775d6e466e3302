"""Cancel the sweep of a sensor in reschedule mode when a user marks the sensor as failed or success.

Such a sensor has no process between two pokes, so Airflow cannot call its `on_kill`. Airflow 3 calls this listener in
the API server when a user marks an Airflow task. Airflow 2 calls no listener then, so only `orphan_after` ends the
sweep.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from airflow.listeners import hookimpl

_log = logging.getLogger(__name__)


@hookimpl
def on_task_instance_success(previous_state: Any, task_instance: Any) -> None:
    """Cancel the sweep of a sensor that was marked as success."""
    _marked(previous_state, task_instance)


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: Any) -> None:
    """Cancel the sweep of a sensor that was marked as failed."""
    _marked(previous_state, task_instance)


def _marked(previous_state: Any, task_instance: Any) -> None:
    """Cancel the sweep of a sensor, after a user has marked the sensor as failed or success.

    A thread does this, so that a slow queue does not delay the request.

    `previous_state`: None if a user marked the Airflow task. With another state, the task ended by itself, and nothing
    is done.
    """
    if previous_state is None:  # otherwise the task ended by itself, in its own process
        ti = task_instance
        _pool().submit(_cancel, ti.dag_id, ti.run_id, ti.task_id, int(ti.map_index))


def finish() -> None:
    """Wait until all cancellations that are pending now are done."""
    _pool().submit(lambda: None).result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="kubeque-marked")


def _cancel(dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
    from kubeque_provider.airflow_versions import read_xcom
    from kubeque_provider.waiter import WAITER, Waiter

    try:
        found = read_xcom(dag_id, run_id, task_id, map_index, WAITER)
        if isinstance(found, dict) and (waiter := Waiter(**found)).cancel_on_kill and waiter.cancel():
            _log.info(
                "a user marked %s.%s as success or failed: the sweep %s is cancelled", dag_id, task_id, waiter.job_id
            )
    except Exception:  # the user's action in Airflow must not fail; `orphan_after` still ends the sweep
        _log.exception("the sweep of %s.%s in the run %s was not cancelled", dag_id, task_id, run_id)
