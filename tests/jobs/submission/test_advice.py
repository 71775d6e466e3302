"""Notes about a sweep before its submission."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeque.jobs.submission.advice import submission_notes
from kubeque.model.config.config import Config
from kubeque.model.rows.grid import grid
from kubeque.model.sweep.sweep import Sweep

GI = 1 << 30


@pytest.mark.parametrize(
    ("options", "defaults", "missing"),
    [
        ({}, {}, "set --cpu and --memory"),
        ({"memory": "1Gi"}, {}, "set --cpu"),
        ({}, {"default_resource_cpu": 0.5}, "set --memory"),
        ({"cpu": 1}, {"default_resource_memory": GI}, ""),
        ({}, {"default_resource_cpu": 0.5, "default_resource_memory": GI}, ""),
    ],
)
def test_kueue_counts_the_defaults_of_the_configuration(
    tmp_path: Path, options: dict[str, Any], defaults: dict[str, Any], missing: str
) -> None:
    config = replace(Config.load(start=tmp_path, home=tmp_path, environ={}), **defaults)
    sweep = Sweep(["true"], base=tmp_path, pod={"kueue_queue": "team"}, **options)

    notes = submission_notes(sweep, config)

    assert notes == ([f"Kueue counts only the resources that a pod requests: {missing}"] if missing else [])


def test_a_column_in_the_name_of_a_pushed_file_is_no_placeholder(tmp_path: Path) -> None:
    config = Config.load(start=tmp_path, home=tmp_path, environ={})
    sweep = Sweep(["cat", "{a}"], base=tmp_path, rows=grid(a=[1, 2]), push=["x.txt:{a}", "{b}:y", "s3://b/{a}"])

    assert submission_notes(sweep, config) == [
        f"--push '{push}' is the same for all rows: {{a}} is a part of the file's name, not a value of the row"
        for push in ("x.txt:{a}", "s3://b/{a}")
    ]
