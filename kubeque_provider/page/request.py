"""A request of one user to the page of sweeps, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from kubeque.client import Reader
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobNotFound
from kubeque.model.job.job import Job
from kubeque_provider.naming import DEFAULT_CONNECTION
from kubeque_provider.page.connections import PageConnection, open_connection
from kubeque_provider.page.rights import User
from kubeque_provider.page.xcom_fallback import read_last_summary, used_connections

_OWN = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self'"
)
NO_LOGS = "you may see this sweep, but not the logs of its tasks"
_HIDDEN = "the sweep does not exist here, or you may not see it"
_NO_CONNECTION = (
    "the connection does not exist, or you may not see it: open a sweep from its Airflow task, or ask for access to the"
    " connection"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Response to the browser."""

    status: int
    body: bytes
    type: str = "application/json"
    policy: str = _OWN

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": self.type, "Content-Security-Policy": self.policy, "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
        }  # fmt: skip


class Refused(Exception):
    """The request is wrong, the requested object does not exist, or the user must not see the object."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(slots=True)
class Request:
    """Request of one user."""

    query: Mapping[str, str]
    user: User
    #: True once the user is known to have access to the sweep. Errors may then contain details.
    granted: bool = field(default=False, init=False)
    _readable: dict[str, bool] = field(default_factory=dict, init=False)

    @property
    def conn_id(self) -> str:
        return self.query.get("conn") or DEFAULT_CONNECTION

    def connection(self) -> PageConnection:
        """Return the requested connection.

        The user must be allowed to read the connection, or a DAG whose task has used the connection. Otherwise Refused
        is raised, with the same message as for a missing connection. Raises ConfigError or QueueError.
        """
        if self.conn_id != DEFAULT_CONNECTION and not self._may_use_connection():
            raise Refused(404, _NO_CONNECTION)
        return open_connection(self.conn_id)

    def _may_use_connection(self) -> bool:
        if self.user.may_read_connection(self.conn_id):
            return True
        return self.conn_id in self.used_connections()

    def used_connections(self) -> set[str]:
        """Return the connections that the requested run used; without a run, those that were used recently.

        Include only connections of DAGs that the user may read.
        """
        dag, run = self.query.get("dag", ""), self.query.get("run", "")
        return {conn for used_by, conn in used_connections(dag, run) if self.may_read_dag_id(used_by)}

    def job(self, *, logs: bool = False) -> tuple[Reader, Job]:
        """Return the requested sweep. Raises Refused, with the same message for a missing and a hidden sweep."""
        connection, job = self.find(logs=logs)
        return connection.reader, job

    def find(self, *, logs: bool = False) -> tuple[PageConnection, Job]:
        """Return the requested sweep with its connection. Raises Refused like `job`."""
        connection = self.connection()
        try:
            job = connection.reader.job(self.query.get("job", ""))
        except JobNotFound:
            raise Refused(404, _HIDDEN) from None
        if not self.may_see(job, connection.deployment):
            raise Refused(404, _HIDDEN)
        if logs and not self.may_see_logs(job):
            raise Refused(403, NO_LOGS)
        self.granted = True
        return connection, job

    def may_see(self, job: Job, deployment: str) -> bool:
        """True if this Airflow submitted the job and the user may read the job's DAG."""
        return job.origin.get("deployment") == deployment and self.may_read_dag(job)

    def may_see_logs(self, job: Job) -> bool:
        """True if the user may read the logs of the job's DAG, and with them what its tasks wrote."""
        return self.user.may_read(job.origin["dag"], logs=True)

    def may_read_dag(self, job: Job) -> bool:
        """True if the user may read the DAG in this Airflow that has the name of the job's DAG."""
        return self.may_read_dag_id(job.origin.get("dag", ""))

    def may_read_dag_id(self, dag: str) -> bool:
        """True if the user may read a DAG. The auth manager decides once for each request."""
        if not dag:
            return False
        if dag not in self._readable:
            self._readable[dag] = self.user.may_read(dag)
        return self._readable[dag]

    def last_summary(self) -> dict[str, Any] | None:
        """Return the sweep's last summary in the requested DAG run. Without access to the DAG, return None."""
        job, dag, run = (self.query.get(key, "") for key in ("job", "dag", "run"))
        return read_last_summary(job, dag, run) if job and dag and run and self.may_read_dag_id(dag) else None

    def number(self, name: str, default: int, most: int) -> int:
        """Return a query parameter as a number, at most `most`. Raises Refused."""
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Refused(400, f"{name} must be a number from 0")
        return min(int(text), most)
