"""`@task.kubeque`: DAG authors write a function and call it for rows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, task

from kubeque.client import Client
from kubeque.model.job.job import Job
from kubeque_provider.exceptions import BadSweep, SweepFailed
from kubeque_provider.table import frame, records
from tests.provider.conftest import ROOT, Run

ROWS = [{"x": 1, "label": "a"}, {"x": 2, "label": "{b}"}]


def scaled(x: float, label: str, by: int = 10) -> dict[str, object]:
    return {"scaled": x * by, "label": label}


def dated(x: int, ds: str) -> str:
    return f"{ds}/{x}"


def needs_ti(x: int, ti: object) -> str:
    return str(ti)


def large(x: int) -> dict[str, str]:
    return {"text": "-" * 3000 * x}


def made(function: Callable[..., Any], *args: Any, fields: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    """Return the operator of one call of a decorated function."""
    fields = {"parameters": ROWS, "poke_interval": 0.1, "python": sys.executable, **(fields or {})}
    with DAG("a_dag", start_date=pendulum.datetime(2026, 1, 1), schedule=None):
        return task.kubeque(**fields)(function)(*args, **kwargs).operator


def values(pointer: Any, column: str) -> list[Any]:
    return [row[column] for row in records(pointer)]


def test_what_the_call_leaves_out_comes_from_the_row(run: Run) -> None:
    pointer = run.execute(made(scaled))
    assert values(pointer, "out.scaled") == [10.0, 20.0]
    assert values(pointer, "out.label") == ["a", "{b}"]
    assert pointer["counts"]["ok"] == 2
    assert list(frame(pointer)["out.scaled"]) == [10.0, 20.0]


def seen(v, state):  # type: ignore[no-untyped-def]
    return f"{state} {v!r}"


def test_a_function_gets_the_values_of_the_rows_with_their_types(run: Run) -> None:
    given = [1, 1.0, True, None, "1", [1, None], {"a": [True]}]
    pointer = run.execute(made(seen, fields={"parameters": [{"v": value, "state": "CA"} for value in given]}))
    assert values(pointer, "out.value") == [f"CA {value!r}" for value in given]
    assert (values(pointer, "v"), values(pointer, "param.state")) == (given, ["CA"] * len(given))
    assert {type(value) for value in frame(pointer)["v"]} == {int, float, bool, type(None), str, list, dict}


def test_what_is_larger_than_the_queue_keeps_is_in_the_table_as_well(run: Run) -> None:
    assert [len(text) for text in values(run.execute(made(large)), "out.text")] == [3000, 6000]


def test_call_arguments_are_constants_and_templates(run: Run) -> None:
    operator = made(scaled, label="{{ day }}{x}", by=3, fields={"parameters": [{"x": 2}]})
    pointer = run.execute(operator, day="'monday'")
    assert (values(pointer, "out.label"), values(pointer, "out.scaled")) == (["'monday'{x}"], [6.0])


def test_names_of_airflow_are_filled_by_it_unless_a_column_has_them(run: Run) -> None:
    assert values(run.execute(made(dated), ds="2026-01-02"), "out.value") == ["2026-01-02/1", "2026-01-02/2"]
    with pytest.raises(
        BadSweep, match=r"'ds' is a column of the rows and also a name of Airflow's context: rename the column"
    ):
        run.execute(made(dated, fields={"parameters": [{"x": 1, "ds": "y"}]}), ds="2026-01-02")
    with pytest.raises(BadSweep, match=r"needs_ti: Airflow's context value 'ti' cannot be sent"):
        run.execute(made(needs_ti))


def test_a_call_that_does_not_fit_is_said_before_anything_is_submitted(run: Run) -> None:
    with pytest.raises(BadSweep, match=r"the argument 'x' of scaled is in the call and is also a column"):
        run.execute(made(scaled, x=1))
    with pytest.raises(BadSweep, match=r"scaled: got an unexpected keyword argument 'y'"):
        run.execute(made(scaled, y=1))
    with pytest.raises(
        BadSweep,
        match=r"scaled takes 'label', which is not a column: the columns are x; add the column, or pass",
    ):
        run.execute(made(scaled, fields={"parameters": [{"x": 1}]}))


def test_a_failure_names_the_module_beside_the_dag_file_that_was_not_sent(run: Run, tmp_path: Path) -> None:
    def needs(x: int) -> None:
        import versioned_bundle  # type: ignore[import-not-found]  # noqa: F401

    with pytest.raises(SweepFailed, match=r'missing file, set push=\["versioned_bundle.py"\] in the Airflow task'):
        run.execute(made(needs, fields={"parameters": [{"x": 1}]}))


def only_job() -> Job:
    with Client() as client:
        (job,) = client.jobs()
        return client.job(job.name)


def test_failing_rows_are_named_and_a_clear_runs_only_them(run: Run, tmp_path: Path) -> None:
    def picky(x: int, folder: str) -> int:
        import os

        with open(f"{folder}/runs", "a") as file:
            file.write(f"{x}\n")
        if os.path.exists(f"{folder}/bad-{x}"):
            raise ValueError(x)
        return x

    (tmp_path / "bad-2").touch()
    with pytest.raises(SweepFailed, match=r"row 1 \(x=2, label=\{b\}\): exit 1"):
        run.execute(made(picky, folder=str(tmp_path)))
    first = only_job()
    (tmp_path / "bad-2").unlink()
    assert run.execute(made(picky, folder=str(tmp_path)), 2)["counts"]["ok"] == 2
    # Each try writes the function into another folder, which must not make it another sweep.
    assert (only_job().spec_digest, only_job().revision) == (first.spec_digest, 1)
    assert sorted((tmp_path / "runs").read_text().split()) == ["1", "2", "2"]


def test_it_waits_in_the_triggerer_or_not_at_all(run: Run) -> None:
    def slow(x: int) -> int:
        import time

        time.sleep(1)
        return x

    pointer, events = run.execute_deferred(lambda: made(slow, fields={"deferrable": True}))
    assert (events, values(pointer, "out.value")) == (["ended"], [1, 2])
    assert run.execute(made(slow, fields={"wait": False, "task_id": "other"}))["counts"]["ok"] == 0


def test_override_changes_what_the_decorator_said() -> None:
    with DAG("a_dag", start_date=pendulum.datetime(2026, 1, 1), schedule=None):
        decorated = task.kubeque(parameters=ROWS, memory="1Gi")(scaled)
        first, second = decorated().operator, decorated.override(memory="2Gi", task_id="more")().operator
        third = decorated().operator
    assert (first.task_id, first.memory, first.wait) == ("scaled", "1Gi", None)
    assert (second.task_id, second.memory, second.parameters) == ("more", "2Gi", ROWS)
    assert third.task_id == "scaled__1"


@pytest.mark.parametrize("verb", ["expand", "partial"])
def test_rows_are_not_airflows_to_map(verb: str) -> None:
    with pytest.raises(
        BadSweep, match=rf"scaled\.{verb}\(x=\.\.\.\): the rows in parameters already have the column 'x'"
    ):
        getattr(task.kubeque(parameters=ROWS)(scaled), verb)(x=[1, 2])


def test_whole_sweeps_are_mapped_over_what_the_rows_do_not_have(run: Run) -> None:
    with DAG("a_dag", start_date=pendulum.datetime(2026, 1, 1), schedule=None):
        fields = {"parameters": ROWS, "python": sys.executable, "poke_interval": 0.1}
        mapped = task.kubeque(**fields)(scaled).expand(by=[2, 3]).operator
    one = mapped.unmap((lambda kwargs: kwargs)({"op_kwargs": {"by": 3}, "task_id": "scaled"}))
    assert one.task_id == "scaled"
    assert values(run.execute(one), "out.scaled") == [3.0, 6.0]


@pytest.mark.timeout(300)
@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_a_type_checker_knows_the_decorator(tmp_path: Path) -> None:
    (tmp_path / "a_dag.py").write_text(
        "from kubeque_provider.decorators.kubeque import kubeque_task\n"
        "@kubeque_task(parameters='p.csv', memory='1Gi', retries=2)\n"
        "def render(zoom: float, depth: int) -> dict[str, int]:\n"
        "    return {'depth': depth}\n"
        "render(depth=3)\n"
        "render.override(memory='2Gi')()\n"
        "@kubeque_task(consumers='ten')\n"
        "def bad(zoom: float) -> int:\n"
        "    return 1\n"
    )
    done = subprocess.run(
        # With the options of `make lint`, whose cache makes this ten times faster.
        [sys.executable, "-m", "mypy", str(tmp_path / "a_dag.py")],
        cwd=ROOT, text=True, capture_output=True, timeout=280,
    )  # fmt: skip
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert errors
    assert all("a_dag.py:7: error" in line for line in errors), done.stdout


def test_airflow_shows_the_call_and_not_the_source() -> None:
    operator = made(scaled, by=3)
    assert "command" not in operator.template_fields
    assert json.loads(json.dumps(operator.op_kwargs)) == {"by": 3}
