"""The page of sweeps on Airflow 3 with an auth manager that lets a user see only one of two DAGs."""

from __future__ import annotations

import pytest

from kubeque.jobs.backends import Backends
from kubeque_provider.airflow_versions import AIRFLOW_2
from tests.provider.test_page import HOSTILE, a_sweep, api, backends  # noqa: F401

pytestmark = pytest.mark.skipif(AIRFLOW_2, reason="Airflow 2 has roles of its own, see test_page.py")


def test_a_person_sees_the_sweeps_of_their_dags_alone(
    backends: Backends,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given sweeps of two DAGs, and a person with access to one of them
    a_sweep(backends, "a", "anna")
    a_sweep(backends, "b", "ben")
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.provider.auth_manager.OwnDags")
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", f"{backends.config.home}/passwords.json")
    backends.config.home.mkdir(exist_ok=True)
    anna = api("VIEWER", "anna")

    # When she looks, then there is that one
    found = anna.get("/kubeque/data/jobs").json()
    assert ([sweep["name"] for sweep in found["sweeps"]], found["total"]) == (["a"], 1)
    assert anna.get("/kubeque/data/job?job=a").json()["counts"]["failed"] == 4

    # And each request about the other one is answered as if it did not exist
    missing = anna.get("/kubeque/data/job?job=nowhere")
    assert missing.status_code == 404
    for what in ("job", "marks", "failures", "table", "task", "log"):
        answered = anna.get(f"/kubeque/data/{what}?job=b&index=0")
        assert (answered.status_code, answered.json()) == (404, missing.json())
    hidden = anna.get("/kubeque/timeline?job=b")
    assert (hidden.status_code, HOSTILE in hidden.text, "ben" in hidden.text) == (404, False, False)

    # And the output of tasks requires permission to read logs
    assert anna.get("/kubeque/data/log?job=a&index=0").status_code == 403
    assert api("OP", "anna").get("/kubeque/data/log?job=a&index=0").status_code == 200
    assert api("OP", "ben").get("/kubeque/data/log?job=a&index=0").status_code == 404
