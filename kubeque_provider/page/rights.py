"""The rights of a user in this Airflow. Airflow's auth manager decides about them."""

from __future__ import annotations

from typing import Any, Protocol

from kubeque_provider.airflow_versions import AIRFLOW_2


class User(Protocol):
    """The user of Airflow that sends a request."""

    @property
    def name(self) -> str:
        """Name of the user in the audit log."""

    @property
    def display_name(self) -> str:
        """Name of the user that people read."""

    def may_read(self, dag_id: str | None, *, logs: bool = False) -> bool:
        """True if the user may see the tasks of a DAG; with `logs`, also their logs. `dag_id`: None means all DAGs."""

    def may_edit(self, dag_id: str) -> bool:
        """True if the user may change the runs of a DAG."""

    def may_read_connection(self, conn_id: str) -> bool:
        """True if the user may see a connection on Airflow's own pages."""


class AirflowUser:
    """A user whose rights Airflow's auth manager decides.

    `user`: the user object of Airflow 3's API server. It is None on Airflow 2, where the login of the present request
    is used.
    """

    def __init__(self, user: Any) -> None:
        self._user = user

    @property
    def name(self) -> str:
        return str(_manager().get_user_name() if AIRFLOW_2 else self._user.get_name())

    @property
    def display_name(self) -> str:
        return str(_manager().get_user_display_name()) if AIRFLOW_2 else self.name

    def may_read(self, dag_id: str | None, *, logs: bool = False) -> bool:
        return self._may("GET", "TASK_LOGS" if logs else "TASK_INSTANCE", dag_id)

    def may_edit(self, dag_id: str) -> bool:
        return self._may("PUT", "RUN", dag_id)

    def may_read_connection(self, conn_id: str) -> bool:
        details = _details().ConnectionDetails(conn_id=conn_id, **_team("connection", conn_id))
        return bool(_manager().is_authorized_connection(method="GET", details=details, user=self._user))

    def _may(self, method: str, entity: str, dag_id: str | None) -> bool:
        models = _details()
        details = models.DagDetails(id=dag_id, **_team("dag", dag_id)) if dag_id is not None else None
        access = models.DagAccessEntity[entity]
        decide = _manager().is_authorized_dag
        return bool(decide(method=method, access_entity=access, details=details, user=self._user))


def login_url(next_url: str) -> str:
    """Return the address of the login page. After the login, this page redirects to `next_url`."""
    return str(_manager().get_url_login(next_url=next_url))


def _manager() -> Any:
    if AIRFLOW_2:
        from airflow.www.extensions.init_auth_manager import get_auth_manager  # type: ignore[import-not-found]
    else:
        from airflow.api_fastapi.app import get_auth_manager
    return get_auth_manager()


def _details() -> Any:
    """Return Airflow's module with the classes that describe the object that a user wants to access."""
    if AIRFLOW_2:
        from airflow.auth.managers.models import resource_details  # type: ignore[import-not-found]
    else:
        from airflow.api_fastapi.auth.managers.models import resource_details
    return resource_details


def _team(kind: str, name: str) -> dict[str, Any]:
    """Return the argument `team_name` of a DAG or connection for the auth manager; empty if Airflow has no teams."""
    if AIRFLOW_2:
        return {}
    from airflow.models.connection import Connection
    from airflow.models.dag import DagModel

    find = getattr(DagModel if kind == "dag" else Connection, "get_team_name", None)
    return {"team_name": find(name)} if find is not None else {}
