"""Servers that this machine may not have: with CI=true that fails the tests that need them, elsewhere it skips them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import pytest

from tests.servers.process import NotHere


class Server(Protocol):
    """A server that is started once and stopped in the end."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


Made = TypeVar("Made", bound=Server)


@contextmanager
def or_skip() -> Iterator[None]:
    """Skips the test, and says why, where a server is not here; with CI=true NotHere goes through."""
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
