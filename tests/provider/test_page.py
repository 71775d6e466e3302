"""The page of sweeps: its answers, its permissions, and its server in each version of Airflow."""

from __future__ import annotations

import importlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from airflow import __version__

from kubeque.jobs.backends import Backends
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.queues.backends import postgres
from kubeque_provider.airflow_versions import AIRFLOW_2
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import make_origin
from kubeque_provider.page import connections
from kubeque_provider.page.connections import forget_page_connections
from kubeque_provider.page.reading import stop_reading
from kubeque_provider.page.routes import respond
from kubeque_provider.page.xcom_fallback import forget_used_connections
from tests.jobs.sweeps import Ended, ended_job, make_backends
from tests.provider.people import Person, everybody, only_mine
from tests.servers.browser import Browser, title
from tests.servers.here import or_skip
from tests.servers.process import free_port, listening

HOSTILE = "</script><script>document.title='injected'</script><img src=x onerror=alert(1)>"


def how(index: int) -> Ended:
    if index % 10 == 3:
        return Ended(Cause.EXIT, message=f"exit code 1: {HOSTILE} {index}")
    return Ended(out={"loss": index / 100, "odd": float("nan"), "huge": 1 << 60, "user": 12996608, "at": 1795892345.25})


def a_sweep(
    backends: Backends, name: str, dag: str, *, n: int = 40, run: bool = True, deployment: str | None = None
) -> Job:
    rows = [{"lr": n, "password": "hunter2", "note": HOSTILE} for n in range(n)]
    job = ended_job(backends, rows, how, name=name, run=run)
    whose = KubequeHook().deployment if deployment is None else deployment
    origin = make_origin(whose, dag, "manual__1", "sweep")
    return backends.queue.update(name, lambda now: replace(now, origin=origin, url=job.url))


@pytest.fixture
def backends(tmp_path: Path) -> Iterator[Backends]:
    forget_page_connections()
    forget_used_connections()
    backends = make_backends(tmp_path)
    yield backends
    backends.close()
    forget_page_connections()
    stop_reading()


def ask(what: str, may: Any = everybody, **query: str) -> tuple[int, Any]:
    made = respond(f"data/{what}", query, may)
    return made.status, json.loads(made.body)


def test_who_may_read_the_dag_sees_its_sweeps_and_no_sign_of_others(backends: Backends) -> None:
    # Given sweeps of two DAGs, of another Airflow, and of somebody's command line
    a_sweep(backends, "a", "mine")
    a_sweep(backends, "b", "theirs")
    a_sweep(backends, "c", "mine", deployment="another")
    ended_job(backends, [{"n": 1}], how, name="d")

    # When a user with access to one of the DAGs requests the list
    status, told = ask("jobs", only_mine)

    # Then there is that one, and guessing the name of another is answered as a name that there is not
    assert status == 200
    assert [sweep["name"] for sweep in told["sweeps"]] == ["a"]
    assert told["total"] == 1
    missing = ask("job", only_mine, job="nowhere")
    assert missing[0] == 404
    for what in ("job", "marks", "failures", "table", "task", "log"):
        for name in "bcd":
            assert ask(what, only_mine, job=name, index="0") == missing
    assert respond("timeline", {"job": "b"}, only_mine).status == 404
    assert ask("job", only_mine, job="a")[0] == 200


def test_who_may_not_read_logs_sees_the_sweep_without_them(backends: Backends) -> None:
    a_sweep(backends, "a", "mine")

    no_logs = Person(logs=False)
    assert ask("log", no_logs, job="a", index="0")[0] == 403
    assert ask("log", job="a", index="0")[0] == 200
    # Messages contain the end of the standard error
    for what in ("jobs", "job", "failures", "table", "task"):
        status, told = ask(what, no_logs, job="a", index="3")
        assert status == 200
        assert "exit code 1" not in json.dumps(told)
    assert b"exit code 1" not in respond("timeline", {"job": "a"}, no_logs).body
    assert ask("table", no_logs, job="a", sort="message")[0] == 403
    assert "exit code 1" in ask("task", job="a", index="3")[1]["message"]


