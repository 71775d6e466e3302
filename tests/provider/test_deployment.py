"""The identity of an Airflow survives a new address. Two Airflows with one identity do not change each other's jobs."""

# ruff: noqa: AIR311 (the Variable in the database, without a supervisor)

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from airflow.models import Variable
from airflow.utils.session import create_session

from kubeque.client import Client
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque_provider.airflow_versions import AIRFLOW_2, base_url
from kubeque_provider.exceptions import BadSweep, SweepFailed
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import make_job_id, make_job_ids, make_origin, make_series
from kubeque_provider.operators.kill import KubequeKillOperator
from kubeque_provider.operators.remove import KubequeRemoveOperator
from kubeque_provider.operators.reset import KubequeResetOperator
from kubeque_provider.origin import deployment
from kubeque_provider.origin.addresses import find_alternating
from kubeque_provider.page.connections import forget_page_connections
from kubeque_provider.page.routes import respond
from kubeque_provider.waiter import Waiter
from tests.jobs.sweeps import Ended, ended_job, make_backends
from tests.provider.conftest import Run
from tests.provider.people import Person, everybody

Execute = Callable[..., Any]
SECTION = "WEBSERVER" if AIRFLOW_2 else "API"
KEY = ("a_dag", "manual__2026-01-01", "submit")
A_DAY = 86_400.0
COMMAND = ["/bin/true"]


@pytest.fixture(autouse=True)
def no_variable() -> Iterator[None]:
    """Delete the Variable after each test."""
    forget()
    yield
    forget()


def forget() -> None:
    with create_session() as session:
        session.query(Variable).filter_by(key=deployment.VARIABLE).delete()


def find_name(*, tried: bool = False) -> str:
    """Return the job name that a try of the Airflow task finds."""
    hook = KubequeHook()
    return hook.find_name(hook.identify(), (*KEY, -1), tried=tried)


def stored() -> Any:
    with create_session() as session:
        found = session.query(Variable).filter_by(key=deployment.VARIABLE).one_or_none()
        return None if found is None else found.val


@pytest.fixture
def move(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give this Airflow a different address."""

    def move_to(address: str) -> None:
        monkeypatch.setenv(f"AIRFLOW__{SECTION}__BASE_URL", address)
        assert base_url() == address

    return move_to


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Return what was logged since the last call: Airflow 3 logs to the streams, Airflow 2 by `logging`."""
    caplog.set_level(logging.INFO)

    def read() -> str:
        text = "".join([*capfd.readouterr(), caplog.text])
        caplog.clear()
        return text

    return read


@pytest.fixture
def make_job(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """Make the job of an earlier submission, which ended with 9 ok rows and a failed one."""
    backends = make_backends(tmp_path)

    def make(name: str, deployment: str, address: str = "", *, ended: bool = True) -> Job:
        job = ended_job(backends, [{"a": n} for n in range(10)], how, name=name, run=ended)
        origin = make_origin(deployment, *KEY) | ({"address": address} if address else {})
        backends.queue.update(name, lambda now: replace(now, origin=origin, url=job.url, created=next(clock)))
        if ended:
            with Client() as client:
                client.status(name)
        return backends.queue.job(name)

    clock = count(time.time() - A_DAY)
    yield make
    backends.close()


def how(index: int) -> Ended:
    return Ended(Cause.EXIT) if index == 3 else Ended()


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("http://localhost:8080", "http://localhost:8081"),  # the default of 2.11, and an address of 3
        ("http://airflow.example.com", "https://airflow.example.com"),
        ("https://old.example.com/prefix", "https://new.example.com"),
    ],
    ids=["2.11-to-3", "http-to-https", "new-host"],
)
def test_an_airflow_that_moves_finds_its_jobs(submit: Execute, make_job: Any, move: Any, then: str, now: str) -> None:
    # Given a job of an earlier kubeque, whose name has the address of that time, and a Variable of that time
    old = make_job(make_job_id(then, *KEY), then)
    move(then)
    KubequeHook().identify()
    assert stored() == then

    # When its Airflow task is cleared at another address, then it finds the job with its rows
    move(now)
    pointer = submit(COMMAND, 2, wait=False, on_clear="skip")
    assert pointer["job_id"] == old.name
    assert (pointer["counts"]["ok"], pointer["counts"]["failed"]) == (9, 1)
    assert stored() == then
    assert make_series(KubequeHook().identify(), "a_dag", "submit") == make_series(then, "a_dag", "submit")


