"""The disk becomes full during a fetch. One line reports it, no file is incomplete, and the next fetch continues."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

SIZE, TASKS = 1_000_000, 6
#: Maximum file size in bytes for a fetching process; the files of odd rows are larger.
LIMIT = 700_000


@pytest.fixture
def job(shell: Shell) -> Shell:
    """A job with a large result file for each odd row and a small one for each even row."""
    script = 'head -c "$(($0 % 2 ? $1 : 10))" /dev/zero > f'
    ran = shell.run("sub", "-n", "big", "--repeat", str(TASKS), "sh", "-c", script, "{index}", str(SIZE))
    assert ran.returncode == 0, ran.stderr
    return shell


def whole(dest: Path) -> list[str]:
    """Return the fetched tasks. Check that each of them is complete and that there are no other files."""
    found = sorted(path.name for path in dest.iterdir() if path.name not in (".kubeque", "results.csv"))
    for name in found:
        assert {path.name for path in (dest / name).iterdir()} == {"f"}
        assert (dest / name / "f").stat().st_size == (SIZE if int(name) % 2 else 10)
    return found


@pytest.mark.rotating
def test_a_file_that_may_not_become_so_large_is_one_line(job: Shell) -> None:
    shell, dest = job, job.folder / "back"
    limited = f'ulimit -f {LIMIT // 512}; exec "$@"'
    ran = shell.execute("sh", "-c", limited, "sh", sys.executable, "-m", "kubeque.cli", "fetch", "big", str(dest))
    assert ran.returncode == 1
    assert os.strerror(errno.EFBIG) in told(ran, dest)
    # Only the large files are missing: an error of one file costs no other file.
    assert whole(dest) == [str(index) for index in range(0, TASKS, 2)]
    assert shell.run("fetch", "big", str(dest)).returncode == 0
    assert len(whole(dest)) == TASKS


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "small-disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=False).returncode:
        pytest.skip("nothing may be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_one_line(job: Shell, small_disk: Path) -> None:
    shell, dest = job, small_disk / "back"
    ran = shell.run("fetch", "big", str(dest))
    assert ran.returncode == 1
    assert os.strerror(errno.ENOSPC) in told(ran, dest)
    assert len(whole(dest)) < TASKS
    subprocess.run(["mount", "-o", "remount,size=30m", small_disk], check=True)
    assert shell.run("fetch", "big", str(dest)).returncode == 0
    assert len(whole(dest)) == TASKS


@pytest.mark.rotating
def test_a_full_folder_for_temporary_files_is_one_line(shell: Shell, small_disk: Path) -> None:
    assert shell.run("sub", "-n", "many", "--repeat", "3000", "true").returncode == 0
    subprocess.run(["mount", "-o", "remount,size=64k", small_disk], check=True)
    ran = shell.execute(
        "env", f"TMPDIR={small_disk}", sys.executable, "-m", "kubeque.cli", "collect", "many", "-o", "t.csv"
    )
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith(
        f"kubeque: temporary files cannot be written to {small_disk}: No space left on device: make room"
    )
    assert not (shell.folder / "t.csv").exists()
    assert shell.run("collect", "many", "-o", "t.csv").returncode == 0


@pytest.mark.rotating
def test_a_home_on_a_read_only_disk_is_named(shell: Shell, small_disk: Path) -> None:
    words = ["env", f"KUBEQUE_HOME={small_disk / 'home'}", sys.executable, "-m", "kubeque.cli", "list"]
    assert shell.execute(*words).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    ran = shell.execute(*words)
    assert (ran.returncode, "is on a read-only disk: make the disk writable" in ran.stderr) == (2, True), ran.stderr


@pytest.mark.parametrize("limit", ["ulimit -n 12", "ulimit -v 90000"], ids=["files", "memory"])
def test_a_machine_without_files_or_memory_is_one_line(shell: Shell, limit: str) -> None:
    ran = shell.execute("sh", "-c", f'{limit}; exec "$@"', "sh", sys.executable, "-m", "kubeque.cli", "list")
    assert "Traceback" not in ran.stderr
    assert ran.returncode in (0, 1)


def told(ran: subprocess.CompletedProcess[str], dest: Path) -> str:
    """Return the error line. It must name a file in the folder."""
    *before, line = ran.stderr.splitlines()
    assert [text for text in before if not text.startswith("fetching:")] == []
    assert line.startswith("kubeque: ")
    assert str(dest) in line
    return line
