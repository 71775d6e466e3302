from __future__ import annotations

from pathlib import Path

import pytest

from kubeque.consumer.attempt.task_environment import task_environment
from kubeque.model.command.command import parse_word
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.rows import RowsSpec


def spec_of(*words: str, columns: tuple[str, ...] = (), **more: object) -> JobSpec:
    rows = RowsSpec(columns, 1, "table", "digest")
    return JobSpec(tuple(parse_word(word) for word in words), rows, **more)  # type: ignore[arg-type]


def environment(spec: JobSpec, inherited: dict[str, str] | None = None, **row: str) -> dict[str, str]:
    row["index"] = "3"
    told = {"job_name": "sweep", "index": 3, "attempt": 2, "out_path": Path("/o/out.json")}
    return task_environment(spec, row, **told, inherited=inherited or {})


def test_a_task_is_told_who_it_is_and_its_parameters():
    env = environment(spec_of("x", columns=("zoom", "x-scale", "größe")), zoom="0.5", **{"x-scale": "1", "größe": "L"})

    assert env == {
        "PYTHONUNBUFFERED": "1",
        "KUBEQUE_JOB_ID": "sweep",
        "KUBEQUE_TASK_INDEX": "3",
        "KUBEQUE_ATTEMPT": "2",
        "KUBEQUE_OUT": "/o/out.json",
        "KUBEQUE_PARAM_ZOOM": "0.5",
        "KUBEQUE_PARAM_X_SCALE": "1",
        "KUBEQUE_PARAM_GR_SSE": "L",
    }


@pytest.mark.parametrize("value", ["", "0", "1"])
def test_python_writes_at_once_unless_the_submitter_sets_it_otherwise(value: str) -> None:
    assert environment(spec_of("x"), {"PYTHONUNBUFFERED": value})["PYTHONUNBUFFERED"] == value
    assert environment(spec_of("x", env={"PYTHONUNBUFFERED": value}))["PYTHONUNBUFFERED"] == value


def test_the_jobs_variables_win_over_the_machines_but_not_over_the_contract():
    spec = spec_of("x", env={"PATH": "/job", "KUBEQUE_TASK_INDEX": "99"})

    env = environment(spec, {"PATH": "/image"})

    assert (env["PATH"], env["KUBEQUE_TASK_INDEX"]) == ("/job", "3")
