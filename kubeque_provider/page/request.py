"""A request of a user to the page of sweeps, and the answer to the request."""

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
    """The HTTP response to the browser."""

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
    """Error with the HTTP status and the text of a refusal.

    The request is wrong, the requested object does not exist, or the user must not see the object.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(slots=True)
class Request:
    """A request of one user to the page."""

    query: Mapping[str, str]
    user: User
    #: True as soon as it is known that the user may see the sweep. Error messages may then contain details.
    granted: bool = field(default=False, init=False)
    _readable: dict[str, bool] = field(default_factory=dict, init=False)

    @property
    def conn_id(self) -> str:
        return self.query.get("conn") or DEFAULT_CONNECTION

    def connection(self) -> PageConnection:
        """Return the requested connection. Raises Refused, ConfigError or QueueError.

        The user must be allowed to read the connection in Airflow, or to read a DAG with a task that used the
        connection. The message of Refused is the same as for a missing connection.
        """
        if self.conn_id != DEFAULT_CONNECTION and not self._may_use_connection():
            raise Refused(404, _NO_CONNECTION)
        return open_connection(self.conn_id)

    def _may_use_connection(self) -> bool:
        if self.user.may_read_connection(self.conn_id):
            return True
        return self.conn_id in self.used_connections()

    def used_connections(self) -> set[str]:
        """Return the ids of the connections that the requested DAG run used.

        Without a run, return those that were used recently.

        Only the connections of DAGs that the user may read are returned.
        """
        dag, run = self.query.get("dag", ""), self.query.get("run", "")
        return {conn for used_by, conn in used_connections(dag, run) if self.may_read_dag_id(used_by)}

    def job(self, *, logs: bool = False) -> tuple[Reader, Job]:
        """Return the reader of the queue with the requested sweep, and the job of the sweep. Raises Refused.

        The message of the error is the same for a missing and for a hidden sweep. `logs`: True if the user must have
        access to the logs.
        """
        connection, job = self.find(logs=logs)
        return connection.reader, job

    def find(self, *, logs: bool = False) -> tuple[PageConnection, Job]:
        """Return the connection with the requested sweep, and the job of the sweep.

        Raises Refused in the same cases as the method `job`.
        """
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
        """True if the user may read the logs of the job's DAG.

        The user may then also see the output of the job's tasks.
        """
        return self.user.may_read(job.origin["dag"], logs=True)

    def may_read_dag(self, job: Job) -> bool:
        """True if the user may read the DAG of this Airflow that has the same name as the job's DAG."""
        return self.may_read_dag_id(job.origin.get("dag", ""))

    def may_read_dag_id(self, dag: str) -> bool:
        """True if the user may read a DAG. Airflow's auth manager decides once per request."""
        if not dag:
            return False
        if dag not in self._readable:
            self._readable[dag] = self.user.may_read(dag)
        return self._readable[dag]

    def last_summary(self) -> dict[str, Any] | None:
        """Return the last summary of the sweep that the requested DAG run stored in XCom.

        Return None without a summary, or if the user may not read the DAG.
        """
        job, dag, run = (self.query.get(key, "") for key in ("job", "dag", "run"))
        return read_last_summary(job, dag, run) if job and dag and run and self.may_read_dag_id(dag) else None

    def number(self, name: str, default: int, most: int) -> int:
        """Return a query parameter as a whole number, at most `most`.

        Raises Refused if the parameter is not a whole number, or is negative.
        """
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise Refused(400, f"{name} must be a number from 0")
        return min(int(text), most)
