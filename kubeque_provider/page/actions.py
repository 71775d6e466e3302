"""Actions of users on a sweep: cancel it, run rows again, set consumers or priority, release held rows.

The page first asks the user to confirm an action, and notes the state of the job at this time. The action is done only
if the job is still in this state, so a second click does nothing. The entry in Airflow's audit log is written before
the action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubeque.client import Client
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ClusterError, KubequeError, StorageError, UserError
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.row_selection import ALL_ROWS, RowSelection
from kubeque.model.sweep.sweep import check_consumers
from kubeque_provider.airflow_versions import mask_secrets
from kubeque_provider.page.audit import write_audit
from kubeque_provider.page.connections import PageConnection
from kubeque_provider.page.request import Refused, Request

#: Maximum length of the value that a user enters for an action, for example the indexes of rows, in characters.
_VALUE_CHARACTERS = 4000
_NO_EDIT = "you may see this sweep, but not change the runs of its DAG"
_CHANGED = "nothing was done, because the sweep has changed since the question: check the sweep and answer again"
_NOBODY_WAITS = (
    "No Airflow task waits for these rows: to get their results in the DAG run, clear the Airflow task of the sweep."
)


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of action. A value is a text that the user enters for the action."""

    #: Label of its button.
    label: str
    #: Function that returns True if the action is possible for a job with these counts.
    offered: Callable[[Job, Counts], bool]
    #: Function that returns the question for the user, from the job, its counts and the value. Raises UserError.
    question: Callable[[Client, Job, Counts, str], str]
    #: Function that does the action on a job with the value. Raises UserError.
    do: Callable[[Client, Job, str], object]
    #: Function that returns the state of the job that must not change between question and confirmation.
    state: Callable[[Job], object]
    #: Label of the value; empty if the action has no value.
    value: str = ""
    #: Function that returns the current value of a job, for the form.
    current: Callable[[Job], object] = lambda job: ""


def offered_actions(job: Job, counts: Counts) -> list[dict[str, str]]:
    """Return the actions that are possible for a job now.

    `name` and `label` identify an action. If the user enters a value for the action, `value` is the label of the field,
    and `current` is the present value.
    """
    return [
        {"name": name, "label": action.label, "value": action.value, "current": str(action.current(job))}
        for name, action in ACTIONS.items()
        if action.offered(job, counts)
    ]


def ask_action(request: Request) -> dict[str, Any]:
    """Return the question of an action (`question`), and the job's present state as text (`state`). Nothing is changed.

    Raises Refused if the action is not possible or not permitted. Raises UserError for a wrong value.
    """
    connection, job, _, action = _find(request, request.query)
    value = _value(request.query, action)
    counts = connection.reader.counts(job)
    if not action.offered(job, counts):
        raise Refused(409, f"there is nothing to do: {job.name} is {job.standing(counts)}")
    return {"question": action.question(connection.client, job, counts, value), "state": _mark(action, job)}


