"""Traffic to a store: the number of requests, and the result of a transfer whose connection breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kubeque.files.batches import SMALL_BYTES
from kubeque.files.inputs.digest_cache import DigestCache
from kubeque.files.inputs.inputs import Staging, find_inputs, push
from kubeque.files.sha256 import sha256_file
from kubeque.files.store import Files
from tests.servers.faults import TcpProxy
from tests.servers.here import or_skip
from tests.servers.objects import BUCKET, GcsServer, S3Server
from tests.servers.process import free_port

MIB = 1 << 20
MANY = 1_000


@dataclass(frozen=True)
class Wire:
    """A store that is reached over a line of ours."""

    line: TcpProxy
    files: Files
    #: An empty place there.
    url: str

    def sent(self) -> int:
        """Objects that were sent so far, or begun: a PUT to S3, a POST of an upload to Google."""
        return sum(request.startswith((b"PUT ", b"POST /upload/")) for request in self.line.requests)


KINDS = [pytest.param(name, marks=[pytest.mark.xdist_group(name), pytest.mark.server(name)]) for name in ("gs", "s3")]


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[Wire]:
    with or_skip(), _running(request.param) as wire:
        yield wire


@pytest.fixture
def wire(store: Wire, tmp_path: Path) -> Wire:
    return replace(store, url=f"{store.url}/{tmp_path.name}")


@contextmanager
def _running(scheme: str) -> Iterator[Wire]:
    port = free_port()
    with TcpProxy(port) as line:
        server = GcsServer(port, public_port=line.port) if scheme == "gs" else S3Server(port)
        server.start()
        files = Files({scheme: {**server.options, "endpoint_url": f"http://127.0.0.1:{line.port}"}})
        yield Wire(line, files, f"{scheme}://{BUCKET}")
        server.stop()


@pytest.mark.rotating
def test_of_many_files_of_which_ten_changed_ten_are_sent(wire: Wire, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(MANY):
        (data / f"{number}.txt").write_text(f"file {number}")
    assert _send(wire, data) == MANY
    # When it is submitted again, and once more after ten have changed
    asked = len(wire.line.requests)
    assert _send(wire, data) == 0
    for number in range(0, MANY, MANY // 10):
        (data / f"{number}.txt").write_text(f"another text {number}")
    assert _send(wire, data) == 10
    # Then the store listed its files, without a request for each file
    assert len(wire.line.requests) - asked < MANY // 5


def _send(wire: Wire, data: Path) -> int:
    """How many objects a submission with this folder sends."""
    before, staging = wire.sent(), _found(wire, data)
    push(staging, wire.url, wire.files)
    return wire.sent() - before


def _found(wire: Wire, data: Path) -> Staging:
    digests = DigestCache(data.parent / "digests.db")
    return find_inputs([], [f"{data}:in"], [], base=data.parent, cas_prefix=wire.url, digests=digests, files=wire.files)


def test_a_transfer_outlives_a_line_that_breaks(wire: Wire, tmp_path: Path) -> None:
    big, back, moved = tmp_path / "big", tmp_path / "back", [0, 0]
    big.write_bytes(os.urandom(20 * MIB))
    digest = sha256_file(big)

    def count(way: int, size: int) -> None:
        moved[way] += size

    wire.line.break_after = 12 * MIB
    wire.files.upload(big, f"{wire.url}/big", digest=digest, progress=lambda size: count(0, size))
    assert wire.line.break_after is None  # it did break
    wire.line.break_after = 12 * MIB
    wire.files.download(f"{wire.url}/big", back, digest=digest, progress=lambda size: count(1, size))
    assert wire.line.break_after is None
    assert sha256_file(back) == digest
    assert moved == [20 * MIB, 20 * MIB]  # what went twice is not counted twice


def test_what_had_arrived_before_the_line_broke_is_not_sent_again(wire: Wire, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(40):
        (data / f"{number}.bin").write_bytes(bytes([number]) * (SMALL_BYTES + 1))
    staging = _found(wire, data)
    with pytest.raises(KeyboardInterrupt):  # as Ctrl-C has it
        push(staging, wire.url, wire.files, progress=_interrupt)
    there = len(list(wire.files.listing(wire.url)))
    assert 0 < there < 40
    assert _send(wire, data) == 40 - there


def _interrupt(_: object) -> None:
    raise KeyboardInterrupt
