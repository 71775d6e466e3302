"""A template that inserts None: an error before anything is submitted, with the field and the remedy."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from kubeque.client import Client
from kubeque_provider.decorators.kubeque import kubeque_task
from kubeque_provider.exceptions import BadSweep
from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from tests.provider.conftest import Run

NONE = "{{ params.get('day') }}"


def submission(**fields: Any) -> KubequeSubmitOperator:
    return KubequeSubmitOperator(
        **{
            "task_id": "submit",
            "command": ["/bin/echo", "{x}"],
            "parameters": [{"x": 1}],
            "poke_interval": 0.1,
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("command", ["/bin/echo", NONE]), ("command", ["/bin/echo", f"{{x}}-{NONE}.csv"]), ("env", {"DAY": NONE}),
        ("parameters", f"/data/{NONE}.csv"), ("push", [f"/data/{NONE}"]), ("results_ttl", NONE), ("job_id", NONE),
        ("command", ["/bin/echo", "{% for n in [None] %}{{ n }}{% endfor %}"]),
    ],
)  # fmt: skip
def test_none_in_a_submission_is_an_error_with_field_and_remedy(run: Run, field: str, value: Any) -> None:
    with pytest.raises(BadSweep) as error:
        run.execute(submission(**{field: value}), params={})
    assert str(error.value).startswith(f"{field}: an expression in ")
    assert "write {{ ... or '' }} for an empty text, or {{ ... | string }} for the text 'None'" in str(error.value)
    assert "\U000f1a0e" not in str(error.value)
    with Client() as client:
        assert list(client.jobs()) == []


def test_none_in_a_rendered_row_is_an_error(run: Run) -> None:
    with pytest.raises(BadSweep, match=r"parameters: an expression in .*params"):
        run.execute(submission(parameters=[{"x": NONE}], render_rows=True), params={})


@pytest.mark.parametrize("kind", [KubequeFetchOperator, KubequeCollectOperator])
def test_none_in_a_dest_is_an_error(run: Run, kind: Any) -> None:
    with pytest.raises(BadSweep, match=r"^dest: an expression in "):
        run.execute(kind(task_id="read", job_id="a", dest=f"/data/{NONE}.csv"), params={})


@pytest.mark.parametrize(
    "word",
    [
        "None", "{{ 'None' }}", "{{ params.get('day') | string }}", "{{ params.get('day') or '' }}",
        "{{ params.get('day', 'x') }}", "{% if params.get('day') is none %}a{% endif %}", "{% set a = None %}b",
    ],
)  # fmt: skip
def test_other_values_are_passed_on(run: Run, word: str) -> None:
    pointer = run.execute(submission(command=["/bin/echo", "{x}", word]), params={})
    assert pointer["counts"]["ok"] == 1


def test_none_in_the_call_of_a_function_is_an_error(run: Run) -> None:
    @kubeque_task(parameters=[{"x": 1}])
    def render(x: int, day: str) -> str:
        return day

    with DAG("none_in_a_call", start_date=datetime(2026, 1, 1), schedule=None):
        operator = render(day=NONE).operator  # type: ignore[call-arg]
    with pytest.raises(BadSweep, match=r"^an argument of the call: an expression in "):
        run.execute(operator, params={})


def test_none_of_a_native_template_is_an_argument_that_was_not_given(run: Run) -> None:
    with DAG("none_native", start_date=datetime(2026, 1, 1), schedule=None, render_template_as_native_obj=True):
        operator = submission(results_ttl=NONE)
    assert run.execute(operator, params={})["counts"]["ok"] == 1
