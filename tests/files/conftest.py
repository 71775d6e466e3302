"""Every test that uses `place` runs on every kind of store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.files.kinds import KINDS, Kind, Maker, Place
from tests.servers.here import or_skip


def _param(name: str, kind: Kind) -> object:
    """Tests of one server stay on one xdist worker, so that it is started once."""
    marks = [pytest.mark.xdist_group(name), pytest.mark.server(name)] if kind.has_server else []
    return pytest.param(name, marks=marks)


@pytest.fixture(scope="session")
def maker() -> Iterator[Callable[[str], Maker]]:
    """Opens a kind of store when it is first asked for."""
    makers: dict[str, Maker] = {}
    with ExitStack() as running:

        def of(name: str) -> Maker:
            if name not in makers:
                makers[name] = running.enter_context(KINDS[name].open())
            return makers[name]

        yield of


@pytest.fixture(params=[_param(name, kind) for name, kind in KINDS.items()])
def place(request: pytest.FixtureRequest, maker: Callable[[str], Maker], tmp_path: Path) -> Place:
    """An empty place in one store after the other."""
    with or_skip():
        return maker(request.param)(tmp_path)
