"""Any value that a DAG gives to an operator is accepted, or is refused with a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeque.client import Client
from kubeque.model.errors import UserError
from kubeque.model.sweep.options import BY_NAME, OPTIONS
from kubeque.model.sweep.sweep import Sweep
from kubeque_provider.arguments import READERS, check_arguments, own_arguments
from kubeque_provider.decorators.function import KubequeFunctionOperator
from kubeque_provider.exceptions import BadSweep, permanent
from kubeque_provider.operators.cluster import KubequeStartClusterOperator, KubequeStopClusterOperator
from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.kill import KubequeKillOperator
from kubeque_provider.operators.remove import KubequeRemoveOperator
from kubeque_provider.operators.reset import KubequeResetOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from tests.any_values import ANY, BY_OPTION, some
from tests.provider.conftest import Run

OPERATORS = {
    KubequeSubmitOperator: {"command": ["/bin/true"]},
    KubequeFunctionOperator: {"python_callable": lambda: None},
    KubequeFetchOperator: {"job_id": "a", "dest": "out"},
    KubequeCollectOperator: {"job_id": "a", "dest": "t.csv"},
    KubequeResetOperator: {"job_id": "a"},
    KubequeKillOperator: {"job_id": "a"},
    KubequeRemoveOperator: {"job_id": "a"},
    KubequeJobSensor: {"job_id": "a"},
    KubequeStartClusterOperator: {},
    KubequeStopClusterOperator: {},
}
#: Arguments that Airflow checks, or that another check reads.
OTHERS = {"python_callable", "task_id", "op_args", "op_kwargs", "trigger_rule"}
SWEEP = [option.name for option in OPTIONS if option.operator]
quickly = settings(
    max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def check_line(error: Exception) -> None:
    assert len(str(error)) < 1200


@pytest.mark.parametrize("operator", OPERATORS)
def test_each_argument_has_a_type_that_is_checked(operator: type) -> None:
    annotations = own_arguments(operator)
    assert {kind for text in annotations.values() for kind in text.split(" | ")} - {"None"} <= READERS.keys()
    check_arguments(operator(task_id="t", **OPERATORS[operator]))


@quickly
@given(some(SWEEP, BY_OPTION))
def test_the_options_of_a_sweep(values: dict[str, Any]) -> None:
    try:
        with permanent():
            operator = KubequeSubmitOperator(task_id="t", command=["/bin/true"], **values)
            check_arguments(operator)
            assert isinstance(operator._sweep("name", "").check(), Sweep)
    except BadSweep as error:
        check_line(error)


@quickly
@given(st.data())
def test_the_arguments_of_each_operator(data: st.DataObject) -> None:
    operator = data.draw(st.sampled_from(list(OPERATORS)))
    airflow = {"poke_interval"} if operator is KubequeJobSensor else set()
    names = sorted(own_arguments(operator).keys() - OTHERS - airflow)
    values = data.draw(some(names, {}))
    try:
        check_arguments(operator(task_id="t", **{**OPERATORS[operator], **values}))
    except (UserError, BadSweep) as error:
        check_line(error)


@quickly
@given(value=ANY)
@pytest.mark.parametrize("name", ["dest", "indexes", "state", "glob", "force"])
def test_the_arguments_of_a_fetch_reach_the_engine(name: str, value: Any) -> None:
    def fetch() -> None:
        operator = KubequeFetchOperator(task_id="t", **{"job_id": "nobody", "dest": "out", name: value})
        operator.execute(Run().context("t", 1))

    with pytest.raises(BadSweep):
        fetch()


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_unknown_argument_is_named_with_the_nearest(operator: type) -> None:
    with pytest.raises(BadSweep, match=f"{operator.__name__} has no argument 'kubeque_con_id': did you mean 'kubeque_"):
        operator(task_id="t", kubeque_con_id="x", **OPERATORS[operator])


def test_an_old_name_of_an_argument_is_named() -> None:
    with pytest.raises(BadSweep, match="no argument 'consumer': did you mean 'consumers'"):
        KubequeSubmitOperator(task_id="t", command=["/bin/true"], consumer=3)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"wait": "yes"}, "wait 'yes': write true or false"),
        ({"poke_interval": "5"}, "poke_interval '5': write a number of seconds"),
        ({"orphan_after": "12h"}, "orphan_after '12h'"),
        ({"orphan_after": False}, "orphan_after False"),
        ({"on_clear": "some"}, "on_clear 'some': use one of auto"),
        ({"priority": "5"}, "priority '5': write a whole number"),
        ({"env": {"A": None}}, "env 'A': a value of type NoneType"),
        ({"results": "*.png"}, "results '*.png': write a list of texts"),
        ({"job_id": ".x"}, "begins with a dot"),
        ({"missing": 0}, "missing 0: write a text"),
        ({"columns": "a"}, "columns 'a': write a list of texts"),
        ({"parameters": [(1, 2)]}, "If rows are lists or tuples, add columns=['a', 'b']"),
        ({"parameters": "[{'a': 1}]"}, "is a rendered value, not the path of a CSV file"),
        ({"command": ["echo", None]}, "command[1] None"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_submitted(run: Run, values: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSweep) as caught:
        run.execute(KubequeSubmitOperator(task_id="t", **{"command": ["/bin/true"], **values}))
    assert told in str(caught.value)
    with Client() as client:
        assert client.jobs() == []


def test_rows_may_be_tuples_as_sql_operators_return_them(run: Run, tmp_path: Path) -> None:
    operator = KubequeSubmitOperator(
        task_id="t", command=["/bin/echo", "{a}", "{b}"], parameters=[(1, "x"), (2, None)], columns=["a", "b"],
        missing="", env={"N": 4}, wait=True, poke_interval=0.1,
    )  # fmt: skip
    assert run.execute(operator)["counts"]["ok"] == 2


@pytest.mark.parametrize("name", SWEEP)
def test_the_error_for_a_wrong_value_has_the_name_of_the_operators_argument(name: str) -> None:
    messages, option = [], BY_NAME[name]
    for value in (-1, 10**12, "x y", [object()], {"a": object()}, object()):
        try:
            with permanent():
                check_arguments(KubequeSubmitOperator(task_id="t", command=["/bin/true"], **{name: value}))
                if option.pod or option.sweep_field:
                    Sweep(["true"], **{"pod": {name: value}} if option.pod else {option.sweep_field: value}).check()
        except (BadSweep, UserError) as error:
            messages.append(str(error))
    assert messages
    for message in messages:
        assert name in message
        assert "--" not in message
