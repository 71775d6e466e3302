"""Separate backends for each test: a real queue and a real folder. Consumers run only if a test starts them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.jobs.backends import Backends
from kubeque.model.config.config import Config
from tests.jobs.sweeps import make_backends
from tests.servers.browser import Browser
from tests.servers.here import or_skip


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    home = tmp_path / "home"
    with Client(Config.load(start=tmp_path, home=tmp_path, environ={"KUBEQUE_HOME": str(home)})) as client:
        yield client
        client.stop()


@pytest.fixture
def backends(tmp_path: Path) -> Iterator[Backends]:
    backends = make_backends(tmp_path)
    yield backends
    backends.close()


@pytest.fixture(scope="session")
def browser() -> Browser:
    with or_skip():
        return Browser.find()
