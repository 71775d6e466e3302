"""Long lists of rows in a DAG file: the time to parse them, and what Airflow still finds in them."""

from __future__ import annotations

import gc
import time
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from kubeque_provider.exceptions import BadSweep
from kubeque_provider.operators.submit import KubequeSubmitOperator
from tests.provider.conftest import Run

OPERATORS = 20
#: Maximum CPU seconds for parsing OPERATORS sweeps, in addition to the time for other operators.
CPU_SECONDS = 0.3


class Plain(BaseOperator):
    template_fields = ("command",)

    def __init__(self, *, command: Any, parameters: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.command = command
        self.parameters = parameters


def rows(count: int) -> list[dict[str, Any]]:
    return [{"x": n, "lr": n / 2, "name": f"row {n}"} for n in range(count)]


def make_dag(kind: Any, parameters: list[dict[str, Any]]) -> Any:
    with DAG("parsed", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
        for n in range(OPERATORS):
            kind(task_id=f"sweep_{n}", command=["/bin/echo", "{x}", "{{ ds }}"], parameters=parameters)
    return dag


def serialize(dag: Any) -> Any:
    from airflow.serialization import serialized_objects

    # The class has this name from Airflow 3.2 on.
    kind: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    return kind.to_dict(dag)


def cpu_seconds(kind: Any, parameters: list[dict[str, Any]]) -> float:
    """Return the least of three measurements, without the garbage collection of the other tests' objects."""
    gc.disable()
    try:
        spent = []
        for _ in range(3):
            began = time.thread_time()
            serialize(make_dag(kind, parameters))
            spent.append(time.thread_time() - began)
        return min(spent)
    finally:
        gc.enable()


def test_sweeps_with_long_rows_are_parsed_nearly_as_fast_as_other_operators() -> None:
    make_dag(KubequeSubmitOperator, rows(10))  # modules are imported once
    for count in (10, 100_000):
        parameters = rows(count)
        others = cpu_seconds(Plain, parameters)
        assert cpu_seconds(KubequeSubmitOperator, parameters) - others < CPU_SECONDS


@pytest.mark.parametrize("long", [101, 5000])
def test_outputs_and_templates_in_long_rows_are_found(run: Run, long: int) -> None:
    with DAG("a_dag", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
        before = Plain(task_id="before", command=[], parameters=[])
        given = [*rows(long), {"x": before.output, "lr": 1, "name": ""}]
        operator = KubequeSubmitOperator(task_id="sweep", command=["/bin/echo", "{x}"], parameters=given)
        given[-1]["x"] = "{{ ds }}"
        rendered = KubequeSubmitOperator(
            task_id="rendered", command=["/bin/echo", "{x}"], parameters=given, render_rows=True
        )
    assert operator.upstream_task_ids == {"before"}
    assert "parameters" in rendered.template_fields
    late = KubequeSubmitOperator(task_id="late", command=["true"], parameters=[*rows(2000), given[-1]])
    with pytest.raises(BadSweep, match=r"row 2000, column 'x' holds '\{\{ ds \}\}': set render_rows=True"):
        run.execute(late, ds="today")


def test_long_rows_are_submitted_and_are_not_written_into_the_serialized_dag(run: Run) -> None:
    operator = KubequeSubmitOperator(task_id="sweep", command=["true"], parameters=rows(101), wait=False)
    assert sum(run.execute(operator)["counts"].values()) == 101
    assert "row 50" not in str(serialize(make_dag(KubequeSubmitOperator, rows(101))))
