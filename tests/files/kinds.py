"""The kinds of stores that the shared tests of `Files` run on. A new kind is one entry in KINDS."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubeque.files.store import Files, join
from tests.servers.objects import BUCKET, GcsServer, S3Server


@dataclass(frozen=True)
class Place:
    """An empty folder in a store."""

    files: Files
    #: Nothing is below it.
    url: str
    #: Nothing can be written below it: its bucket is not there, or a regular file is in the way.
    unwritable: str

    def at(self, *names: str) -> str:
        return join(self.url, *names)


#: Makes an empty place, given a folder of the test's own.
Maker = Callable[[Path], Place]


@dataclass(frozen=True)
class Kind:
    """One kind of store."""

    #: Entered once per pytest process. Raises NotHere where this machine does not have the server.
    open: Callable[[], AbstractContextManager[Maker]]
    has_server: bool = False


@contextmanager
def folder() -> Iterator[Maker]:
    def make(tmp_path: Path) -> Place:
        (tmp_path / "file").write_bytes(b"")
        return Place(Files(), str(tmp_path / "store"), str(tmp_path / "file" / "store"))

    yield make


@contextmanager
def file_url() -> Iterator[Maker]:
    def make(tmp_path: Path) -> Place:
        (tmp_path / "file").write_bytes(b"")
        return Place(Files(), f"file://{tmp_path}/store", f"file://{tmp_path}/file/store")

    yield make


@contextmanager
def memory() -> Iterator[Maker]:
    def make(tmp_path: Path) -> Place:
        files = Files()
        files.write("memory://files/regular", b"")
        return Place(files, f"memory://{secrets.token_hex(8)}/store", "memory://files/regular/store")

    yield make


@contextmanager
def gs() -> Iterator[Maker]:
    server = GcsServer()
    server.start()
    yield _buckets("gs", Files({"gs": server.options}))
    server.stop()


@contextmanager
def s3() -> Iterator[Maker]:
    server = S3Server()
    server.start()
    yield _buckets("s3", Files({"s3": server.options}))
    server.stop()


def _buckets(scheme: str, files: Files) -> Maker:
    return lambda tmp_path: Place(files, f"{scheme}://{BUCKET}/{secrets.token_hex(8)}", f"{scheme}://no-such-bucket/a")


KINDS = {
    "folder": Kind(folder),
    "file_url": Kind(file_url),
    "memory": Kind(memory),
    "gs": Kind(gs, has_server=True),
    "s3": Kind(s3, has_server=True),
}
