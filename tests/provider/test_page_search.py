"""The table of the page: searched, sorted and filtered, in a process beside Airflow's web server."""

# ruff: noqa: F811
from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kubeque.jobs.backends import Backends
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.page import reading
from tests.provider.people import Person, everybody
from tests.provider.test_page import a_sweep, ask, backends  # noqa: F401


def indexes(**query: str) -> list[int]:
    status, told = ask("table", job="a", **query)
    assert status == 200, told
    return [row[0] for row in told["rows"]]


def test_rows_are_found_by_the_values_of_their_parameters(backends: Backends) -> None:
    a_sweep(backends, "a", "mine")
    assert indexes(find="lr=7") == [7]
    assert indexes(find="lr>=37 out.loss<0.39") == [37, 38]
    assert indexes(find="lr<9", state="failed") == [3]
    assert indexes(find="39") == [39]
    assert indexes(find="no-such-value") == []
    assert indexes(find="lr>30", sort="out.loss", down="1")[:2] == [39, 38]


def test_and_more_of_a_group_of_failures_opens(backends: Backends) -> None:
    # Given a group of failures that names its first rows
    a_sweep(backends, "a", "mine", n=200)
    (group,) = ask("failures", job="a")[1]["groups"]
    assert (len(group["first"]), group["more"]) == (5, 15)

    # When the group is opened, then all of its rows are there
    found = ask("table", job="a", state="failed", cause=group["cause"], like=group["like"])[1]
    assert [row[0] for row in found["rows"]] == list(range(3, 200, 10))
    assert found["found"] == 20
    assert indexes(state="failed", like="0" * 16) == []


def test_a_search_tells_nothing_that_the_table_hides(backends: Backends) -> None:
    a_sweep(backends, "a", "mine")
    assert indexes(find="hunter2") == []
    for query in ({"find": "password=hunter2"}, {"find": "password>a"}, {"sort": "password"}, {"sort": "out.token"}):
        assert ask("table", job="a", **query)[0] == 403
    no_logs = Person(logs=False)
    for query in ({"find": "message!=x"}, {"sort": "message"}, {"like": "0" * 16}):
        assert ask("table", no_logs, job="a", **query)[0] == 403
    assert ask("failures", no_logs, job="a")[1]["groups"][0]["like"] == ""
    assert ask("table", no_logs, job="a", state="failed")[0] == 200


def test_a_process_that_has_ended_is_started_again(backends: Backends) -> None:
    a_sweep(backends, "a", "mine")
    assert indexes(sort="lr", down="1")[0] == 39
    process = reading._process._process
    assert process is not None
    assert os.getpriority(os.PRIO_PROCESS, process.pid) >= 5
    process.kill()
    process.wait()
    assert indexes(sort="lr", down="1")[0] == 39


def test_a_store_with_a_login_of_airflow_is_read_in_the_web_server(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_sweep(backends, "a", "mine")
    config = backends.config.as_dict()
    extra = {key: config[key] for key in ("queue_url", "default_url_prefix", "cluster_url")}
    extra |= {"store_conn_id": "a_store", "deployment": KubequeHook().deployment}
    monkeypatch.setenv("AIRFLOW_CONN_STORED", json.dumps({"conn_type": "kubeque", "extra": extra}))
    assert indexes(conn="stored", sort="lr", down="1")[0] == 39
    assert reading._process._process is None


def test_a_request_among_too_many_is_refused(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    a_sweep(backends, "a", "mine")
    places = reading._process._places
    for _ in range(reading._MAX_WAITING):
        assert places.acquire(blocking=False)
    try:
        status, told = ask("table", job="a", sort="lr")
        assert (status, "try again" in told["error"]) == (503, True)
        assert ask("table", job="a")[0] == 200
    finally:
        for _ in range(reading._MAX_WAITING):
            places.release()


def test_a_later_state_of_a_job_is_read_again(backends: Backends) -> None:
    job = a_sweep(backends, "a", "mine")
    assert indexes(state="failed") == [3, 13, 23, 33]
    backends.queue.kill_rows(job, bytearray(40), "no row")
    backends.queue.kill("a")
    assert indexes(state="failed") == [3, 13, 23, 33]
    a_sweep(backends, "b", "mine", run=False)
    assert ask("table", job="b", state="pending")[1]["found"] == 40
    backends.queue.kill("b")
    assert ask("table", job="b", state="pending")[1]["found"] == 0


def test_a_sweep_that_was_killed_says_how_many_rows_did_not_run(backends: Backends) -> None:
    a_sweep(backends, "a", "mine", run=False)
    backends.queue.kill("a")
    told = ask("job", everybody, job="a")[1]
    assert (told["counts"]["killed"], told["unfinished"]) == (40, 40)


def test_a_task_shows_its_command_and_files(backends: Backends, tmp_path: Path) -> None:
    from kubeque.client import Client
    from kubeque.model.rows.parameters import to_rows
    from kubeque.model.sweep.sweep import Sweep
    from kubeque_provider.naming import make_origin

    origin = make_origin(KubequeHook().deployment, "mine", "manual__1", "sweep")
    with Client() as client:
        command, rows = ["sh", "-c", "echo hello > note.txt; exit {code}"], to_rows([{"code": 0}, {"code": 3}])
        client.submit(Sweep(command=command, rows=rows, name="real", base=tmp_path, origin=origin))
        client.wait("real", timeout=60)
    ok, failed = (ask("task", job="real", index=str(index))[1] for index in (0, 1))
    assert ok["command"] == "sh -c 'echo hello > note.txt; exit 0'"
    assert ["note.txt", 6] in ok["files"]
    assert (failed["state"], failed["command"]) == ("failed", "sh -c 'echo hello > note.txt; exit 3'")
