"""The records of a destination about each task, also if a later version of kubeque has written them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubeque.jobs.results.destination import FetchedTask, Owner
from kubeque.model.job.job import Job

ONE = FetchedTask("gs://b/tasks/3/1-a", ("*.csv",), {"a.csv": 5})


@pytest.mark.parametrize("more", [[], ["added"], [{"key": 1}, None], [{"not_kept": "x"}]])
def test_a_line_is_read_back_whatever_fields_were_added(more: list[Any]) -> None:
    line = json.dumps([*json.loads(ONE.to_line(3)), *more])
    assert FetchedTask.from_line(line, int) == (3, ONE)


@pytest.mark.parametrize(
    "line", ["", "[", "[3]", "{}", "null", '[3, "u", ["*.csv"], null]', '[3, "u", [], {"a": "x"}]', '[3, "u", 1, {}]']
)
def test_a_line_that_was_cut_off_is_left_out(line: str) -> None:
    assert FetchedTask.from_line(line, int) is None


@pytest.mark.parametrize(
    ("before", "merged"),
    [
        (None, ONE),
        (FetchedTask("another attempt", (), {"b": 1}), ONE),
        (FetchedTask(ONE.url, ("*.txt",), {"b": 1}), FetchedTask(ONE.url, ("*.csv", "*.txt"), {"a.csv": 5, "b": 1})),
        (FetchedTask(ONE.url, (), {"b.txt": 1}), FetchedTask(ONE.url, (), {"a.csv": 5, "b.txt": 1})),
    ],
)  # fmt: skip
def test_fetches_of_one_attempt_add_up(before: FetchedTask[int] | None, merged: FetchedTask[int]) -> None:
    assert ONE.merge(before) == merged


@pytest.mark.parametrize(
    ("globs", "covered"), [(("*.csv",), True), (("*.csv", "*.txt"), False), ((), False), (("a.csv",), False)]
)
def test_other_globs_than_those_of_the_fetch_are_not_covered(globs: tuple[str, ...], covered: bool) -> None:
    assert ONE.covers(ONE.url, globs) is covered
    assert FetchedTask(ONE.url).covers(ONE.url, globs)
    assert not ONE.covers("another attempt", ("*.csv",))


def test_the_owner_is_known_by_its_uid_whatever_keys_were_added() -> None:
    job = Job("job", "uid", 9, "gs://b/job/uid")
    owner = Owner.of(job)
    record = json.loads(owner.to_record())

    assert owner.is_named_by(record | {"version": 2})
    assert not owner.is_named_by(record | {"uid": "other"})
    assert not owner.is_named_by(["uid"])
    assert not Owner("job", "").is_named_by({"uid": ""})


def test_a_job_may_replace_the_results_of_an_earlier_run_of_its_airflow_task_and_of_the_job_it_replaced() -> None:
    def owner(**origin: str) -> Owner:
        return Owner.of(Job("job", str(origin), 9, "gs://b/job/uid", origin=origin))

    first = {"deployment": "a", "dag": "d", "run": "1", "task": "t", "map_index": "0"}
    record = json.loads(owner(**first).to_record())
    assert owner(**first | {"run": "2"}).may_replace(record)
    assert not owner(**first | {"map_index": "1"}).may_replace(record)
    assert not owner(**first | {"deployment": "b"}).may_replace(record)
    assert not owner().may_replace(json.loads(owner().to_record()))
    assert Owner("job", "new", replaces="old").may_replace({"job": "job", "uid": "old"})
    assert not Owner("job", "new").may_replace({"job": "job", "uid": ""})
