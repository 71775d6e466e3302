"""A Google Cloud Storage for the tests of jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.objects import BUCKET, GcsServer
from tests.servers.process import NotHere


@pytest.fixture(scope="module")
def gs() -> Iterator[str]:
    """Its address."""
    try:
        running = GcsServer()
    except NotHere as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    running.start()
    yield running.url
    running.stop()


@pytest.fixture
def bucket(gs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a place of the test's own in it."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gs)
    return f"gs://{BUCKET}/{tmp_path.name}"
