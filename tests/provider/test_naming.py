"""The names of jobs, and the pointer in XCom."""

from __future__ import annotations

import pytest

from kubeque.model.errors import UserError
from kubeque.model.sweep.job_name import check_name
from kubeque_provider.naming import make_job_id, make_job_ids, make_pointer, make_series, resolve_job

WHO = ("https://airflow.example", "a_dag", "manual__2026-01-01T00:00:00+00:00", "submit", -1)


def test_the_name_is_the_same_for_every_try() -> None:
    assert make_job_id(*WHO) == make_job_id(*WHO)
    assert make_job_id(*WHO).startswith("a_dag-submit-manual__2026-01-01T00-00-00-")


def test_40_characters_are_readable_and_the_name_of_earlier_versions_comes_first() -> None:
    key = ("https://airflow.example", "d" * 90, "manual__2026-01-01", "submit")
    before, name = make_job_ids(*key)
    assert (name, name[41:]) == (make_job_id(*key), before[88:])
    assert name[:41] == "d" * 40 + "-"
    assert before[:88] == "d" * 87 + "-"


@pytest.mark.parametrize("place", range(5))
def test_another_deployment_dag_run_task_or_map_index_has_another_name(place: int) -> None:
    other = [*WHO]
    other[place] = 3 if place == 4 else f"{WHO[place]}x"
    assert make_job_id(*other) != make_job_id(*WHO)  # type: ignore[arg-type]


def test_parts_that_run_together_do_not_make_one_name_of_two() -> None:
    assert make_job_id("", "a-b", "c", "d") != make_job_id("", "a", "c", "b-d")


@pytest.mark.parametrize("text", ["x" * 250, "../../etc", "a/b\\c d\n", "ü" * 90, "."])
def test_whatever_airflow_calls_things_the_name_is_a_name_of_at_most_53_characters(text: str) -> None:
    name = make_job_id(text, text, text, text, 12)
    assert check_name(name) == name
    assert len(name) <= 53
    assert name.isascii()


def test_a_job_is_given_by_its_name_or_by_a_pointer() -> None:
    there = make_pointer("j", "kubeque_far", "/results/j", {"ok": 1})
    assert resolve_job("j", None) == ("j", "kubeque_default")
    assert resolve_job(there, None) == ("j", "kubeque_far")
    assert resolve_job(there, "kubeque_near") == ("j", "kubeque_near")


@pytest.mark.parametrize("bad", ["", {}, {"job_id": None}, 7])
def test_what_is_no_job_is_refused(bad: object) -> None:
    with pytest.raises(UserError, match="is not a job"):
        resolve_job(bad, None)  # type: ignore[arg-type]


def test_an_airflow_task_upstream_that_returned_nothing_is_named_as_the_cause() -> None:
    with pytest.raises(UserError, match="job_id is None: the Airflow task upstream returned no job"):
        resolve_job(None, None)  # type: ignore[arg-type]


def test_a_series_is_one_for_all_runs_of_an_airflow_task_and_another_for_any_other() -> None:
    who = ("https://airflow.example", "a_dag", "submit")
    others = [("https://other", "a_dag", "submit"), ("https://airflow.example", "a", "submit"), (*who[:2], "wait")]
    assert len({make_series(*who), *(make_series(*other) for other in others)}) == 4
    assert make_series(*who).startswith("a_dag/submit-")