@pytest.mark.parametrize("attempt", [1, 2], ids=["same-run-id", "clear"])
@pytest.mark.parametrize("place", ["identity", "address"])
def test_a_job_under_the_longer_name_of_an_earlier_version_is_found(
    make_job: Any, move: Any, monkeypatch: pytest.MonkeyPatch, place: str, attempt: int
) -> None:
    from kubeque_provider.operators.fetch import KubequeFetchOperator
    from kubeque_provider.operators.kill import KubequeKillOperator
    from kubeque_provider.operators.submit import KubequeSubmitOperator
    from kubeque_provider.sensors.job import KubequeJobSensor

    def submit() -> str:
        operator = KubequeSubmitOperator(
            task_id="submit", command=COMMAND, parameters=[{"a": n} for n in range(10)], wait=False, on_clear="skip"
        )
        return str(run.execute(operator, attempt)["job_id"])

    # Given an Airflow task with a long name, and its job of an earlier version
    run = Run("scheduled__2026-01-01T00:00:00+00:00", dag_id="a_dag_with_a_long_name")
    move("http://one")
    Variable.set(deployment.VARIABLE, "prod")
    key = ("a_dag_with_a_long_name", run.run_id, "submit")
    before, name = make_job_ids("prod" if place == "identity" else "http://one", *key)
    assert len(name) < len(before)
    make_job(before, "prod")

    # When the Airflow task runs again, then it adopts that job. The name from the address needs an earlier try.
    found = place == "identity" or attempt == 2
    assert submit() == (before if found else make_job_id("prod", *key))
    if found:
        # Then sensor, fetch and kill know it too
        sensor = KubequeJobSensor(task_id="wait", job_id=before, poke_interval=0.1)
        with pytest.raises(SweepFailed):
            run.execute(sensor)
        dest = str(Path.home() / "fetched")
        fetch = KubequeFetchOperator(task_id="fetch", job_id=before, dest=dest, allow_failed_rows=True)
        assert run.execute(fetch)["tasks"] == 10
        assert run.execute(KubequeKillOperator(task_id="kill", job_id=before))["job_id"] == before
        with Client() as client:
            assert [job.name for job in client.jobs()] == [before]


@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 3 reads the old option")
@pytest.mark.filterwarnings("ignore:The base_url option:DeprecationWarning")
def test_airflow_3_computes_the_first_value_from_the_option_of_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WEBSERVER__BASE_URL", "http://then")
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    assert KubequeHook().identify() == stored() == "http://then"


