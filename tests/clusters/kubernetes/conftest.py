"""An API server that answers with the objects of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubeque.clusters.kubernetes.api import Address, KubernetesApi
from tests.servers.api_server import ApiServer


@pytest.fixture(scope="module")
def server_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    made = ApiServer(tmp_path_factory.mktemp("api-server"), "a-token")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def server(server_of_module: ApiServer) -> ApiServer:
    """The API server without objects."""
    server_of_module.objects, server_of_module.calls, server_of_module.unreadable = {}, [], ()
    return server_of_module


@pytest.fixture
def api(server: ApiServer) -> KubernetesApi:
    address = Address(f"https://{server.endpoint}", server.certificate.read_bytes(), lambda: server.token)
    return KubernetesApi.at(lambda: address, context="", namespace="default")
