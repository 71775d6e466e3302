"""Common names for the interfaces that differ between Airflow 2.11 and 3.x."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import quote

from airflow import __version__
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    Asset,
    BaseHook,
    BaseOperator,
    BaseOperatorLink,
    BaseSensorOperator,
    PokeReturnValue,
    TaskGroup,
    XCom,
    XComArg,
    conf,
)

__all__ = [
    "AIRFLOW_2",
    "GONE",
    "KNOWN_CONTEXT_KEYS",
    "RETURN_VALUE",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "Asset",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "PokeReturnValue",
    "TaskFunction",
    "TaskGroup",
    "XCom",
    "XComArg",
    "airflow_paths",
    "base_url",
    "dag_folder",
    "dag_roots",
    "default_deferrable",
    "first_try_number",
    "get_unique_task_id",
    "log_interval",
    "mask_secret",
    "mask_secrets",
    "open_file_system",
    "own_xcom",
    "read_task_state",
    "read_xcom",
    "stats",
    "task_key",
    "try_number",
]

AIRFLOW_2 = __version__.startswith("2.")
#: The XCom key of the value that an Airflow task returns.
RETURN_VALUE = "return_value"
if not AIRFLOW_2:
    from airflow.sdk.bases.decorator import _TaskDecorator as TaskFunction
    from airflow.sdk.bases.decorator import get_unique_task_id
    from airflow.sdk.definitions.context import KNOWN_CONTEXT_KEYS
else:
    from airflow.decorators.base import _TaskDecorator as TaskFunction  # type: ignore[import-not-found,no-redef]
    from airflow.decorators.base import get_unique_task_id  # type: ignore[no-redef]
    from airflow.utils.context import KNOWN_CONTEXT_KEYS  # type: ignore[attr-defined,no-redef]

#: State of an Airflow task that was deleted with its run.
GONE = "gone"


def default_deferrable() -> bool:
    """Return Airflow's default for the argument `deferrable` of operators."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def log_interval() -> float:
    """Return the minimum time in seconds between two progress lines of a sweep in the log of an Airflow task.

    It is the option `log_interval` in the section `[kubeque]` of Airflow's configuration.
    """
    return float(conf.getfloat("kubeque", "log_interval", fallback=60.0))


def base_url() -> str:
    """Return the address of this Airflow from its configuration; empty if the configuration has none."""
    section = "webserver" if AIRFLOW_2 else "api"
    return str(conf.get(section, "base_url", fallback="") or "")


def is_mapped(operator: Any) -> bool:
    """True if Airflow created this operator from a mapped operator in order to run one of the mapped tasks."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))


def dag_folder(operator: Any) -> str:
    """Return the folder of the operator's DAG file. Without a DAG, return the current folder."""
    dag = operator.get_dag()
    return str(dag.folder) if dag is not None else "."


def dag_roots() -> list[str]:
    """Return a list with Airflow's DAGs folder.

    On Airflow 3, the list also has the folder with all versions of all bundles.
    """
    roots = [str(conf.get("core", "dags_folder", fallback="") or "")]
    if not AIRFLOW_2:
        from airflow.dag_processing.bundles.base import get_bundle_storage_root_path

        roots.append(str(get_bundle_storage_root_path()))  # type: ignore[no-untyped-call]
    return roots


def task_key(context: Any) -> tuple[str, str, str, int]:
    """Return the DAG id, run id, task id and map index of the running Airflow task. All its tries have the same key.

    The map index is -1 if the task is not mapped.
    """
    ti = context["ti"]
    return str(ti.dag_id), str(ti.run_id), str(ti.task_id), int(getattr(ti, "map_index", -1))


def own_xcom(context: Any, key: str) -> Any:
    """Return an XCom value that the running Airflow task pushed earlier, for example before its deferral.

    Return None if there is no value.
    """
    ti = context["ti"]
    mapped = {"map_indexes": int(ti.map_index)} if int(getattr(ti, "map_index", -1)) >= 0 else {}
    return ti.xcom_pull(task_ids=ti.task_id, key=key, **mapped)


def try_number(context: Any) -> int:
    """Return the number of this try, from 1. A clear starts a new try. A poke in reschedule mode starts no new try."""
    return int(context["ti"].try_number)


