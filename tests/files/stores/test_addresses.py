"""A newly opened store uses the current address and login from the environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubeque.files.store import Files
from tests.servers.faults import TcpProxy
from tests.servers.here import running
from tests.servers.objects import BUCKET, GcsServer, S3Server

KINDS = [pytest.param(name, marks=[pytest.mark.xdist_group(name), pytest.mark.server(name)]) for name in ("gs", "s3")]
LOGIN = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "word", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """The scheme and the port of a store."""
    with running({"gs": GcsServer, "s3": S3Server}[request.param]) as server:
        yield request.param, server.port


def test_each_store_of_a_process_uses_the_environment_of_its_own_time(
    store: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme, port = store
    for name, value in LOGIN.items():
        monkeypatch.setenv(name, value)
    url = f"{scheme}://{BUCKET}/name"
    with TcpProxy(port) as first, TcpProxy(port) as second:
        for line in (first, second):
            for name in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{line.port}")
            Files().write(url, b"content")
    assert first.requests
    assert second.requests
