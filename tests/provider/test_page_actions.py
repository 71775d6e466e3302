"""Actions on the page of sweeps: their users, that each is done once, and Airflow's audit log."""

# ruff: noqa: F811
from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from kubeque.jobs.backends import Backends
from kubeque.model.job.job import Job
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import make_origin
from kubeque_provider.page.actions import ACTIONS
from kubeque_provider.page.connections import forget_page_connections
from tests.jobs.sweeps import ended_job
from tests.provider.airflow_web import EDITOR, OTHER_EDITOR, VIEWER, Session, Web, start_web
from tests.provider.test_page import backends, how  # noqa: F401

#: For each action: its value, and the job's state that the action changes.
VALUES = {"rerun_rows": "3,5", "consumers": "4", "priority": "7"}
CHANGED = {
    "cancel": lambda job: str(job.state) == "killed",
    "rerun_failed": lambda job: job.run == 1,
    "rerun_rows": lambda job: job.run == 1,
    "release": lambda job: job.canaries == 0,
    "consumers": lambda job: job.consumers == 4,
    "priority": lambda job: job.priority == 7,
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with start_web(tmp_path_factory.mktemp("web")) as started:
        yield started


def a_job(backends: Backends, action: str) -> Job:
    """Return a job of the DAG `mine` on which the action is possible."""
    canaries = (0, 10) if action == "release" else ()
    runs = action.startswith("rerun")
    ended_job(backends, [{"n": n} for n in range(20)], how, name="a", run=runs, canaries=canaries)
    origin = make_origin(KubequeHook().deployment, "mine", "manual__1", "sweep")
    return backends.queue.update("a", lambda now: replace(now, origin=origin))


def audit() -> list[Any]:
    """Return the rows of this page in Airflow's audit log, the newest last."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(Log).where(Log.event.like("kubeque%")).order_by(Log.id)).all()
        session.expunge_all()
        return list(found)


def question(session: Session, action: str, **more: str) -> tuple[int, Any]:
    words = {"job": "a", "action": action, "value": VALUES.get(action, ""), **more}
    return session.get("data/question?" + "&".join(f"{key}={value}" for key, value in words.items()))


def confirm(session: Session, action: str, asked: dict[str, str], token: str | None = None) -> tuple[int, Any]:
    body = {"action": action, "value": VALUES.get(action, ""), "state": asked["state"]}
    return session.post("action?job=a", body, asked["token"] if token is None else token)


@pytest.mark.parametrize("action", ACTIONS)
def test_an_editor_of_the_dag_does_it_once(web: Web, backends: Backends, action: str) -> None:
    # Given a sweep whose page offers the action to an editor of its DAG
    a_job(backends, action)
    editor = web.login(EDITOR)
    assert action in [one["name"] for one in editor.get("data/job?job=a")[1]["actions"]]
    before = len(audit())

    # When the editor reads the question, confirms, and clicks twice
    status, asked = question(editor, action)
    assert (status, asked["question"].endswith(("?", "."))) == (200, True), asked
    assert not CHANGED[action](backends.queue.job("a"))
    first, second = confirm(editor, action, asked), confirm(editor, action, asked)

    # Then it is done once, and is once in the audit log
    assert first == (200, {"done": ""})
    assert (second[0], "has changed" in second[1]["error"]) == (409, True)
    job = backends.queue.job("a")
    assert CHANGED[action](job)
    assert job.run <= 1
    (row,) = audit()[before:]
    assert (row.event, row.owner, row.dag_id, row.run_id, row.task_id) == (
        f"kubeque_{action}", EDITOR, "mine", "manual__1", "sweep",
    )  # fmt: skip
    value = {"value": VALUES[action]} if action in VALUES else {}
    assert json.loads(row.extra) == {"connection": "kubeque_default", "job": "a", **value}


@pytest.mark.parametrize("who", ["viewer", "editor of another DAG", "expired session", "no token", "form"])
@pytest.mark.parametrize("action", ACTIONS)
def test_nobody_else_does_it(web: Web, backends: Backends, action: str, who: str) -> None:
    # Given the question to an editor
    a_job(backends, action)
    editor = web.login(EDITOR)
    asked = question(editor, action)[1]
    before = backends.queue.job("a")
    rows = len(audit())

    # When a request without the right to do it arrives
    if who == "no token":
        for token in ("", "a" * 64):
            status, told = confirm(editor, action, asked, token)
            assert (status, "load the page again" in told["error"]) == (403, True)
    elif who == "form":
        body = {"action": action, "state": asked["state"]}
        assert editor.form("action?job=a", body, asked["token"])[0] == 403
    elif who == "expired session":
        expired = web.expired(EDITOR)
        assert (question(expired, action)[0], confirm(expired, action, asked)[0]) == (401, 401)
    else:
        other = web.login(VIEWER if who == "viewer" else OTHER_EDITOR)
        status, shown = other.get("data/job?job=a")
        assert (status, shown["actions"]) == (200, [])
        assert question(other, action)[0] == 403
        a_job_of_theirs(backends)
        token = other.get("data/question?job=t&action=cancel")[1].get("token", asked["token"])
        assert confirm(other, action, asked, token)[0] == 403

    # Then nothing is changed, and nothing is in the audit log
    assert backends.queue.job("a") == before
    assert len(audit()) == rows


def a_job_of_theirs(backends: Backends) -> None:
    ended_job(backends, [{"n": 1}], how, name="t", run=False)
    origin = make_origin(KubequeHook().deployment, "theirs", "manual__1", "sweep")
    backends.queue.update("t", lambda now: replace(now, origin=origin))


def test_a_wrong_value_is_refused_before_anything_is_logged(web: Web, backends: Backends) -> None:
    a_job(backends, "cancel")
    editor, rows = web.login(EDITOR), len(audit())
    for action, value in [
        ("consumers", "0"), ("consumers", "many"), ("consumers", ""), ("consumers", "99999999999"),
        ("priority", "1.5"), ("rerun_rows", "3-"), ("nothing", "1"),
    ]:  # fmt: skip
        status, told = question(editor, action, value=value)
        assert (status in (400, 409), bool(told["error"])) == (True, True), action
    asked = question(editor, "consumers")[1]
    for body in (
        {"action": "consumers", "value": "0", "state": asked["state"]},
        [],
        {"state": 1},
        {"action": "x" * 20_000},
    ):
        assert editor.post("action?job=a", body, asked["token"])[0] == 400
    assert len(audit()) == rows
    assert backends.queue.job("a").consumers == 1


def test_what_fails_is_in_the_audit_log_with_its_reason(web: Web, backends: Backends) -> None:
    # Given a sweep whose files were deleted between question and confirmation
    job = a_job(backends, "rerun_failed")
    editor, rows = web.login(EDITOR), len(audit())
    asked = question(editor, "rerun_failed")[1]
    shutil.rmtree(job.url)
    forget_page_connections()

    # When the user confirms
    status, told = confirm(editor, "rerun_failed", asked)

    # Then nothing is changed, and the log has the attempt and the reason
    assert (status, backends.queue.job("a").run) == (503, 0)
    attempt, error = audit()[rows:]
    assert (attempt.event, error.event) == ("kubeque_rerun_failed", "kubeque_rerun_failed_error")
    assert json.loads(error.extra)["error"] == told["error"]
