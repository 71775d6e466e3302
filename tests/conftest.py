"""Plugins and fixtures of all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.flaky"]

# Tests are not timed: a busy machine draws examples slowly.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _outside_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of an Airflow task, which an earlier test of this process may have run."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW_CTX_")]:
        monkeypatch.delenv(name)