def do_action(request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
    """Do an action that the user has confirmed. Return a dict with a note for the user (`done`).

    Raises Refused if the action is not permitted, or if the state of the job has changed since the question to the
    user. Then nothing is changed, and the audit log has no entry.
    """
    words = {key: text for key, text in body.items() if isinstance(text, str)}
    connection, job, name, action = _find(request, words)
    value = _value(words, action)
    with connection.lock:  # several clicks are handled one after the other
        now = connection.reader.job(job.name)
        if words.get("state") != _mark(action, now):
            raise Refused(409, _CHANGED)
        action.question(connection.client, now, connection.reader.counts(now), value)  # checks the value
        extra = {"connection": request.conn_id, "job": now.name, **({"value": value} if value else {})}
        write_audit(request.user, name, now.origin, extra)
        try:
            return {"done": _do(connection.client, now, action, value)}
        except KubequeError as error:
            failed = {**extra, "error": mask_secrets(str(error))}
            write_audit(request.user, f"{name}_error", now.origin, failed)
            raise


def _do(client: Client, job: Job, action: Action, value: str) -> str:
    """Do an action, and return a note for the user; empty if everything succeeded.

    If only the start of consumers fails, the action counts as done, and the note has the error.
    """
    try:
        action.do(client, job, value)
    except (ClusterError, StorageError) as error:
        changed = client.job(job.name)
        if _mark(action, changed) == _mark(action, job):
            raise
        return f"The change is stored; the web server could not start consumers: {error}"
    return ""


def _find(request: Request, words: Mapping[str, str]) -> tuple[PageConnection, Job, str, Action]:
    connection, job = request.find()
    if not request.user.may_edit(job.origin["dag"]):
        raise Refused(403, _NO_EDIT)
    name = words.get("action", "")
    if name not in ACTIONS:
        raise Refused(400, f"action must be one of {', '.join(ACTIONS)}")
    return connection, job, name, ACTIONS[name]


def _value(words: Mapping[str, str], action: Action) -> str:
    value = words.get("value", "").strip() if action.value else ""
    if len(value) > _VALUE_CHARACTERS:
        raise Refused(400, f"the value has more than {_VALUE_CHARACTERS} characters: enter a shorter value")
    if action.value and not value:
        raise Refused(400, f"the value is empty: enter {action.value}")
    return value


def _mark(action: Action, job: Job) -> str:
    return f"{job.uid} {job.run} {action.state(job)}"


# ------------------------------------------------------------------ the actions
def _rows(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}{'row' if count == 1 else 'rows'}"


def _ask_cancel(client: Client, job: Job, counts: Counts, value: str) -> str:
    waiting = counts.pending + counts.held
    return (
        f"Cancel this sweep? {_rows(counts.running, 'running ')} will be stopped, and {_rows(waiting, 'waiting ')} will"
        f" not run. {_rows(counts.ok, 'ok ')} keep their results. The Airflow task that waits for the sweep will fail."
    )


def _cancel(client: Client, job: Job, value: str) -> object:
    return client.kill(job.name)


def _selection(value: str) -> RowSelection:
    return RowSelection.parse(index=value) if value else ALL_ROWS


def _ask_rerun(client: Client, job: Job, counts: Counts, value: str) -> str:
    effect = client.reset_effect(job.name, _rule(value), rows=_selection(value))
    if effect.is_empty and (value or not job.was_ended):
        raise UserError(f"none of these rows has ended: {value}" if value else "no row failed or was killed")
    lost = f" The results of {_rows(effect.again, 'ok ')} will be replaced." if effect.again else ""
    alone = "" if job.open else f" {_NOBODY_WAITS}"
    kept = f"; {_rows(effect.kept, 'ok ')} keep their results" if effect.kept else ""
    return f"Run {_rows(effect.run + effect.again)} again, with the script as submitted{kept}?{lost}{alone}"


def _rule(value: str) -> ResetRule:
    return ResetRule(everything=bool(value))  # rows that the user names run again even if they are ok


def _rerun(client: Client, job: Job, value: str) -> object:
    if not job.open:
        client.take(job.name, "")  # a late poll by the Airflow task that waited for the job must not end the new run
    return client.reset_rows(job.name, _rule(value), rows=_selection(value), run=job.run)


def _number(value: str, what: str) -> int:
    if not (value.isascii() and value.lstrip("-").isdigit() and len(value) < 8):
        raise UserError(f"{what} {value!r} is not a whole number")
    return int(value)


def _ask_scale(client: Client, job: Job, counts: Counts, value: str) -> str:
    consumers = _number(value, "consumers")
    check_consumers(consumers)
    more = "More consumers start." if consumers > job.consumers else "Surplus consumers leave after their current row."
    return f"Change the number of consumers from {job.consumers} to {consumers}? {more}"


def _scale(client: Client, job: Job, value: str) -> object:
    return client.scale(job.name, _number(value, "consumers"))


def _ask_priority(client: Client, job: Job, counts: Counts, value: str) -> str:
    priority = _number(value, "priority")
    return f"Change the priority from {job.priority} to {priority}? Consumers prefer sweeps with a higher priority."


def _prioritise(client: Client, job: Job, value: str) -> object:
    return client.prioritise(job.name, _number(value, "priority"))


def _ask_go(client: Client, job: Job, counts: Counts, value: str) -> str:
    tried = f"Of {job.canaries} canaries, {counts.ok:,} are ok and {counts.failed:,} failed."
    return f"Release {_rows(counts.held, 'held ')}? {tried}"


def _go(client: Client, job: Job, value: str) -> object:
    return client.go(job.name)


ACTIONS: dict[str, Action] = {
    "cancel": Action("Cancel", lambda job, _: job.open, _ask_cancel, _cancel, lambda job: job.open),
    "rerun_failed": Action(
        "Rerun failed", lambda job, counts: bool(counts.failed + counts.killed), _ask_rerun, _rerun, lambda _: "",
    ),
    "rerun_rows": Action(
        "Rerun rows…", lambda _, counts: counts.ended > 0, _ask_rerun, _rerun, lambda _: "",
        "rows, for example 3,5-9",
    ),
    "release": Action(
        "Release held rows", lambda job, counts: job.open and counts.held > 0, _ask_go, _go, lambda job: job.canaries,
    ),
    "consumers": Action(
        "Consumers…", lambda job, _: job.open, _ask_scale, _scale, lambda job: (job.open, job.consumers),
        "number of consumers", lambda job: job.consumers,
    ),
    "priority": Action(
        "Priority…", lambda job, _: job.open, _ask_priority, _prioritise, lambda job: (job.open, job.priority),
        "priority", lambda job: job.priority,
    ),
}  # fmt: skip