def test_the_connection_overrides_the_variable(submit: Execute, move: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KUBEQUE_DEFAULT", '{"conn_type": "kubeque", "extra": {"deployment": "prod"}}')
    move("http://one")
    assert find_name() == make_job_id("prod", *KEY)
    assert stored() is None


def test_a_secrets_backend_that_answers_for_the_key_decides(move: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_KUBEQUE_DEPLOYMENT", "from the environment")
    move("http://one")
    assert find_name() == make_job_id("from the environment", *KEY)
    assert stored() is None


def test_without_a_right_to_write_the_address_is_the_identity_and_each_run_warns(
    make_job: Any, move: Any, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(value: str) -> None:
        raise PermissionError("password=hunter2")

    move("http://one")
    with monkeypatch.context() as patch:
        patch.setattr(deployment, "_insert", refuse)
        for _ in range(2):
            said()
            name = find_name()
            text = said()
            assert "cannot be stored (PermissionError)" in text
            assert "`deployment` in the connection kubeque_default" in text
            assert "hunter2" not in text
    assert name == make_job_id("http://one", *KEY)

    # Once there is another identity, a clear still finds the job that was made meanwhile.
    make_job(name, "http://one")
    Variable.set(deployment.VARIABLE, "prod")
    assert find_name(tried=True) == name
    assert find_name() == make_job_id("prod", *KEY)


def test_tasks_that_make_the_variable_at_once_agree(move: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    move("http://one")
    deployment._insert("http://one")
    deployment._insert("http://two")
    assert deployment.keep_deployment() == ("http://one", "")


def test_an_airflow_without_an_address_keeps_that(move: Any) -> None:
    move("")
    assert find_name() == make_job_id("", *KEY)
    assert stored() == ""
    move("http://one")
    assert find_name() == make_job_id("", *KEY)


def test_what_is_deferred_keeps_its_job_when_the_identity_changes(run: Run, move: Any) -> None:
    from kubeque_provider.operators.submit import KubequeSubmitOperator

    move("http://one")

    def make() -> KubequeSubmitOperator:
        if ("submit", "job_id") in run.xcoms:
            Variable.set(deployment.VARIABLE, "other")
        return KubequeSubmitOperator(
            task_id="submit", command=["/bin/true"], wait=True, deferrable=True, poke_interval=0.1
        )

    pointer, events = run.execute_deferred(make)
    assert events == ["ended"]
    assert pointer["job_id"] == make_job_id("http://one", *KEY)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("", ""), ("aaa", ""), ("aab", ""), ("aabb", ""), ("aba", "ab"), ("abab", "ab"), ("abc", ""), ("abcb", "bc"),
        ("abac", "ab"), ("-a-b", ""), ("a-ba", "ab"), ("aab" + "." * 40 + "a", ""),
    ],
)  # fmt: skip
def test_addresses_alternate_once_one_comes_back(days: str, expected: str) -> None:
    uses = [(day * A_DAY, "" if name == "-" else name) for day, name in enumerate(days) if name != "."]
    assert find_alternating(reversed(uses)) == list(expected)


def test_the_page_counts_what_it_hides(make_job: Any, move: Any) -> None:
    def warnings(*readable: str) -> list[str]:
        forget_page_connections()
        answer = respond("data/jobs", {}, Person(dags=tuple(readable)))
        found: list[str] = json.loads(answer.body)["warnings"]
        return found

    make_job("one", "http://one")
    move("http://one")
    assert warnings("a_dag") == []
    make_job("two", "http://one")
    move("https://two")
    (line,) = warnings("a_dag")
    assert line.startswith(
        "2 sweeps of this queue belong to the deployment 'http://one'; this Airflow is the deployment 'https:"
    )
    assert warnings("b_dag") == []
    forget_page_connections()


class TestCopiedDatabase:
    """Two Airflows with the same identity and queue. This Airflow is the copy."""

    @pytest.fixture(autouse=True)
    def at_copy(self, make_job: Any, move: Any) -> None:
        move("https://prod")
        KubequeHook().identify()
        make_job("one", "https://prod", "https://prod")
        make_job("two", "https://prod", "https://copy")
        move("https://copy")

    def test_it_warns_and_changes_only_its_own_jobs(
        self, submit: Execute, wait: Execute, run: Run, make_job: Any, said: Any
    ) -> None:
        before = make_job(make_job_id("https://prod", *KEY), "https://prod", "https://prod")
        said()
        foreign = "was submitted from https://prod, not from this Airflow, and is not changed"
        with pytest.raises(BadSweep, match=foreign):
            submit(COMMAND, 2)
        by_turns = (
            "Airflows at https://copy and https://prod alternately submit sweeps as the same deployment 'https://prod'"
        )
        assert by_turns in said()
        forget_page_connections()
        assert by_turns in respond("data/jobs", {}, everybody).body.decode()
        forget_page_connections()
        with pytest.raises(BadSweep, match=foreign):
            wait(before.name, 2)
        for operator in (KubequeResetOperator, KubequeKillOperator, KubequeRemoveOperator):
            with pytest.raises(BadSweep, match=foreign):
                run.execute(operator(task_id="other", job_id=before.name))
        with Client() as client:
            assert client.job(before.name) == before
        assert submit(COMMAND, 2, job_id="two", on_clear="skip", wait=False)["job_id"] == "two"

    def test_it_does_not_cancel_what_runs_elsewhere(self, make_job: Any, move: Any, said: Any) -> None:
        name = make_job("three", "https://prod", "https://prod", ended=False).name
        waiter = Waiter(name, "kubeque_default", *KEY, -1, 1)
        with Client() as client:
            client.take(name, waiter.token)
        assert not waiter.cancel()
        assert "is not changed" in said()
        move("https://prod")
        assert waiter.cancel()


def test_an_airflow_that_moved_cancels_what_runs(make_job: Any, move: Any) -> None:
    name = make_job("one", "http://one", "http://one", ended=False).name
    waiter = Waiter(name, "kubeque_default", *KEY, -1, 1)
    with Client() as client:
        client.take(name, waiter.token)
    move("https://one")
    assert waiter.cancel()