def test_a_sweep_is_told_with_its_marks_failures_and_table(backends: Backends) -> None:
    a_sweep(backends, "a", "mine")

    sweep = ask("job", job="a")[1]
    assert sweep["counts"]["failed"] == 4
    assert sweep["state"] == "running"  # nobody has closed it, and looking at it does not
    assert ask("marks", job="a")[1]["marks"] == "o3xo9xo9xo9xo6"
    (group,) = ask("failures", job="a")[1]["groups"]
    assert (group["cause"], group["count"], group["first"][0]["index"]) == ("exit", 4, 3)
    page = ask("table", job="a", sort="out.loss", down="1")[1]
    columns = [head["column"] for head in page["heads"]]
    assert page["rows"][0][0] == 39
    assert page["rows"][0][columns.index("out.odd")] == "NaN"
    assert page["rows"][0][columns.index("out.huge")] == str(1 << 60)  # JavaScript would round it
    assert [row[0] for row in ask("table", job="a", state="failed")[1]["rows"]] == [3, 13, 23, 33]
    assert ask("table", job="a", sort="nothing")[0] == 400
    # The columns of results follow those of parameters
    assert columns[:8] == ["index", "state", "lr", "password", "note", "out.loss", "out.odd", "out.huge"]
    assert ask("task", job="a", index="41")[0] == 400
    assert ask("table", job="a", first="x")[0] == 400


def test_what_is_called_like_a_secret_is_hidden_and_nothing_of_the_environment_is_told(backends: Backends) -> None:
    a_sweep(backends, "a", "mine")
    for what in ("job", "failures", "table", "task"):
        assert "hunter2" not in json.dumps(ask(what, job="a", index="3")[1])
    assert "***" in json.dumps(ask("table", job="a")[1])


def test_looking_changes_nothing(backends: Backends) -> None:
    a_sweep(backends, "a", "mine", run=False)
    before = backends.queue.job("a"), list(backends.queue.scan_records(backends.queue.job("a")))
    for what in ("jobs", "job", "marks", "failures", "table", "task", "log"):
        assert ask(what, job="a", index="0")[0] == 200
    assert (backends.queue.job("a"), list(backends.queue.scan_records(before[0]))) == before


def test_a_page_of_the_table_leads_to_the_next(backends: Backends) -> None:
    a_sweep(backends, "a", "mine", n=250)
    assert [ask("table", job="a", first=first)[1]["next"] for first in ("0", "100", "200")] == [100, 200, None]
    assert ask("table", job="a", sort="lr", first="200")[1]["next"] is None


def test_a_queue_out_of_reach_is_one_line_and_names_itself_only_to_who_sees_all(
    backends: Backends, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken.db").write_text("no queue at all, but long enough to be looked at " * 50)
    extra = json.dumps({"conn_type": "kubeque", "extra": {"queue_url": f"sqlite:///{tmp_path}/broken.db"}})
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", extra)
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "http", "password": "hunter2"}))

    status, told = ask("jobs", conn="broken")
    assert (status, "broken.db is damaged or is not a queue file" in told["error"]) == (503, True)
    # And a user without access to connections learns nothing, as of one that does not exist
    assert ask("jobs", only_mine, conn="broken") == ask("jobs", only_mine, conn="nowhere")
    assert ask("jobs", only_mine, conn="broken")[0] == 404
    status, told = ask("jobs", conn="other")
    assert (status, told["error"]) == (400, "the connection 'other' is not of the type kubeque")


