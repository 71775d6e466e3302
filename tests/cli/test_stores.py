"""Sweeps with a bucket as store: the real program with emulators of Google Cloud Storage and S3 on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kubeque.files.store import Files
from tests.cli.conftest import Shell
from tests.servers.here import running
from tests.servers.objects import BUCKET, GcsServer, S3Server

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("s3", marks=[pytest.mark.xdist_group("s3"), pytest.mark.server("s3")]),
        pytest.param("gs", marks=[pytest.mark.xdist_group("gs"), pytest.mark.server("gs"), pytest.mark.rotating]),
    ],
)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, str]]]:
    """Start a store. Yield its URL scheme. The usual environment variables lead to it."""
    login = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "password", "AWS_DEFAULT_REGION": "us-east-1"}
    if request.param == "gs":
        with running(GcsServer) as gs:
            yield "gs", {"STORAGE_EMULATOR_HOST": gs.url}
    else:
        with running(S3Server) as s3:
            yield "s3", {"AWS_ENDPOINT_URL": s3.url, **login}


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
    away = shell.run("fetch", "sweep", f"{bucket}/away", "--glob", "*.png")
    assert away.stdout.startswith(f"{bucket}/away: 2 tasks with 2 files"), away.stderr
    there = {name for name, _ in Files().listing(f"{bucket}/away")}
    assert {"0/mandelbrot.png", "1/mandelbrot.png", "results.csv"} <= there
    # The libraries print nothing of their own.
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


def test_objects_elsewhere_come_and_one_that_changed_fails_its_task_once(shell: Shell, bucket: str) -> None:
    backends = shell.folder / "site"
    backends.mkdir()
    shell.write("site/page.txt", " from the web")
    files, there = Files(), f"{bucket}/data.txt"
    files.write(there, b"from the bucket")
    with served(backends) as url:
        # Given a job that got an object and a page of the web, and one that waits for them behind another
        asked = ("cat", f"^{there}", f"^{url}/page.txt")
        ran = shell.run("sub", "-n", "good", "--consumers", "1", "--fetch", "good", *asked, timeout=200)
        assert (shell.folder / "good" / "0" / "stdout.txt").read_text() == "from the bucket from the web", ran.stderr
        shell.write("site/page.txt", " from the web of today")
        # (one of its rows runs, one is staged, one is about to be)
        wait = f"until test -e {shell.folder}/go; do sleep 0.1; done"
        shell.run("sub", "-n", "busy", "--no-wait", "--consumers", "1", "--repeat", "4", "sh", "-c", wait)
        ran = shell.run("sub", "-n", "late", "--no-wait", "--consumers", "1", *asked)
        assert ran.returncode == 0, ran.stderr
        # When one changes before the task begins
        shell.write("site/page.txt", "another text")
        shell.write("go", "")
        # Then a short task without files costs one object,
        assert shell.run("watch", "busy").returncode == 0
        kept = [name for name, _ in files.listing(f"{bucket}/results/busy") if "/tasks/" in name]
        assert [name.rpartition("/")[2] for name in kept] == ["result.json"] * 4
        # and the one whose input is another one now fails for good, and says why
        assert shell.run("watch", "late").returncode == 1
        told = json.loads(shell.run("show", "late", "0", "--json").stdout)
        assert (told["cause"], told["attempts"]) == ("stage", 1), told
        assert "page.txt) has changed since the job was submitted: submit it again" in told["message"]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of a folder with a web server on loopback."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
