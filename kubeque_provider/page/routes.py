"""What the web server answers to a request of the page, whatever Airflow it is in: pure but for reading the queue.

Who asks sees the sweeps of the DAGs that Airflow lets them read, and no sign of any other.
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
from kubeque_provider.naming import DEFAULT_CONNECTION
from kubeque_provider.page.connections import PageConnection, connection_ids, open_source
from kubeque_provider.page.views import failures_view, job_view, log_view, table_view, task_view
from kubeque_provider.page.xcom_fallback import last_told

log = logging.getLogger(__name__)
#: Sweeps, rows and tasks of a picture that one answer holds at most.
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
#: A page made of a sweep's own values may run its script, and reach nothing of Airflow's.
_MADE = "sandbox allow-scripts; frame-ancestors 'self'"
_AWAY = "the queue cannot be read now; the log of the web server says why"
_HIDDEN = "there is no such sweep here, or you may not see it"


class MayRead(Protocol):
    """Asks Airflow what a person may see."""

    def __call__(self, dag_id: str | None, *, logs: bool = False) -> bool:
        """The Airflow tasks of a DAG (None: of all), or what they wrote."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the browser."""

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
    """Not found, or not for this person."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(slots=True)
class Request:
    """What one person asks for."""

    query: Mapping[str, str]
    may_read: MayRead
    #: The sweep asked for was shown to be theirs to see: errors may name what they met.
    granted: bool = field(default=False, init=False)
    _readable: dict[str, bool] = field(default_factory=dict, init=False)

    def source(self) -> PageConnection:
        return open_source(self.query.get("conn") or DEFAULT_CONNECTION)

    def job(self, *, logs: bool = False) -> tuple[Reader, Job]:
        """The sweep asked for. Raises _Refused, in the same words where there is none and where it is not theirs."""
        source = self.source()
        try:
            job = source.reader.job(self.query.get("job", ""))
        except JobNotFound:
            raise _Refused(404, _HIDDEN) from None
        if not self.sees(job, source.deployment):
            raise _Refused(404, _HIDDEN)
        if logs and not self.may_read(job.origin["dag"], logs=True):
            raise _Refused(403, "you may see this sweep, and not what its tasks write")
        self.granted = True
        return source.reader, job

    def sees(self, job: Job, deployment: str) -> bool:
        """Was it made by a DAG of this Airflow that they may read?"""
        dag = job.origin.get("dag")
        if not dag or job.origin.get("deployment") != deployment:
            return False
        if dag not in self._readable:
            self._readable[dag] = self.may_read(dag)
        return self._readable[dag]

    def last(self) -> dict[str, Any] | None:
        """What the run that the address names was told last of the sweep, for who may read its DAG."""
        job, dag, run = (self.query.get(key, "") for key in ("job", "dag", "run"))
        return last_told(job, dag, run) if job and dag and run and self.may_read(dag) else None

    def number(self, name: str, default: int, most: int) -> int:
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise _Refused(400, f"{name} is no number from 0")
        return min(int(text), most)


def answer(path: str, query: Mapping[str, str], may_read: MayRead) -> Answer:
    """The answer to a request for `path`, which is relative to where the page is."""
    if path in _STATIC:
        name = path or "sweeps.html"
        return Answer(200, _static(name), _TYPES[name[name.rindex(".") :]])
    request = Request(query, may_read)
    try:
        if path == "timeline":
            reader, job = request.job()
            return Answer(200, reader.timeline(job).encode(errors="replace"), _TYPES[".html"], _MADE)
        if path not in _DATA:
            raise _Refused(404, "there is no such page")
        return _json(200, _DATA[path](request))
    except _Refused as refused:
        return _json(refused.status, {"error": str(refused)})
    except KubequeError as error:
        log.warning("the page of sweeps, %s: %s", path, error)
        told = request.granted or may_read(None)
        if path == "data/job" and not isinstance(error, UserError) and (last := request.last()) is not None:
            return _json(200, {"last": last, "error": str(error) if told else _AWAY})
        text = str(error) if told else _AWAY
        return _json(400 if isinstance(error, UserError) else 503, {"error": text})


def _json(status: int, value: Any) -> Answer:
    return Answer(status, json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


_STATIC = frozenset({"", "page.css", "sweeps.css", "sweeps.js", "list.js", "sweep.js", "grid.js", "table.js", "task.js",
                     "dom.js"})  # fmt: skip


def _static(name: str) -> bytes:
    package = "kubeque.jobs.reports" if name == "page.css" else "kubeque_provider.page"
    folder = files(package) if name == "page.css" else files(package) / "static"
    return (folder / name).read_bytes()


# ------------------------------------------------------------------ what can be asked
def _jobs(request: Request) -> dict[str, Any]:
    """The sweeps that a person may see, the newest first, a page of them."""
    source, words = request.source(), request.query.get("words", "").lower().split()
    first = request.number("first", 0, 1_000_000)
    seen = []
    for job in source.reader.jobs():
        named = f"{job.name} {job.origin.get('dag', '')} {job.origin.get('run', '')}".lower()
        if all(word in named for word in words) and request.sees(job, source.deployment):
            seen.append(job)
    now = source.reader.now()
    shown = [job_view(job, source.reader.counts(job), now) for job in seen[first : first + _LISTED]]
    others = connection_ids() if request.may_read(None) else []
    return {"sweeps": shown, "total": len(seen), "page": _LISTED, "connections": others}


def _job(request: Request) -> dict[str, Any]:
    reader, job = request.job()
    return job_view(job, reader.counts(job), reader.now())


def _marks(request: Request) -> dict[str, Any]:
    """A letter for each task, so that a picture of 100,000 tasks is some kilobytes."""
    reader, job = request.job()
    first = request.number("first", 0, job.n)
    return {"first": first, "marks": reader.marks(job, first, _MARKED), "meaning": reader.MEANING, "page": _MARKED}


def _failures(request: Request) -> dict[str, Any]:
    reader, job = request.job()
    return failures_view(reader.failures(job, reader.counts(job)))


def _table(request: Request) -> dict[str, Any]:
    """A page of tasks. `first`: an index, or a place in the order of the column `sort`."""
    reader, job = request.job()
    state, column = request.query.get("state") or None, request.query.get("sort", "")
    first = request.number("first", 0, job.n)
    if column:
        down = request.query.get("down") == "1"
        top = reader.ranked(job, column, top=first + _ROWS + 1, descending=down, state=state)
        found, following = top[first : first + _ROWS], first + _ROWS if len(top) > first + _ROWS else None
    else:
        found, following = _page(reader.lines(job, first=first, count=_ROWS + 1, state=state))
    return {**table_view(found, reader.columns(job)), "first": first, "next": following}


def _page(found: list[TaskRow]) -> tuple[list[TaskRow], int | None]:
    """So many lines as a page has, and the index at which the next one begins."""
    return found[:_ROWS], found[_ROWS].view.index if len(found) > _ROWS else None


def _task(request: Request) -> dict[str, Any]:
    reader, job = request.job()
    return task_view(reader.line(job, request.number("index", 0, job.n)))


def _log(request: Request) -> dict[str, Any]:
    reader, job = request.job(logs=True)
    stream = "stderr" if request.query.get("stream") == "stderr" else "stdout"
    return log_view(reader.peek(job, request.number("index", 0, job.n), stream))


_DATA: dict[str, Callable[[Request], dict[str, Any]]] = {
    "data/jobs": _jobs, "data/job": _job, "data/marks": _marks, "data/failures": _failures, "data/table": _table,
    "data/task": _task, "data/log": _log,
}  # fmt: skip
