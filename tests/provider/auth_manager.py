"""An auth manager of Airflow 3, as a site may have one: it decides for each DAG."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class OwnDags(SimpleAuthManager):
    """A person may see the DAG that is called as they are, and what its tasks write if they are an op."""

    def is_authorized_dag(
        self, *, method: str, user: Any, access_entity: DagAccessEntity | None = None, details: Any = None
    ) -> bool:
        """Nobody may see all DAGs."""
        own = details is not None and details.id == user.get_name() and method == "GET"
        return own and (access_entity is not DagAccessEntity.TASK_LOGS or user.role == "OP")
