"""An emulator of Google Cloud Storage for the tests of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.here import running
from tests.servers.objects import BUCKET, GcsServer


@pytest.fixture(scope="module")
def gs() -> Iterator[str]:
    """Its address."""
    with running(GcsServer) as server:
        yield server.url


@pytest.fixture
def bucket(gs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a folder for one test in the emulator."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gs)
    return f"gs://{BUCKET}/{tmp_path.name}"
