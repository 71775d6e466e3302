"""Airflow and kubeque for the tests of the provider, both in temporary folders."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(tempfile.mkdtemp(prefix="kubeque-provider-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
#: Folder for DAGs that a test writes.
(HOME / "dags").mkdir()
#: Airflow 3 runs only DAGs in a bundle.
_BUNDLES = [
    {"name": name, "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(path)}}
    for name, path in {
        "dags-folder": ROOT / "example_dags", "tests": Path(__file__).parent / "dags", "written": HOME / "dags",
    }.items()
]  # fmt: skip
# Airflow reads these when it is first imported, which is before any fixture.
os.environ |= {
    "AIRFLOW_HOME": str(HOME / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(_BUNDLES),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
    "MANDELBROT_RESULTS": str(HOME / "mandelbrot"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of one module in one process. Each process has its own Airflow database, made once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(f"airflow-{item.path.stem}"))


@pytest.fixture(scope="session", autouse=True)
def airflow_db() -> None:
    """The database of Airflow. It is made once."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(autouse=True)
def kubeque_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A local queue for one test. Its consumers end with the test."""
    from kubeque.client import Client
    from kubeque_provider.triggers.sweep import forget_connections

    home = tmp_path / "kubeque"
    monkeypatch.setenv("KUBEQUE_HOME", str(home))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield home
    forget_connections()
    with Client() as client:
        client.stop()


def _outlet_events() -> Any:
    try:
        from airflow.sdk.execution_time.context import OutletEventAccessors
    except ImportError:  # Airflow 2
        from airflow.utils.context import OutletEventAccessors
    return OutletEventAccessors()


def readme_dag(*, as_written: bool = False) -> str:
    """Return the DAG of README.md, for this version of Airflow."""
    from kubeque_provider.airflow_versions import AIRFLOW_2

    (text,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    change = AIRFLOW_2 and not as_written
    return str(text).replace("from airflow.sdk import", "from airflow import") if change else str(text)


class Run:
    """One DAG run without a scheduler. It renders and executes operators as a worker does, try by try."""

    def __init__(self, run_id: str = "manual__2026-01-01", earlier: Run | None = None, dag_id: str = "a_dag") -> None:
        self.run_id, self.dag_id = run_id, dag_id
        self.earlier = earlier
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.outlet_events = _outlet_events()

    def context(self, task_id: str, attempt: int, *, cleared: bool = True, **more: Any) -> dict[str, Any]:
        """Return the context of a worker. `cleared`: a try after the first one follows a clear, not a retry."""

        def push(key: str, value: Any) -> None:
            self.xcoms[task_id, key] = value

        def pull(task_ids: str, key: str, include_prior_dates: bool = False) -> Any:
            earlier = self.earlier.xcoms if self.earlier and include_prior_dates else {}
            return {**earlier, **self.xcoms}.get((task_ids, key))

        ti = SimpleNamespace(
            dag_id=self.dag_id, run_id=self.run_id, task_id=task_id, map_index=-1, try_number=attempt, xcom_push=push,
            xcom_pull=pull,
            max_tries=attempt + 1 if cleared else 2, task=SimpleNamespace(retries=2),
        )  # fmt: skip
        return {
            "ti": ti, "task_instance": ti, "run_id": self.run_id, "outlet_events": self.outlet_events, **more,
        }  # fmt: skip

    def execute(self, operator: Any, attempt: int = 1, **more: Any) -> Any:
        """Render the operator's fields with `more` as Jinja's variables, and execute it."""
        context = self.context(operator.task_id, attempt, **more)
        operator.render_template_fields(context)
        return operator.execute(context)

    def execute_deferred(self, make: Callable[[], Any], attempt: int = 1) -> tuple[Any, list[str]]:
        """Execute an operator. If it defers, run its trigger as a triggerer does, and resume a new operator.

        Returns the result and the status of each event.
        """
        from airflow.providers.common.compat.sdk import TaskDeferred

        operator, events = make(), []
        context = self.context(operator.task_id, attempt)
        operator.render_template_fields(context)
        method, arguments = operator.execute, {}
        while True:
            try:
                return method(context, **arguments), events
            except TaskDeferred as deferred:
                event = first_event(deferred.trigger)
                events.append(event["status"])
                operator = make()
                operator.render_template_fields(context)
                method, arguments = getattr(operator, deferred.method_name), {"event": event}


def revived(trigger: Any) -> Any:
    """Return the trigger in the form in which it comes from Airflow's database."""
    from pydoc import locate

    path, arguments = trigger.serialize()
    return locate(path)(**json.loads(json.dumps(arguments)))


def first_event(trigger: Any) -> dict[str, Any]:
    """Return the first event of a trigger after it is deserialized."""

    async def fire() -> dict[str, Any]:
        async for event in revived(trigger).run():
            return dict(event.payload)
        raise AssertionError("the trigger said nothing")

    return asyncio.run(asyncio.wait_for(fire(), 60))


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def submit(run: Run) -> Callable[..., Any]:
    """Make a new KubequeSubmitOperator, as every try does, and execute it."""
    from kubeque_provider.operators.submit import KubequeSubmitOperator

    def execute(command: list[Any], attempt: int = 1, variables: dict[str, Any] | None = None, **fields: Any) -> Any:
        fields = {"wait": True, "poke_interval": 0.1, **fields}
        operator = KubequeSubmitOperator(task_id="submit", command=command, **fields)
        return run.execute(operator, attempt, **(variables or {}))

    return execute


@pytest.fixture
def wait(run: Run) -> Callable[..., Any]:
    """Make a new KubequeJobSensor and execute it."""
    from kubeque_provider.sensors.job import KubequeJobSensor

    def execute(job_id: Any, attempt: int = 1, **fields: Any) -> Any:
        return run.execute(KubequeJobSensor(task_id="wait", job_id=job_id, poke_interval=0.1, **fields), attempt)

    return execute
