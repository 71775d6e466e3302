"""Data of an earlier version in Airflow's database: triggers, serialized DAGs, outputs of operators, names."""

from __future__ import annotations

import asyncio
import importlib
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


def test_a_serialized_dag_is_read_and_its_operators_are_there(old: Placed) -> None:
    serialization = pytest.importorskip("airflow.serialization.serialized_objects")
    if not hasattr(serialization, "DagSerialization"):
        pytest.skip("an older Airflow does not read what Airflow 3.3 wrote")
    stored = old.text("dag")
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
