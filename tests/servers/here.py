"""Servers that this machine might not have. With CI=true, a missing server fails its tests. Otherwise it skips them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import pytest

from tests.servers.process import NotHere


class Server(Protocol):
    """A server that is started once and stopped at the end."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


Made = TypeVar("Made", bound=Server)


@contextmanager
def or_skip() -> Iterator[None]:
    """Skip the test, with a reason, if a server is missing. With CI=true, let NotHere pass."""
    try:
        yield
    except NotHere as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


@contextmanager
def running(make: Callable[[], Made]) -> Iterator[Made]:
    """A server of one's own, which runs inside the block, or `or_skip`."""
    with or_skip():
        server = make()
    try:
        server.start()
        yield server
    finally:
        server.stop()