def test_a_queue_that_is_silent_delays_one_request(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a server that accepts connections and does not answer
    monkeypatch.setitem(postgres._KEEPALIVE, "connect_timeout", 2)
    monkeypatch.setattr(connections, "_WAIT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        extra = {"queue_url": f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d", "cluster_url": "local"}
        monkeypatch.setenv("AIRFLOW_CONN_SILENT", json.dumps({"conn_type": "kubeque", "extra": extra}))

        def seconds_for(conn: str) -> tuple[float, int]:
            began = time.monotonic()
            status, _ = ask("jobs", **({"conn": conn} if conn else {}))
            return time.monotonic() - began, status

        # When several requests for it arrive, and one for another queue
        with ThreadPoolExecutor(5) as pool:
            several = list(pool.map(seconds_for, ["silent"] * 4 + [""]))
        later = seconds_for("silent")

    # Then one waits for the server, and a later request gets its error at once
    assert [status for _, status in several] == [503] * 4 + [200]
    assert sum(seconds > 1.5 for seconds, _ in several) == 1
    assert (later[0] < 1, later[1]) == (True, 503)


@pytest.mark.rotating
def test_a_connection_is_opened_for_users_who_may_read_it_or_whose_dags_used_it(
    backends: Backends, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given a DAG run that used another connection than the default one
    extra = {"queue_url": f"sqlite:///{tmp_path}/other.db", "cluster_url": "local"}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "kubeque", "extra": extra}))
    dag = importlib.import_module("tests.provider.dags.other_connection").dag
    forget_used_connections()
    owner, stranger = (Person(dags=dags, connections=False) for dags in (("other_connection",), ("mine",)))
    assert ask("jobs", owner, conn="other")[0] == 404
    run = dag.test()
    page = run.get_task_instances()[0].xcom_pull(task_ids="submit", key="kubeque_page")
    query = dict(parse_qsl(urlsplit(page).query))
    assert query["conn"] == "other"

    # Then users with access to its DAG see its sweeps, from its link and in the list; others learn nothing
    forget_used_connections()
    assert ask("job", owner, **query)[1]["tasks"] == 1
    status, told = ask("jobs", owner, conn="other")
    assert (status, told["total"], told["connections"]) == (200, 1, ["other"])
    assert ask("job", stranger, **query) == ask("job", stranger, **query | {"conn": "nowhere"})
    assert ask("jobs", stranger, conn="other") == ask("jobs", stranger, conn="nowhere")
    assert "other" not in ask("jobs", stranger)[1]["connections"]
    assert ask("jobs", everybody, conn="other")[0] == 200


def test_where_the_queue_is_out_of_reach_it_shows_what_airflow_was_told_last(
    backends: Backends, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given a run that is through, whose queue cannot be read any more
    run = importlib.import_module("example_dags.daily_sweep").submit.dag.test()
    ended = {ti.task_id: ti for ti in run.get_task_instances()}
    told = ended["wait"].xcom_pull(task_ids="wait")
    page = ended["wait"].xcom_pull(task_ids="submit", key="kubeque_page")
    (tmp_path / "broken.db").write_text("no queue at all, but long enough to be looked at " * 50)
    extra = json.dumps({"conn_type": "kubeque", "extra": {"queue_url": f"sqlite:///{tmp_path}/broken.db"}})
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", extra)

    # When somebody follows the link of the Airflow task
    query = dict(parse_qsl(urlsplit(page).query)) | {"conn": "broken"}
    status, answered = ask("job", **query)

    # Then the counts of that run are there; without access to the DAG, or for another run, they are not
    assert status == 200
    assert answered["last"]["counts"] == {**told["counts"], "ok": 3}
    assert (answered["last"]["tasks"], answered["last"]["results"]) == (3, told["results"])
    assert "broken.db is damaged or is not a queue file" in answered["error"]
    assert ask("job", only_mine, **query)[0] == 404
    assert ask("job", **query | {"run": "another"})[0] == 503
    assert ask("job", **query | {"job": "another"})[0] == 503


def test_every_answer_says_what_the_page_may_do(backends: Backends) -> None:
    a_sweep(backends, "a", "mine")
    for path in ("", "sweeps.js", "sweeps.css", "data/job", "data/nothing", "../answers.py"):
        headers = respond(path, {"job": "a"}, everybody).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
    document = respond("", {}, everybody).body.decode()
    assert not re.search(r"https?://|<style|onclick|<script>", document)
    timeline = respond("timeline", {"job": "a"}, everybody)
    assert timeline.headers["Content-Security-Policy"].startswith("sandbox allow-scripts;")
    assert "<img" not in timeline.body.decode()
    assert respond("../answers.py", {}, everybody).status == 404


# ------------------------------------------------------------------ real Airflow
def api(role: str | None, name: str = "anna") -> Any:
    """Return a client of Airflow 3's own application, logged in with that role."""
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    client = TestClient(create_app(apps="core"), follow_redirects=False)
    if role is not None:
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role))
        client.cookies.set("_token", token)
    return client


