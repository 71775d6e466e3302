"""Sweeps whose store is a bucket: the real program against a Google Cloud Storage and an S3 on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.servers.objects import BUCKET, GcsServer, S3Server
from tests.servers.process import NotHere

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.xdist_group(name), pytest.mark.server(name)]) for name in ("gs", "s3")
    ],
)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, str]]]:
    """A store: its scheme, and the usual variables that lead to it."""
    try:
        running = GcsServer() if request.param == "gs" else S3Server()
    except NotHere as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    running.start()
    if request.param == "gs":
        yield "gs", {"STORAGE_EMULATOR_HOST": running.url}
    else:
        login = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "password", "AWS_DEFAULT_REGION": "us-east-1"}
        yield "s3", {"AWS_ENDPOINT_URL": running.url, **login}
    running.stop()


@pytest.fixture
def bucket(server: tuple[str, dict[str, str]], shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a folder of the test's own, which its `.kubeque` file names."""
    scheme, variables = server
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    url = f"{scheme}://{BUCKET}/{tmp_path.name}"
    shell.write(".kubeque", f"[config]\ndefault_url_prefix = {url}/results\ncas_url_prefix = {url}/cas\n")
    return url


def test_a_sweep_goes_through_a_bucket_and_comes_back(shell: Shell, bucket: str) -> None:
    shell.write("rows.csv", "x\n0\n1\n")
    command = ["python3", "^mandelbrot.py", "{x}", "0", "0.5"]
    ran = shell.run("sub", "-n", "sweep", "--params", "rows.csv", "--fetch", "back", *command, timeout=200)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert all((shell.folder / "back" / str(index) / "mandelbrot.png").stat().st_size > 100 for index in range(2))
    assert len((shell.folder / "back" / "results.csv").read_text().splitlines()) == 3
    # Nothing of the libraries' own is said by the way.
    assert [
        line for line in ran.stderr.splitlines() if not line.startswith(("sweep:", "uploading:", "fetching:"))
    ] == []


def test_a_bucket_that_is_not_there_is_said_before_anything_is_submitted(shell: Shell, bucket: str) -> None:
    shell.write(".kubeque", f"[config]\ndefault_url_prefix = {bucket.partition(':')[0]}://no-such-bucket/results\n")
    ran = shell.run("sub", "-n", "nowhere", "true", timeout=100)
    assert ran.returncode != 0
    (line,) = ran.stderr.splitlines()
    assert "no-such-bucket" in line
    assert "asked as" in line
