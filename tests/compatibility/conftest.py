"""A copy of each data set for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compatibility.placing import VERSIONS, Placed, placed


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Placed]:
    """Yield a copy of the data of an old version; its consumers end with the test."""
    found = placed(request.param, tmp_path / "old", same_boot=True)
    yield found
    with found.client() as client:
        client.stop()
