"""An auth manager of Airflow 3 that decides about each DAG."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class OwnDags(SimpleAuthManager):
    """Each user may see the DAG with their own name. With the role `op`, they may also see the output of its tasks."""

    def is_authorized_dag(
        self, *, method: str, user: Any, access_entity: DagAccessEntity | None = None, details: Any = None
    ) -> bool:
        """Decide about one DAG. No user may see all DAGs."""
        own = details is not None and details.id == user.get_name() and method == "GET"
        return own and (access_entity is not DagAccessEntity.TASK_LOGS or user.role == "OP")


class Editors(SimpleAuthManager):
    """All users may see all DAGs. The user `edits-X` may change the DAG X, and no other one."""

    def is_authorized_dag(
        self, *, method: str, user: Any, access_entity: DagAccessEntity | None = None, details: Any = None
    ) -> bool:
        """Decide about one DAG."""
        return method == "GET" or (details is not None and user.get_name() == f"edits-{details.id}")
