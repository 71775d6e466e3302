"""Data of an earlier version in Airflow's database: triggers, serialized DAGs, outputs of operators, names."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections import Counter
from collections.abc import Iterator
from pydoc import locate
from typing import Any

import pytest

from tests.compatibility.placing import Placed, naming
from tests.provider.conftest import Run

#: The first test imports Airflow.
pytestmark = [pytest.mark.xdist_group("airflow"), pytest.mark.timeout(300)]


@pytest.fixture
def at_desk(old: Placed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Placed]:
    """This process is an Airflow at the desk of the old version."""
    from kubeque_provider.triggers.sweep import forget_connections

    for name in ("KUBEQUE_HOME", "HOME"):
        monkeypatch.setenv(name, old.shell.env[name])
    monkeypatch.setenv("AIRFLOW_CONN_KUBEQUE_DEFAULT", '{"conn_type": "kubeque"}')
    monkeypatch.chdir(old.shell.folder)
    yield old
    forget_connections()


def fired(old: Placed, name: str) -> dict[str, Any]:
    """The first event of a trigger of the old version, made from what Airflow's database has."""
    path, arguments = old.text("triggers")[name]
    trigger: Any = locate(path)

    async def fire() -> dict[str, Any]:
        async for event in trigger(**arguments).run():
            return dict(event.payload)
        raise AssertionError("the trigger has ended without an event")

    return asyncio.run(asyncio.wait_for(fire(), 90))


def test_a_trigger_goes_on_and_fires(at_desk: Placed) -> None:
    # Given a trigger that waits for a job whose consumer is gone
    before = at_desk.ran("running")

    # Then it sees to the job, and fires when that has ended
    assert fired(at_desk, "running") == {"status": "ended"}
    assert at_desk.counts("running") == {"ok": 6}
    assert at_desk.ran("running") - before == Counter(("running", index) for index in (2, 3, 4, 5))


def test_a_trigger_that_begins_to_wait_and_one_whose_time_is_over(at_desk: Placed) -> None:
    assert fired(at_desk, "closed") == {"status": "ended"}
    assert fired(at_desk, "held") == {"status": "timeout", "limit": "timeout"}


def test_a_trigger_says_the_same_again(at_desk: Placed) -> None:
    for path, arguments in at_desk.text("triggers").values():
        trigger: Any = locate(path)
        again, known = trigger(**arguments).serialize()
        assert again == path
        assert known.items() >= arguments.items()


def test_a_serialized_dag_is_read_and_its_operators_are_there(old: Placed, monkeypatch: pytest.MonkeyPatch) -> None:
    serialization = pytest.importorskip("airflow.serialization.serialized_objects")
    if not hasattr(serialization, "DagSerialization"):
        pytest.skip("an older Airflow does not read what Airflow 3.3 wrote")
    stored = old.text("dag")
    # Airflow keeps this switch in the class: a DAG that was read without links would leave it off for this process.
    monkeypatch.setattr(serialization.DagSerialization, "_load_operator_extra_links", True)
    dag = serialization.DagSerialization.from_dict(stored)
    assert set(dag.task_ids) == {
        "submit", "mapped", "wait", "fetch", "collect", "kill", "reset", "remove", "square"
    }  # fmt: skip
    assert list(dag.task_dict["submit"].extra_links) == ["Report", "Results", "Sweep"]
    for task in stored["dag"]["tasks"]:
        # A worker parses the file again; what the database says of it must still be true.
        operator = getattr(importlib.import_module(task["__var"]["_task_module"]), task["__var"]["task_type"])
        assert set(task["__var"]["template_fields"]) <= {*operator.template_fields, "command"}


def test_the_output_of_an_operator_leads_to_its_job(at_desk: Placed) -> None:
    from kubeque_provider.operators.fetch import KubequeFetchOperator
    from kubeque_provider.sensors.job import KubequeJobSensor

    pointer, run = at_desk.text("pointer"), Run()
    assert run.execute(KubequeJobSensor(task_id="wait", job_id=pointer, poke_interval=0.1)) == pointer
    dest = at_desk.root / "fetched"
    found = run.execute(KubequeFetchOperator(task_id="fetch", job_id=pointer, dest=str(dest)))
    assert found["tasks"] == 6
    assert (dest / "5" / "deep" / "twice.txt").read_text() == "6 6\n"


def test_an_airflow_task_finds_its_job_and_its_series_again(old: Placed) -> None:
    names, task = old.text("names"), ("https://airflow.example", "sweeps", "manual__2026-01-01")
    assert naming().make_job_id(*task, "submit") == names["job"]
    assert naming().make_job_id(*task, "mapped", 3) == names["mapped job"]
    assert naming().make_series(*task[:2], "submit") == names["series"]


class TestOldName:
    """The job of an Airflow task under its name of version 0.1, which is longer than new names."""

    #: The name that version 0.1 gave to the Airflow task `submit` of this run.
    NAME = "sweeps-submit-scheduled__2026-01-01T00-00-00-00-00-8070f3e39ff1"

    @pytest.fixture
    def run(self, at_desk: Placed, monkeypatch: pytest.MonkeyPatch) -> Run:
        """Return the DAG run of the Airflow task."""
        connection = {"conn_type": "kubeque", "extra": {"deployment": "https://airflow.example"}}
        monkeypatch.setenv("AIRFLOW_CONN_KUBEQUE_DEFAULT", json.dumps(connection))
        return Run("scheduled__2026-01-01T00:00:00+00:00", dag_id="sweeps")

    def submit(self, run: Run, rows: str, attempt: int = 2) -> Any:
        """Execute a try of the Airflow task after a clear."""
        from kubeque_provider.operators.submit import KubequeSubmitOperator

        operator = KubequeSubmitOperator(
            task_id="submit", command=["sh", "^row.sh", "{n}"], parameters=rows, memory="200Mi", poke_interval=0.1
        )
        return run.execute(operator, attempt)

    def test_it_is_cleared_waited_for_and_fetched(self, at_desk: Placed, run: Run) -> None:
        from kubeque_provider.operators.fetch import KubequeFetchOperator
        from kubeque_provider.sensors.job import KubequeJobSensor

        at_desk.rename("closed", self.NAME)
        pointer = self.submit(run, "closed.csv")
        assert pointer["job_id"] == self.NAME
        assert at_desk.ran(self.NAME) == Counter({(self.NAME, 1): 1})
        assert run.execute(KubequeJobSensor(task_id="wait", job_id=pointer, poke_interval=0.1)) == pointer
        dest = at_desk.root / "fetched"
        assert run.execute(KubequeFetchOperator(task_id="fetch", job_id=pointer, dest=str(dest)))["tasks"] == 3

    def test_it_is_cancelled(self, at_desk: Placed, run: Run) -> None:
        from kubeque_provider.operators.kill import KubequeKillOperator
        from kubeque_provider.waiter import Waiter

        at_desk.rename("running", self.NAME)
        waiter = Waiter.from_context(run.context("submit", 2), self.NAME, "kubeque_default", cancel_on_kill=True)
        with at_desk.client() as client:
            client.take(self.NAME, waiter.token)
        assert waiter.cancel()
        assert at_desk.json("status", self.NAME)["state"] == "killed"
        killed = run.execute(KubequeKillOperator(task_id="kill", job_id=self.NAME))
        assert killed["job_id"] == self.NAME

    def test_a_new_job_has_a_short_name(self, at_desk: Placed, run: Run) -> None:
        pointer = self.submit(run, "closed.csv", 1)
        assert pointer["job_id"] == "sweeps-submit-scheduled__2026-01-01T00-0-8070f3e39ff1"
