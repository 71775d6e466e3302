"""The network fails during an upload or a fetch. The command retries, then prints one line. The next run continues."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.servers.faults import TcpProxy
from tests.servers.objects import BUCKET, GcsServer, S3Server
from tests.servers.process import NotHere, free_port

pytestmark = [pytest.mark.timeout(300), pytest.mark.rotating]
MIB = 1 << 20
#: Size of one file in bytes (two are in flight at once), and number of bytes after which the connection breaks.
SIZE, ENOUGH = 9 * MIB, 28 * MIB
FILES = 4


def kind(name: str, *marks: pytest.MarkDecorator) -> Any:
    return pytest.param(name, marks=[pytest.mark.xdist_group(name), pytest.mark.server(name), *marks])


@pytest.fixture
def line(
    request: pytest.FixtureRequest, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TcpProxy]:
    """The network connection of a shell to its store."""
    port = free_port()
    with TcpProxy(port) as line:
        try:
            server = GcsServer(port, public_port=line.port) if request.param == "gs" else S3Server(port)
        except NotHere as missing:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(missing))
        server.start()
        there, url = f"http://127.0.0.1:{line.port}", f"{request.param}://{BUCKET}/{tmp_path.name}"
        login = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "word", "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in {"STORAGE_EMULATOR_HOST": there, "AWS_ENDPOINT_URL": there, **login}.items():
            monkeypatch.setenv(name, value)
        shell.write(".kubeque", f"[config]\ndefault_url_prefix = {url}/results\ncas_url_prefix = {url}/cas\n")
        yield line
        line.closed = False
        shell.run("stop")
        server.stop()


def lose(line: TcpProxy, *, for_good: bool) -> None:
    line.closes_then, line.break_after = for_good, ENOUGH


def one_line(said: str) -> str:
    """Return the last line. Fail if a library has printed anything before it."""
    *before, last = said.splitlines()
    ours = ("uploading:", "fetching:", "the store keeps pieces of an unfinished upload of ")
    assert [text for text in before if not text.startswith(ours)] == []
    return last


@pytest.mark.parametrize("line", [kind("gs"), kind("s3")], indirect=True)
def test_an_upload_and_a_fetch_outlive_a_line_that_breaks(shell: Shell, line: TcpProxy) -> None:
    names = make_files(shell)
    lose(line, for_good=False)
    ran = shell.run("sub", "-n", "j", "--no-wait", *pushed(names), *copied(names), timeout=200)
    assert (ran.returncode, line.break_after) == (0, None), ran.stderr
    assert shell.run("watch", "j").returncode == 0
    lose(line, for_good=False)
    ran = shell.run("fetch", "j", "back", timeout=200)
    assert (ran.returncode, line.break_after) == (0, None), ran.stderr
    assert_whole(shell, names)


# Nothing says sooner than in half a minute that a network is gone, four times here; the library for S3 takes longer.
@pytest.mark.soak
@pytest.mark.parametrize("line", [kind("gs"), kind("s3")], indirect=True)
def test_a_network_that_is_gone_is_one_line_and_the_next_run_goes_on(shell: Shell, line: TcpProxy) -> None:
    names = make_files(shell)
    words = ["-n", "j", "--no-wait", *pushed(names), *copied(names)]
    # When the network fails during the upload, then nothing is submitted, and one line gives the reason
    lose(line, for_good=True)
    ran = shell.run("sub", *words, timeout=200)
    assert ran.returncode == 1
    assert one_line(ran.stderr).startswith("kubeque: cannot write "), ran.stderr
    assert "no jobs yet" in shell.run("status").stdout
    # and when it is back, files that had arrived are not sent again.
    line.closed = False
    plan = json.loads(shell.run("sub", "--dry-run", "--json", *words).stdout)["plan"]
    assert 0 < plan["there"] < plan["contents"] == FILES, plan
    ran = shell.run("sub", *words, timeout=200)
    assert ran.returncode == 0, ran.stderr
    assert shell.run("watch", "j").returncode == 0
    # When it fails during the fetch, then the fetched files are complete
    lose(line, for_good=True)
    ran = shell.run("fetch", "j", "back", timeout=200)
    assert ran.returncode == 1
    assert one_line(ran.stderr).startswith("kubeque: cannot read "), ran.stderr
    came = {path.name for path in (shell.folder / "back").iterdir() if path.name.isdigit()}
    assert all((shell.folder / "back" / name / f"{name}.out").stat().st_size == SIZE for name in came)
    # and the next fetch gets the missing files.
    line.closed = False
    done = json.loads(shell.run("fetch", "j", "back", "--json", timeout=200).stdout)
    assert (done["tasks"], done["kept"]) == (FILES - len(came), len(came))
    assert done["bytes"] < FILES * SIZE
    assert_whole(shell, names)


def make_files(shell: Shell) -> list[str]:
    names = [f"{number}.bin" for number in range(FILES)]
    for name in names:
        shell.write(name, os.urandom(SIZE))
    return names


def pushed(names: list[str]) -> list[str]:
    return [word for name in names for word in ("-u", name)]


def copied(names: list[str]) -> list[str]:
    """Run a task for each file. The task makes a copy with a different first byte."""
    return ["--repeat", str(len(names)), "sh", "-c", "(printf x; tail -c +2 $0.bin) > $0.out", "{index}"]


def assert_whole(shell: Shell, names: list[str]) -> None:
    for number, name in enumerate(names):
        came = (shell.folder / "back" / str(number) / f"{number}.out").read_bytes()
        assert came == b"x" + (shell.folder / name).read_bytes()[1:]
