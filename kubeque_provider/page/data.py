"""The data of the page of sweeps: for each path, the function that reads its data from a queue or store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kubeque.client import RowSearch, TaskRow
from kubeque.model.job.job import Job
from kubeque_provider.page.actions import ask_action, offered_actions
from kubeque_provider.page.connections import connection_ids
from kubeque_provider.page.database import newest_bundle_version
from kubeque_provider.page.reading import read_apart, read_here
from kubeque_provider.page.reading_messages import Reading
from kubeque_provider.page.request import NO_LOGS, Refused, Request
from kubeque_provider.page.views import (
    deployment_warnings,
    failures_view,
    is_secret,
    job_view,
    log_view,
    script_view,
    table_view,
    task_view,
)

#: Maximum number of sweeps, of table rows, and of task states for the grid in one answer.
_LISTED, _ROWS, _MARKED = 50, 100, 250_000
#: Maximum length of each part of a search, in characters.
_SEARCH_CHARACTERS = 500


def _jobs(request: Request) -> dict[str, Any]:
    """Return a part of the list of sweeps that the user may see. The newest sweep comes first."""
    connection, words = request.connection(), request.query.get("words", "").lower().split()
    first = request.number("first", 0, 1_000_000)
    found, jobs = [], connection.reader.jobs()
    for job in jobs:
        text = " ".join([job.name, *(job.origin.get(key, "") for key in ("dag", "run", "task"))]).lower()
        if all(word in text for word in words) and request.may_see(job, connection.deployment):
            found.append(job)
    now = connection.reader.now()
    sweeps = [job_view(job, connection.reader.counts(job), now) for job in found[first : first + _LISTED]]
    others = sorted({*filter(request.user.may_read_connection, connection_ids()), *request.used_connections()})
    warnings = deployment_warnings(filter(request.may_read_dag, jobs), connection.deployment)
    return {"sweeps": sweeps, "total": len(found), "page": _LISTED, "connections": others, "warnings": warnings}


def _job(request: Request) -> dict[str, Any]:
    reader, job = request.job()
    counts = reader.counts(job)
    actions = offered_actions(job, counts) if request.user.may_edit(job.origin["dag"]) else []
    return {**job_view(job, counts, reader.now()), "actions": actions}


def _marks(request: Request) -> dict[str, Any]:
    """Return one letter for the state of each task, run-length encoded.

    The letters of 100,000 tasks usually take only a few kilobytes.
    """
    reader, job = request.job()
    first = request.number("first", 0, job.n)
    return {"first": first, "marks": reader.marks(job, first, _MARKED), "meaning": reader.MEANING, "page": _MARKED}


def _read(request: Request, what: str, *, logs: bool = False, **more: Any) -> tuple[Job, Any]:
    """Return the job, and the data that `what` names. The reader process reads the data.

    If only an Airflow connection has the login of the store, this process reads the data itself.
    """
    connection, job = request.find(logs=logs)
    reading = Reading(connection.client.config, job, connection.reader.counts(job), what, **more)
    return job, read_apart(reading) if connection.portable else read_here(connection.client, reading)


def _failures(request: Request) -> dict[str, Any]:
    job, found = _read(request, "failures")
    return failures_view(found, logs=request.may_see_logs(job))


def _table(request: Request) -> dict[str, Any]:
    """Return a page of tasks. The request's parameter `first` is the index of the first task of the page.

    If the request has a search, `first` is a position in the list of tasks that match the search.
    """
    reader, job = request.job()
    logs, columns = request.may_see_logs(job), reader.columns(job)
    search = _search(request, columns, logs=logs)
    first = request.number("first", 0, job.n)
    if search.is_empty:
        lines, following = _page(reader.lines(job, first=first, count=_ROWS + 1))
        number = job.n
    else:
        _, found = _read(request, "search", search=search, first=first, rows=_ROWS)
        lines, number = found.lines, found.found
        following = first + _ROWS if number > first + _ROWS else None
    shown = table_view(lines, columns, logs=logs)
    return {**shown, "first": first, "next": following, "found": number, "page": _ROWS}


def _search(request: Request, columns: Sequence[str], *, logs: bool) -> RowSearch:
    """Return the search that the user requested. Raises Refused if it uses a column that the user may not see."""
    keys = ("state", "sort", "cause", "like", "find")
    words = {key: request.query.get(key, "")[:_SEARCH_CHARACTERS] for key in keys}
    search = RowSearch(
        words["sort"], request.query.get("down") == "1", words["state"], words["cause"], words["like"], words["find"],
        tuple(filter(is_secret, columns)),
    )  # fmt: skip
    if not logs and (search.mark or "message" in search.columns):
        raise Refused(403, NO_LOGS)
    if any(map(is_secret, search.columns)):
        raise Refused(403, "the values of this column are hidden")
    return search


def _page(found: list[TaskRow]) -> tuple[list[TaskRow], int | None]:
    """Return the lines of one page, and the index of the first task of the next page; None for the last page."""
    return found[:_ROWS], found[_ROWS].view.index if len(found) > _ROWS else None


def _task(request: Request) -> dict[str, Any]:
    connection, job = request.find()
    task = connection.client.task(job.name, request.number("index", 0, job.n))
    return task_view(task, connection.reader.now(), logs=request.may_see_logs(job))


def _script(request: Request) -> dict[str, Any]:
    """Return one line about the script of a sweep. The page requests it once for each revision."""
    reader, job = request.job()
    return script_view(reader.inputs(job), job, newest_bundle_version(job.origin.get("bundle", "")))


def _log(request: Request) -> dict[str, Any]:
    reader, job = request.job(logs=True)
    stream = "stderr" if request.query.get("stream") == "stderr" else "stdout"
    return log_view(reader.peek(job, request.number("index", 0, job.n), stream))


DATA: dict[str, Callable[[Request], dict[str, Any]]] = {
    "data/jobs": _jobs, "data/job": _job, "data/marks": _marks, "data/failures": _failures, "data/table": _table,
    "data/task": _task, "data/log": _log, "data/script": _script,
    "data/question": ask_action,
}  # fmt: skip


# ------------------------------------------------------------------ documents
def _timeline(request: Request) -> str:
    return str(_read(request, "timeline")[1])


def _report(request: Request) -> str:
    """Return the report of a sweep in its present state, as HTML.

    The report contains messages of tasks, so the user needs access to the logs.
    """
    return str(_read(request, "report", logs=True)[1])


DOCUMENTS: dict[str, Callable[[Request], str]] = {"timeline": _timeline, "report": _report}