def read_task_state(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Return the current state of an Airflow task: "none" after a clear, GONE after a deletion.

    On Airflow 3, this function asks the API server. Call it in a task or in a thread of a trigger, but not in an event
    loop. On Airflow 2, it asks the database.
    """
    if AIRFLOW_2:
        return _state_in_database(dag_id, run_id, task_id, map_index)
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    found = RuntimeTaskInstance.get_task_states(
        dag_id=dag_id, task_ids=[task_id], run_ids=[run_id], map_index=map_index
    ).get(run_id, {})
    key = task_id if map_index < 0 else f"{task_id}_{map_index}"
    return _name_state(found[key]) if key in found else GONE


def read_task_states(dag_id: str, run_id: str, task_ids: list[str]) -> dict[str, str]:
    """Return the states of Airflow tasks in a DAG run, keyed by task id. Call this in a task, like `read_task_state`.

    The instance N of a mapped task has the key `id_N`.
    """
    if AIRFLOW_2:
        return _states_in_database(dag_id, run_id, task_ids)
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    found = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=task_ids, run_ids=[run_id])
    return {key: _name_state(state) for key, state in found.get(run_id, {}).items()}


def _states_in_database(dag_id: str, run_id: str, task_ids: list[str]) -> dict[str, str]:
    from airflow.models import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        query = session.query(TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state)
        found = query.filter_by(dag_id=dag_id, run_id=run_id).filter(TaskInstance.task_id.in_(task_ids)).all()
    return {name if index < 0 else f"{name}_{index}": _name_state(state) for name, index, state in found}


def _name_state(state: Any) -> str:
    return str(getattr(state, "value", state) or "none").lower()


def _state_in_database(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    from airflow.models import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        key = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
        found = session.query(TaskInstance.state).filter_by(**key).one_or_none()
    return GONE if found is None else _name_state(found[0])


def first_try_number(context: Any) -> int:
    """Return the number of the first try since the last clear; 1 without a clear. Later tries are Airflow's retries.

    After a clear, Airflow continues to count tries. Only a clear sets `max_tries` to the number of the last try plus
    the retries (see Airflow's function `clear_task_instances`).
    """
    ti = context["ti"]
    return max(1, int(ti.max_tries) - int(ti.task.retries) + 1)


# ------------------------------------------------------------------ on the web server
def read_xcom(dag_id: str, run_id: str, task_id: str, map_index: int, key: str) -> Any:
    """Return an XCom value from the database; None if there is no value. Only servers of Airflow can call this."""
    from airflow.utils.session import create_session
    from sqlalchemy import select

    if AIRFLOW_2:
        from airflow.models.xcom import BaseXCom as Value
    else:
        from airflow.models.xcom import XComModel as Value
    owner = (Value.dag_id == dag_id, Value.run_id == run_id, Value.task_id == task_id, Value.map_index == map_index)
    with create_session() as session:
        found = session.scalars(select(Value).where(*owner, Value.key == key)).first()
        if found is None:
            return None
        return found.value if AIRFLOW_2 else Value.deserialize_value(found)


def stats() -> Any:
    """Return Airflow's interface for metrics, with the functions `incr` and `timing`.

    Raises ImportError if there is none.
    """
    for name in ("airflow.sdk.observability.stats", "airflow.observability.stats", "airflow.stats"):
        try:
            found = import_module(name)
        except ImportError:
            continue
        return found if hasattr(found, "incr") else found.Stats
    raise ImportError("this Airflow has no module for metrics")


def mask_secrets(value: Any, name: str | None = None) -> Any:
    """Return `value`, in which the secrets that Airflow knows are masked.

    If Airflow treats `name` as the name of a secret, mask the whole value.
    """
    if AIRFLOW_2:
        from airflow.utils.log.secrets_masker import redact  # type: ignore[import-not-found]
    else:
        from airflow.sdk.log import redact  # type: ignore[attr-defined]
    return redact(value, name)


def mask_secret(secret: str) -> None:
    """Mask a secret text in all logs of this process from now on."""
    if AIRFLOW_2:
        from airflow.utils.log.secrets_masker import mask_secret as mask
    else:
        from airflow.sdk.log import mask_secret as mask
    mask(secret)


def open_file_system(scheme: str, conn_id: str) -> Any:
    """Return an fsspec file system for a URL scheme such as `s3`, with the login of an Airflow connection."""
    if AIRFLOW_2:
        from airflow.io import get_fs  # type: ignore[attr-defined]
    else:
        from airflow.sdk.io import get_fs
    return get_fs(scheme, conn_id)


def airflow_paths(origin: Mapping[str, str]) -> dict[str, str]:
    """Return the paths of Airflow's pages about the DAG, the run and the task that submitted a job.

    The keys are "dag", "run" and "task". Paths are relative to the root of this Airflow. `origin`: the job's origin.
    """
    dag, run, task = (quote(origin[key], safe="") for key in ("dag", "run", "task"))
    if AIRFLOW_2:
        shown = f"dags/{dag}/grid?dag_run_id={run}"
        return {"dag": f"dags/{dag}/grid", "run": shown, "task": f"{shown}&task_id={task}"}
    mapped = "" if origin["map_index"] == "-1" else f"/mapped/{quote(origin['map_index'], safe='')}"
    shown = f"dags/{dag}/runs/{run}"
    return {"dag": f"dags/{dag}", "run": shown, "task": f"{shown}/tasks/{task}{mapped}"}
