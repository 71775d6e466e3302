"""The names of jobs, and the pointer that goes through XCom."""

from __future__ import annotations

import pytest

from kubeque.model.errors import UserError
from kubeque.model.sweep.sweep import check_name
from kubeque_provider.naming import job_id_for, pointer, resolve, series_for

WHO = ("https://airflow.example", "a_dag", "manual__2026-01-01T00:00:00+00:00", "submit", -1)


def test_the_name_is_the_same_for_every_try() -> None:
    assert job_id_for(*WHO) == job_id_for(*WHO)
    assert job_id_for(*WHO).startswith("a_dag-submit-manual__2026-01-01T00-00-00")


@pytest.mark.parametrize("place", range(5))
def test_another_deployment_dag_run_task_or_map_index_has_another_name(place: int) -> None:
    other = [*WHO]
    other[place] = 3 if place == 4 else f"{WHO[place]}x"
    assert job_id_for(*other) != job_id_for(*WHO)  # type: ignore[arg-type]


def test_parts_that_run_together_do_not_make_one_name_of_two() -> None:
    assert job_id_for("", "a-b", "c", "d") != job_id_for("", "a", "c", "b-d")


@pytest.mark.parametrize("text", ["x" * 250, "../../etc", "a/b\\c d\n", "ü" * 90, "."])
def test_whatever_airflow_calls_things_the_name_is_a_name_of_at_most_100_characters(text: str) -> None:
    name = job_id_for(text, text, text, text, 12)
    assert check_name(name) == name
    assert len(name) <= 100
    assert name.isascii()


def test_a_job_is_given_by_its_name_or_by_a_pointer() -> None:
    there = pointer("j", "kubeque_far", "/results/j", {"ok": 1})
    assert resolve("j", None) == ("j", "kubeque_default")
    assert resolve(there, None) == ("j", "kubeque_far")
    assert resolve(there, "kubeque_near") == ("j", "kubeque_near")


@pytest.mark.parametrize("bad", [None, "", {}, {"job_id": None}, 7])
def test_what_is_no_job_is_refused(bad: object) -> None:
    with pytest.raises(UserError, match="is no job"):
        resolve(bad, None)  # type: ignore[arg-type]


def test_a_series_is_one_for_all_runs_of_an_airflow_task_and_another_for_any_other() -> None:
    who = ("https://airflow.example", "a_dag", "submit")
    others = [("https://other", "a_dag", "submit"), ("https://airflow.example", "a", "submit"), (*who[:2], "wait")]
    assert len({series_for(*who), *(series_for(*other) for other in others)}) == 4
    assert series_for(*who).startswith("a_dag/submit-")
