"""A machine without a slot."""

from __future__ import annotations

import pytest

from tests.consumer.rules.machine import JOB, Machine


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    machine.list_jobs(JOB)
    return machine