@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 2 has a web server")
def test_airflow_3_serves_it_to_who_is_logged_in_and_shows_it_in_its_menu(backends: Backends) -> None:
    a_sweep(backends, "a", "mine")
    os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] = f"{backends.config.home}/passwords.json"
    backends.config.home.mkdir(exist_ok=True)

    stranger = api(None)
    for path in ("data/jobs", "data/job?job=a", "data/log?job=a&index=0"):
        assert stranger.get(f"/kubeque/{path}").status_code == 401
    for path in ("", "timeline?job=a", "sweeps.js"):
        refused = stranger.get(f"/kubeque/{path}")
        assert (refused.status_code, "/auth/" in refused.headers["location"]) == (303, True)

    viewer = api("VIEWER")
    assert viewer.get("/kubeque/data/jobs").json()["sweeps"][0]["name"] == "a"
    assert "Sweeps" in viewer.get("/kubeque/").text
    assert viewer.get("/kubeque/sweeps.js").headers["content-type"].startswith("text/javascript")
    assert viewer.post("/kubeque/data/jobs").status_code == 405
    admin = api("ADMIN")
    (plugin,) = [one for one in admin.get("/api/v2/plugins").json()["plugins"] if one["name"] == "kubeque"]
    assert plugin["external_views"][0]["href"] == "kubeque/"


@pytest.fixture
def address(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an Airflow 3 on this machine in which every user is an admin."""
    import uvicorn
    from airflow.api_fastapi.app import create_app

    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(apps="core"), "127.0.0.1", port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 60
    while not listening(port):
        assert time.monotonic() < end
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/kubeque"
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def browser() -> Browser:
    with or_skip():
        return Browser.find()


@pytest.mark.skipif(not __version__.startswith("3.3"), reason="what a browser makes of the page is the same everywhere")
def test_in_a_browser_sweeps_are_drawn_and_no_hostile_value_runs(
    backends: Backends, address: str, browser: Browser
) -> None:
    # Given a sweep whose every value is hostile, and one of 100,000 tasks
    a_sweep(backends, "a", "mine")
    a_sweep(backends, "many", "mine", n=100_000, run=False)

    # When their pages are looked at
    page, many = browser.render(f"{address}/?job=a&task=3"), browser.render(f"{address}/?job=many")

    # Then all of it is there as text, and the grid is a picture of some hundred pixels
    assert (title(page), title(many)) == ("sweep: sweep", "sweep: sweep")
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror") > 40
    assert "hunter2" not in page
    assert '<td class="n">12996608</td>' in page
    assert '<td class="n" title="1795892345.25">1795892345</td>' in page
    assert re.search(r"Failures.*out\.loss", page, re.DOTALL)
    assert re.search(r"<dialog [^>]*open", page)
    (height,) = re.findall(r"<canvas [^>]*height: (\d+)px", many)
    assert 100 < int(height) < 500
    assert "100,000 pending" in many
    assert len(respond("data/marks", {"job": "many"}, everybody).body) < 400
    assert "many" in browser.render(f"{address}/")


@pytest.mark.skipif(not AIRFLOW_2, reason="Airflow 3 has an API server")
def test_airflow_2_serves_it_to_who_is_logged_in(backends: Backends) -> None:
    from airflow.www.app import create_app
    from airflow.www.extensions.init_appbuilder import AirflowAppBuilder

    a_sweep(backends, "a", "mine")
    app = create_app(testing=True)
    app.config["WTF_CSRF_ENABLED"] = False
    manager: AirflowAppBuilder = app.appbuilder.sm
    client = app.test_client()
    assert client.get("/kubeque/data/jobs").status_code == 401
    assert client.get("/kubeque/").status_code == 303
    for name in ("Admin", "Public"):
        with app.app_context():
            if manager.find_user(name) is None:
                manager.add_user(name, name, name, f"{name}@example.com", manager.find_role(name), password=name)
    client.post("/login/", data={"username": "Admin", "password": "Admin"})
    assert client.get("/kubeque/data/jobs").json["sweeps"][0]["name"] == "a"
    assert "Sweeps" in client.get("/kubeque/").text
    other = app.test_client()
    other.post("/login/", data={"username": "Public", "password": "Public"})
    assert other.get("/kubeque/data/jobs").json["sweeps"] == []
    assert other.get("/kubeque/data/job?job=a").status_code == 404
