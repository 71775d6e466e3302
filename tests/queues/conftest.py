"""Every test that requests `backend`, `open_backend` or `queue` runs on every kind of backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kubeque.queues.backends.backend import Backend
from kubeque.queues.queue import Queue
from tests.queues.backend_kinds import KINDS, Opener, on
from tests.queues.unreliable import Unreliable
from tests.servers.here import or_skip


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[str], str]]:
    """Address of a backend's server. The server starts when first needed. If there is none, the test is skipped."""
    addresses: dict[str, str] = {}
    with ExitStack() as running:

        def address(name: str) -> str:
            with or_skip():
                if name not in addresses:
                    addresses[name] = running.enter_context(KINDS[name].server())
            return addresses[name]

        yield address


#: Both emulators of Datastore together take longer than all other kinds. `make test` runs only the tests of the
#: backends on one of them (tests/queues/backends/conftest.py).
DATASTORE = ("datastore-legacy", "datastore-firestore")


@pytest.fixture(params=[on(name, *[pytest.mark.rotating] * (name in DATASTORE)) for name in KINDS])
def open_backend(request: pytest.FixtureRequest, server: Callable[[str], str], tmp_path: Path) -> Iterator[Opener]:
    """Function that opens a connection to one new backend. Each call opens a further connection."""
    with KINDS[request.param].fresh(server(request.param), tmp_path) as opener:
        yield opener


@pytest.fixture
def backend(open_backend: Opener) -> Backend:
    """A new backend."""
    return open_backend()


@pytest.fixture
def queue(backend: Backend) -> Queue:
    """A queue on a new backend. It does not wait between attempts."""
    return Queue(backend, sleep=lambda seconds: None)


@pytest.fixture
def flaky(backend: Backend) -> Unreliable:
    """A new backend that fails by plan."""
    return Unreliable(backend)


@pytest.fixture
def flaky_queue(flaky: Unreliable) -> Queue:
    """A queue on the backend that fails by plan. It does not wait between attempts."""
    return Queue(flaky, sleep=lambda seconds: None)
