"""No process of kubeque holds a large input or a large result in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.test_very_many import measured
from tests.servers.here import running
from tests.servers.objects import BUCKET, GcsServer
from tests.slots import read_slot

SIZE = 300 << 20
#: MiB that a process of ours may take in all. With the file in its memory it would be 350 on a folder and 385 with gs://,
#: whose client library alone takes 85. For speed, uploads and downloads keep pieces of 32 and 16 MiB in flight.
FOLDER, CONSUMER, CLIENT = 100, 190, 300
GS = [pytest.mark.xdist_group("gs"), pytest.mark.server("gs"), pytest.mark.rotating]
KINDS = [pytest.param("folder", (FOLDER, FOLDER)), pytest.param("gs", (CONSUMER, CLIENT), marks=GS)]


@pytest.fixture
def large(request: pytest.FixtureRequest, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A shell with a large file and a store of the kind that the test's parameter names."""
    with (shell.folder / "large.bin").open("wb") as file:
        file.truncate(SIZE)
    if request.param == "folder":
        yield shell
        return
    with running(lambda: GcsServer(on_disk=True)) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        shell.write(".kubeque", f"[config]\ndefault_url_prefix = gs://{BUCKET}/results\n")
        yield shell
        shell.run("stop")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("large", "limits"), KINDS, indirect=["large"])
def test_nobody_holds_a_large_file(large: Shell, limits: tuple[int, int]) -> None:
    shell, (consumer, client) = large, limits
    # Given a task that gets a large file and leaves another one
    script = "printf x | cat large.bin - > out"
    said = measured(shell, "sub", "-n", "j", "--no-wait", "-u", "large.bin", "sh", "-c", script)
    assert said[0] == 0
    assert said[3] < client, "MiB, of who sent it"
    pid = int(str(read_slot(shell.home)["pid"]))
    assert shell.run("watch", "j").returncode == 0
    assert highest(pid) < consumer, "MiB, of the consumer"
    # When it is fetched, then all of it has come
    said = measured(shell, "fetch", "j", "back")
    assert said[0] == 0
    assert (shell.folder / "back" / "0" / "out").stat().st_size == SIZE + 1
    assert said[3] < client, "MiB, of who fetched it"


def highest(pid: int) -> int:
    """Return the peak memory of a process so far, MiB."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024
