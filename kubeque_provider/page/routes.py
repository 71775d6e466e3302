"""Respond to requests of the page of sweeps. The code is the same for all versions of Airflow. Requests change nothing.

Users see the sweeps of the DAGs that they may read in Airflow. Responses do not reveal whether other sweeps exist.
There is one exception: a response counts the sweeps that a DAG of the same name submitted in a different Airflow.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Protocol

from kubeque.client import Reader, TaskRow
from kubeque.model.errors import JobNotFound, KubequeError, UserError
from kubeque.model.job.job import Job
from kubeque_provider.airflow_versions import newest_bundle_version
from kubeque_provider.naming import DEFAULT_CONNECTION
from kubeque_provider.page.connections import PageConnection, connection_ids, open_connection
from kubeque_provider.page.views import (
    deployment_warnings,
    failures_view,
    job_view,
    log_view,
    script_view,
    table_view,
    task_view,
)
from kubeque_provider.page.xcom_fallback import read_last_summary

log = logging.getLogger(__name__)
#: Maximum numbers of sweeps, table rows and states of the grid in one answer.
_LISTED, _ROWS, _MARKED = 50, 100, 250_000
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_OWN = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self'"
)
#: Policy of the timeline. It contains values of the sweep, so its script runs without access to Airflow's cookies.
_SANDBOX = "sandbox allow-scripts; frame-ancestors 'self'"
_AWAY = "the queue cannot be read now; see the log of the web server"
_NO_LOGS = "you may see this sweep, but not the logs of its tasks"
_HIDDEN = "the sweep does not exist here, or you may not see it"


class MayRead(Protocol):
    """Function that checks the access of a user in Airflow."""

    def __call__(self, dag_id: str | None, *, logs: bool = False) -> bool:
        """True if the user may see the Airflow tasks of a DAG (None: of all DAGs). `logs`: check their logs instead."""


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


class _Refused(Exception):
    """The request is wrong, the requested object does not exist, or the user must not see the object."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(slots=True)
class Request:
    """Request of one user."""

    query: Mapping[str, str]
    may_read: MayRead
    #: True once the user is known to have access to the sweep. Errors may then contain details.
    granted: bool = field(default=False, init=False)
    _readable: dict[str, bool] = field(default_factory=dict, init=False)

    def connection(self) -> PageConnection:
        """Return the requested connection. Raises ConfigError or QueueError."""
        return open_connection(self.query.get("conn") or DEFAULT_CONNECTION)

    def job(self, *, logs: bool = False) -> tuple[Reader, Job]:
        """Return the requested sweep. Raises _Refused, with the same message for a missing and a hidden sweep."""
        connection = self.connection()
        try:
            job = connection.reader.job(self.query.get("job", ""))
        except JobNotFound:
            raise _Refused(404, _HIDDEN) from None
        if not self.may_see(job, connection.deployment):
            raise _Refused(404, _HIDDEN)
        if logs and not self.may_see_logs(job):
            raise _Refused(403, _NO_LOGS)
        self.granted = True
        return connection.reader, job

    def may_see(self, job: Job, deployment: str) -> bool:
        """True if this Airflow submitted the job and the user may read the job's DAG."""
        return job.origin.get("deployment") == deployment and self.may_read_dag(job)

    def may_see_logs(self, job: Job) -> bool:
        """True if the user may read the logs of the job's DAG, and with them what its tasks wrote."""
        return self.may_read(job.origin["dag"], logs=True)

    def may_read_dag(self, job: Job) -> bool:
        """True if the user may read the DAG in this Airflow that has the name of the job's DAG."""
        dag = job.origin.get("dag")
        if not dag:
            return False
        if dag not in self._readable:
            self._readable[dag] = self.may_read(dag)
        return self._readable[dag]

    def last_summary(self) -> dict[str, Any] | None:
        """Return the sweep's last summary in the requested DAG run. Without access to the DAG, return None."""
        job, dag, run = (self.query.get(key, "") for key in ("job", "dag", "run"))
        return read_last_summary(job, dag, run) if job and dag and run and self.may_read(dag) else None

    def number(self, name: str, default: int, most: int) -> int:
        """Return a query parameter as a number, at most `most`. Raises _Refused."""
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise _Refused(400, f"{name} must be a number from 0")
        return min(int(text), most)


def respond(path: str, query: Mapping[str, str], may_read: MayRead) -> Answer:
    """Return the response to a request. `path`: requested path, relative to the page."""
    if path in _STATIC:
        name = path or "sweeps.html"
        return Answer(200, _static(name), _TYPES[name[name.rindex(".") :]])
    request = Request(query, may_read)
    try:
        if path == "timeline":
            reader, job = request.job()
            return Answer(200, reader.timeline(job).encode(errors="replace"), _TYPES[".html"], _SANDBOX)
        if path not in _DATA:
            raise _Refused(404, "the page does not exist")
        return _json(200, _DATA[path](request))
    except _Refused as refused:
        return _json(refused.status, {"error": str(refused)})
    except KubequeError as error:
        log.warning("the page of sweeps, %s: %s", path, error)
        detailed = request.granted or may_read(None)
        if path == "data/job" and not isinstance(error, UserError) and (last := request.last_summary()) is not None:
            return _json(200, {"last": last, "error": str(error) if detailed else _AWAY})
        text = str(error) if detailed else _AWAY
        return _json(400 if isinstance(error, UserError) else 503, {"error": text})


