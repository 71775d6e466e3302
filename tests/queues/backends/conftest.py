"""The tests of the backends themselves run on one emulator of Datastore in `make test` too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.queues.backend_kinds import KINDS, Opener, on

#: The emulator on which the tests run only in `make rotating`.
LEGACY = "datastore-legacy"


@pytest.fixture(params=[on(name, *[pytest.mark.rotating] * (name == LEGACY)) for name in KINDS])
def open_backend(request: pytest.FixtureRequest, server: Callable[[str], str], tmp_path: Path) -> Iterator[Opener]:
    """Function that opens a connection to one new backend. Each call opens a further connection."""
    with KINDS[request.param].fresh(server(request.param), tmp_path) as opener:
        yield opener
