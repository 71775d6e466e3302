"""Plugins and fixtures of all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.flaky"]

# The `python3` of the tasks in tests is this interpreter, not a wrapper of a version manager, which starts slowly.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.base_prefix, "bin")), os.environ["PATH"]])

# Tests are not timed: a busy machine draws examples slowly.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _outside_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of an Airflow task, which an earlier test of this process may have run."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW_CTX_")]:
        monkeypatch.delenv(name)
