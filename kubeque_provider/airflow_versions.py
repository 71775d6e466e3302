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
    "base_url",
    "dag_folder",
    "dag_roots",
    "default_deferrable",
    "first_try_number",
    "get_unique_task_id",
    "log_interval",
    "login_url",
    "mask_secret",
    "mask_secrets",
    "may_read",
    "newest_bundle_version",
    "open_file_system",
    "own_xcom",
    "read_returned_values",
    "read_task_state",
    "read_xcom",
    "stats",
    "task_key",
    "task_path",
    "try_number",
]

AIRFLOW_2 = __version__.startswith("2.")
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
    """Return the shortest time between two lines about the progress of a sweep, seconds (`[kubeque] log_interval`)."""
    return float(conf.getfloat("kubeque", "log_interval", fallback=60.0))


def base_url() -> str:
    """Return the address of this Airflow from its configuration; empty if the configuration has none."""
    section = "webserver" if AIRFLOW_2 else "api"
    return str(conf.get(section, "base_url", fallback="") or "")


def is_mapped(operator: Any) -> bool:
    """True if Airflow creates this operator from a mapped one, to run one of its tasks."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))


def dag_folder(operator: Any) -> str:
    """Return the folder of the operator's DAG file. Without a DAG, return the current folder."""
    dag = operator.get_dag()
    return str(dag.folder) if dag is not None else "."


def dag_roots() -> list[str]:
    """Return the DAGs folder. On Airflow 3, also return the folder with all versions of all bundles."""
    roots = [str(conf.get("core", "dags_folder", fallback="") or "")]
    if not AIRFLOW_2:
        from airflow.dag_processing.bundles.base import get_bundle_storage_root_path

        roots.append(str(get_bundle_storage_root_path()))  # type: ignore[no-untyped-call]
    return roots


def task_key(context: Any) -> tuple[str, str, str, int]:
    """Return DAG, run, id and map index (-1: not mapped) of the running Airflow task. All tries have the same key."""
    ti = context["ti"]
    return str(ti.dag_id), str(ti.run_id), str(ti.task_id), int(getattr(ti, "map_index", -1))


def own_xcom(context: Any, key: str) -> Any:
    """Return an XCom value that the running Airflow task pushed before its deferral; None if there is no value."""
    ti = context["ti"]
    mapped = {"map_indexes": int(ti.map_index)} if int(getattr(ti, "map_index", -1)) >= 0 else {}
    return ti.xcom_pull(task_ids=ti.task_id, key=key, **mapped)


def try_number(context: Any) -> int:
    """Return the number of this try, from 1. A clear starts a new try. A poke in reschedule mode does not."""
    return int(context["ti"].try_number)


def read_task_state(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Return the current state of an Airflow task: "none" after a clear, GONE after a deletion.

    On Airflow 3, this asks the API server. It works in a task or a trigger, but not in an event loop. On Airflow 2, it
    asks the database.
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
    """Return the states of Airflow tasks in a DAG run, by task id. A mapped task has one entry `id_N` per instance.

    Call this in a task, like `read_task_state`.
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

    Airflow goes on counting tries after a clear. Only a clear sets `max_tries` to the number of the last try plus the
    retries (see its function `clear_task_instances`).
    """
    ti = context["ti"]
    return max(1, int(ti.max_tries) - int(ti.task.retries) + 1)


# ------------------------------------------------------------------ on the web server
def may_read(dag_id: str | None, user: Any, *, logs: bool = False) -> bool:
    """True if a user may see the Airflow tasks of a DAG (None: of all DAGs). `logs`: check access to the logs instead.

    `user`: the user object of the API server. None on Airflow 2, because it uses the login of the request.
    """
    if AIRFLOW_2:
        from airflow.auth.managers.models.resource_details import (  # type: ignore[import-not-found]
            DagAccessEntity,
            DagDetails,
        )
        from airflow.www.extensions.init_auth_manager import get_auth_manager  # type: ignore[import-not-found]

        details = DagDetails(id=dag_id) if dag_id is not None else None
    else:
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
        from airflow.models.dag import DagModel

        details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id)) if dag_id is not None else None
    entity = DagAccessEntity.TASK_LOGS if logs else DagAccessEntity.TASK_INSTANCE
    return bool(get_auth_manager().is_authorized_dag(method="GET", access_entity=entity, details=details, user=user))


def read_returned_values(dag_id: str, run_id: str, most: int) -> list[tuple[Any, float]]:
    """Return the values that the Airflow tasks of a run returned, each with its Unix time. The newest comes first."""
    from airflow.utils.session import create_session
    from sqlalchemy import select

    if AIRFLOW_2:
        from airflow.models.xcom import BaseXCom as Value
    else:
        from airflow.models.xcom import XComModel as Value
    query = select(Value).where(Value.dag_id == dag_id, Value.run_id == run_id, Value.key == "return_value")
    with create_session() as session:
        found = session.scalars(query.order_by(Value.timestamp.desc()).limit(most)).all()
        # Airflow 2 deserializes a value when it loads the value.
        return [(one.value if AIRFLOW_2 else Value.deserialize_value(one), one.timestamp.timestamp()) for one in found]


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
    """Return Airflow's interface for metrics, with the functions `incr` and `timing`."""
    for name in ("airflow.sdk.observability.stats", "airflow.observability.stats", "airflow.stats"):
        try:
            found = import_module(name)
        except ImportError:
            continue
        return found if hasattr(found, "incr") else found.Stats
    raise ImportError("this Airflow has no module for metrics")


def newest_bundle_version(name: str) -> str:
    """Return the newest version of a DAG bundle that Airflow has parsed; empty if the bundle has no versions."""
    if AIRFLOW_2 or not name:
        return ""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.get(DagBundleModel, name)
        return str(found.version or "") if found is not None else ""


def login_url(next_url: str) -> str:
    """Return the address of the login page. After the login, it redirects to `next_url`."""
    if AIRFLOW_2:
        from airflow.www.extensions.init_auth_manager import get_auth_manager
    else:
        from airflow.api_fastapi.app import get_auth_manager
    return str(get_auth_manager().get_url_login(next_url=next_url))


def mask_secrets(value: Any, name: str | None = None) -> Any:
    """Return `value` with Airflow's known secrets masked. If `name` is the name of a secret, mask the whole value."""
    if AIRFLOW_2:
        from airflow.utils.log.secrets_masker import redact  # type: ignore[import-not-found]
    else:
        from airflow.sdk.log import redact  # type: ignore[attr-defined]
    return redact(value, name)


def mask_secret(secret: str) -> None:
    """Mask a text in all logs of this process."""
    if AIRFLOW_2:
        from airflow.utils.log.secrets_masker import mask_secret as mask
    else:
        from airflow.sdk.log import mask_secret as mask
    mask(secret)


def open_file_system(scheme: str, conn_id: str) -> Any:
    """Return the fsspec file system that a provider makes with the login of a connection."""
    if AIRFLOW_2:
        from airflow.io import get_fs  # type: ignore[attr-defined]
    else:
        from airflow.sdk.io import get_fs
    return get_fs(scheme, conn_id)


def task_path(origin: Mapping[str, str]) -> str:
    """Return the path of the submitting Airflow task's page, relative to the root of this Airflow."""
    dag, run, task = (quote(origin[key], safe="") for key in ("dag", "run", "task"))
    if AIRFLOW_2:
        return f"dags/{dag}/grid?dag_run_id={run}&task_id={task}"
    mapped = "" if origin["map_index"] == "-1" else f"/mapped/{quote(origin['map_index'], safe='')}"
    return f"dags/{dag}/runs/{run}/tasks/{task}{mapped}"
