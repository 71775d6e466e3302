"""Notes about a sweep that depend on the configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeque.jobs.submission.advice import submission_notes
from kubeque.model.config.config import Config
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