def _json(status: int, value: Any) -> Answer:
    return Answer(status, json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


_STATIC = frozenset({"", "page.css", "sweeps.css", "sweeps.js", "list.js", "sweep.js", "grid.js", "table.js", "task.js",
                     "dom.js", "format.js"})  # fmt: skip


def _static(name: str) -> bytes:
    package = "kubeque.jobs.reports" if name == "page.css" else "kubeque_provider.page"
    folder = files(package) if name == "page.css" else files(package) / "static"
    return (folder / name).read_bytes()


# ------------------------------------------------------------------ data
def _jobs(request: Request) -> dict[str, Any]:
    """Return one page of the list of sweeps that the user may see. The newest sweep comes first."""
    connection, words = request.connection(), request.query.get("words", "").lower().split()
    first = request.number("first", 0, 1_000_000)
    found, jobs = [], connection.reader.jobs()
    for job in jobs:
        text = f"{job.name} {job.origin.get('dag', '')} {job.origin.get('run', '')}".lower()
        if all(word in text for word in words) and request.may_see(job, connection.deployment):
            found.append(job)
    now = connection.reader.now()
    sweeps = [job_view(job, connection.reader.counts(job), now) for job in found[first : first + _LISTED]]
    others = connection_ids() if request.may_read(None) else []
    warnings = deployment_warnings(filter(request.may_read_dag, jobs), connection.deployment)
    return {"sweeps": sweeps, "total": len(found), "page": _LISTED, "connections": others, "warnings": warnings}


def _job(request: Request) -> dict[str, Any]:
    reader, job = request.job()
    return job_view(job, reader.counts(job), reader.now())


def _marks(request: Request) -> dict[str, Any]:
    """Return one letter per task, run-length encoded. So a grid of 100,000 tasks usually takes only a few kilobytes."""
    reader, job = request.job()
    first = request.number("first", 0, job.n)
    return {"first": first, "marks": reader.marks(job, first, _MARKED), "meaning": reader.MEANING, "page": _MARKED}


def _failures(request: Request) -> dict[str, Any]:
    reader, job = request.job()
    return failures_view(reader.failures(job, reader.counts(job)), logs=request.may_see_logs(job))


def _table(request: Request) -> dict[str, Any]:
    """Return a page of tasks. The parameter `first` is the index of the first task.

    With `sort`, `first` is the position of this task in the sorted list.
    """
    reader, job = request.job()
    logs, state, column = request.may_see_logs(job), request.query.get("state") or None, request.query.get("sort", "")
    if column == "message" and not logs:
        raise _Refused(403, _NO_LOGS)
    first = request.number("first", 0, job.n)
    if column:
        down = request.query.get("down") == "1"
        top = reader.ranked(job, column, top=first + _ROWS + 1, descending=down, state=state)
        found, following = top[first : first + _ROWS], first + _ROWS if len(top) > first + _ROWS else None
    else:
        found, following = _page(reader.lines(job, first=first, count=_ROWS + 1, state=state))
    return {**table_view(found, reader.columns(job), logs=logs), "first": first, "next": following}


def _page(found: list[TaskRow]) -> tuple[list[TaskRow], int | None]:
    """Return the lines of one page, and the task index of the first line on the next page or None."""
    return found[:_ROWS], found[_ROWS].view.index if len(found) > _ROWS else None


def _task(request: Request) -> dict[str, Any]:
    reader, job = request.job()
    line = reader.line(job, request.number("index", 0, job.n))
    return task_view(line, reader.now(), logs=request.may_see_logs(job))


def _script(request: Request) -> dict[str, Any]:
    """Return the script of a sweep. The page requests it once for each revision."""
    reader, job = request.job()
    return script_view(reader.inputs(job), job, newest_bundle_version(job.origin.get("bundle", "")))


def _log(request: Request) -> dict[str, Any]:
    reader, job = request.job(logs=True)
    stream = "stderr" if request.query.get("stream") == "stderr" else "stdout"
    return log_view(reader.peek(job, request.number("index", 0, job.n), stream))


_DATA: dict[str, Callable[[Request], dict[str, Any]]] = {
    "data/jobs": _jobs, "data/job": _job, "data/marks": _marks, "data/failures": _failures, "data/table": _table,
    "data/task": _task, "data/log": _log, "data/script": _script,
}  # fmt: skip
