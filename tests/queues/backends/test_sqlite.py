"""Properties of SQLite: many processes on one file, broken files, full disks, and processes killed during a commit."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kubeque.model.errors import QueueError, QueueSchemaError, QueueUnavailable
from kubeque.queues.backends import layout_version, sqlite
from kubeque.queues.backends.sqlite import file_system, open_sqlite
from kubeque.queues.open import open_queue
from tests.queues.makers import claim, make_job, run_next, states, submit
from tests.queues.records import block, ids, kept


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def python(program: str, *words: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", program, *words]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


_OPENER = """
import sys
from pathlib import Path
from kubeque.queues.backends.sqlite import open_sqlite
from tests.queues.records import block
print("here", flush=True)
sys.stdin.read()  # until all are here
store = open_sqlite(Path(sys.argv[1]))
store.insert_blocks(block(int(sys.argv[2]) * 1000 + n) for n in range(40))
for n in range(40):
    record = store.get_block("uid-1", f"0-{int(sys.argv[2]) * 1000 + n}")
    store.swap_block(record)
"""


@pytest.mark.parametrize("turn", range(2))
def test_eight_processes_may_open_a_new_file_at_once_and_work_on_it(path: Path, turn: int) -> None:
    # Given eight processes that wait for a sign
    processes = [python(_OPENER, str(path), str(number)) for number in range(8)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
    # When all open the same new file and write to it
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    # Then none was refused, and all is there
    assert [process.communicate(timeout=100)[1] for process in processes] == [""] * 8
    assert [process.returncode for process in processes] == [0] * 8
    with closing(open_sqlite(path)) as backend:
        assert len(backend.scan_blocks("uid-1", limit=1000)) == 8 * 40


_WRITER = """
import sys
from kubeque.queues.open import open_queue
from tests.queues.makers import outcome
from kubeque.queues.claim import claim
queue = open_queue(sys.argv[1])
job = queue.job("sweep")
while lease := claim(queue, job, sys.argv[2], reserve=1):
    while taken := lease.take():
        lease.add_outcome(outcome(*taken))
        lease.commit(reserve=1)
        print(*taken, flush=True)
"""


def test_a_kill_in_the_middle_of_a_commit_loses_nothing_that_was_acknowledged(path: Path) -> None:
    url, dice, said = f"sqlite:///{path}", random.Random(), dict[int, int]()
    with closing(open_queue(url)) as queue:
        job = submit(queue, make_job(3000), size=250)
        for turn in range(8):
            # Given a consumer that does nothing but commit
            with python(_WRITER, url, f"consumer-{turn}") as process:
                assert process.stdout is not None
                first = process.stdout.readline()
                # When it is killed at any moment
                time.sleep(dice.uniform(0.0, 0.05))
                process.kill()
                rest = process.stdout.read()  # communicate() would leave out what came with the first line
            lines = [line.split() for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]
            said |= {int(index): int(attempt) for index, attempt in lines}
        # Then each outcome that was acknowledged is recorded, and the file is valid
        recorded = {v.index: v.record.outcome.attempt for v in queue.tasks(job) if v.state == "ok" and v.record.outcome}
        assert said.items() <= recorded.items()
        assert len(said) >= 8
        assert set(states(queue, job)) == set(range(3000))
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# ---------------------------------------------------------------------- unusable files
@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_and_what_was_there_stays(small_disk: Path) -> None:
    # Given a queue with something in it on a disk that fills up
    path = small_disk / "queue.db"
    with closing(open_sqlite(path)) as backend:
        (first,) = kept(backend, block(0))
        # When more is kept than there is room for
        too_much = [block(lo, body=os.urandom(50_000)) for lo in range(1, 100)]
        with pytest.raises(QueueError, match="is full: make room, or set another queue_url") as refused:
            backend.insert_blocks(too_much)
        assert not isinstance(refused.value, QueueUnavailable)
        # Then the error is reported, earlier data can be read, and with free space writes succeed again
        assert backend.get_block("uid-1", "0-0") == first
        subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
        assert ids(kept(backend, block(500))) == ["0-500"]


def test_a_file_that_may_not_be_written_is_named_with_the_remedy() -> None:
    # Given a queue whose file only reads, on the way to which everybody may look
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    try:
        open_sqlite(folder / "queue.db").close()
        folder.chmod(0o555)
        for each in folder.iterdir():
            each.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        program = (
            # pathlib of Python 3.13 imports urllib late, from a folder that only root may read
            "import os, sys, urllib.parse\n"
            "from pathlib import Path\nfrom kubeque.model.errors import QueueError\n"
            "from kubeque.queues.backends.sqlite import open_sqlite\n"
            "os.geteuid() or os.setuid(65534)  # root may write to anything\n"
            "try: open_sqlite(Path(sys.argv[1]))\nexcept QueueError as error: print(type(error).__name__, error)"
        )
        # When somebody opens it
        said, errors = python(program, str(folder / "queue.db")).communicate(timeout=60)
        # Then the file and the remedy are named
        assert errors == ""
        assert said.startswith(f"QueueError the queue {folder}/queue.db cannot be ")
        assert "change its permissions" in said or "can be written" in said
    finally:
        folder.chmod(0o700)
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()


def test_a_file_that_is_something_else_is_left_as_it_is(path: Path) -> None:
    path.write_text("my diary, " * 1000)
    with pytest.raises(QueueError, match="is damaged or is not a queue file"):
        open_sqlite(path)
    assert path.read_text().startswith("my diary")


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueueError, match="cannot be opened"):
        open_sqlite(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(QueueError, match=r"the folder of the queue .* cannot be made: (File exists|Not a directory)"):
        open_sqlite(tmp_path / "file" / "queue.db")


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_file_system_is_refused_before_anything_is_written(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "file_system", lambda folder: kind)
    with pytest.raises(QueueError, match=rf"network file system \({kind}\).* set queue_url to a local disk or to"):
        open_sqlite(path)
    assert not path.exists()


def test_the_file_system_of_a_path_is_that_of_the_mount_it_is_in(small_disk: Path) -> None:
    assert file_system(small_disk / "no" / "such" / "folder") == "tmpfs"
    assert file_system(Path("/proc/self")) == "proc"

    odd = small_disk / "a #\\\n\udcff"
    odd.mkdir()
    subprocess.run(["mount", "-t", "ramfs", "none", odd], check=True)
    assert file_system(odd / "x") == "ramfs"


def test_another_program_that_keeps_the_file_locked_is_waited_for_and_then_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.2)
    with closing(open_sqlite(path)) as backend, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(QueueUnavailable, match="was locked by another program"):
            backend.insert_blocks([block(0)])
        other.rollback()
        assert ids(kept(backend, block(0))) == ["0-0"]


def test_a_forked_process_makes_a_connection_of_its_own(path: Path) -> None:
    with closing(open_sqlite(path)) as backend:
        kept(backend, block(0))
        child = os.fork()
        if child == 0:
            os._exit(0 if ids(kept(backend, block(1))) == ["0-1"] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert ids(kept(backend, block(1), block(2))) == ["0-1", "0-2"]


# ---------------------------------------------------------------------- layouts
def layout(path: Path) -> int:
    with closing(sqlite3.connect(path)) as file:
        return int(file.execute("SELECT max(version) FROM kubeque_schema").fetchone()[0])


def test_a_newer_layout_is_refused_and_left_as_it_is(path: Path) -> None:
    open_sqlite(path).close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("INSERT INTO kubeque_schema (version) VALUES (99)")
    with pytest.raises(QueueSchemaError, match=r"has layout 99, but kubeque .* knows 2: upgrade kubeque"):
        open_sqlite(path)
    assert layout(path) == 99


def test_a_newer_layout_names_the_version_to_install(path: Path) -> None:
    open_sqlite(path).close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("INSERT INTO kubeque_schema (version, program) VALUES (99, '7.5')")
    with pytest.raises(QueueSchemaError, match=r"install kubeque 7\.5 or newer \(pip install 'kubeque>=7\.5'\)"):
        open_sqlite(path)


def test_a_queue_of_the_first_layout_is_migrated_in_place(path: Path) -> None:
    # Given a queue as kubeque 0.1 left it
    url = f"sqlite:///{path}"
    with closing(open_queue(url)) as queue:
        submit(queue, make_job(4))
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("DROP TABLE kubeque_schema")
        file.execute("CREATE TABLE kubeque_schema (version INTEGER NOT NULL)")
        file.execute("INSERT INTO kubeque_schema (version) VALUES (1)")
    # When it is opened
    with closing(open_queue(url)) as queue:
        assert queue.job("sweep").n == 4
    # Then programs that know only the first layout are refused, and the version to install is there for later ones
    assert layout(path) == 2
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT * FROM kubeque_schema ORDER BY 1").fetchall() == [(1, None), (2, "0.2")]


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """Make this kubeque know the next layout and the statements of its migration."""

    def make(statements: list[str]) -> None:
        monkeypatch.setitem(layout_version.MIGRATIONS, layout_version.SCHEMA_VERSION, lambda types: statements)
        monkeypatch.setattr(layout_version, "SCHEMA_VERSION", layout_version.SCHEMA_VERSION + 1)

    return make


def test_an_older_layout_is_brought_up_to_date_with_all_that_is_in_it(
    path: Path, next_version: Callable[[list[str]], None]
) -> None:
    # Given a queue of today in which a sweep is under way
    url = f"sqlite:///{path}"
    with closing(open_queue(url)) as queue:
        lease = claim(queue, submit(queue, make_job(4)), reserve=2)
        run_next(lease)
        lease.commit()
    before = layout(path)
    # When a later kubeque opens it, twice
    next_version(["ALTER TABLE kubeque_job ADD COLUMN note TEXT"])
    for _ in range(2):
        with closing(open_queue(url)) as queue:
            job = queue.job("sweep")
            assert queue.counts(job).ok == 1
    # Then it has the new layout, once
    assert layout(path) == before + 1
    with closing(sqlite3.connect(path)) as file:
        assert [row[1] for row in file.execute("PRAGMA table_info(kubeque_job)")].count("note") == 1


def test_a_migration_that_breaks_off_leaves_the_old_layout_whole(
    path: Path, next_version: Callable[[list[str]], None]
) -> None:
    with closing(open_sqlite(path)) as backend:
        kept(backend, block(0))
    before = layout(path)
    next_version(["ALTER TABLE kubeque_job ADD COLUMN note TEXT", "ALTER TABLE not_there ADD COLUMN note TEXT"])
    with pytest.raises(QueueError):
        open_sqlite(path)
    assert layout(path) == before
    with closing(sqlite3.connect(path)) as file:
        assert "note" not in [row[1] for row in file.execute("PRAGMA table_info(kubeque_job)")]


def locks_on(path: Path) -> int:
    """Return the number of locks on a file, as the kernel lists them."""
    inode = path.stat().st_ino
    return sum(line.split()[5].endswith(f":{inode}") for line in Path("/proc/locks").read_text().splitlines())


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the kernel lists no locks here")
def test_a_process_that_opens_the_queue_again_keeps_the_locks_that_it_has(path: Path) -> None:
    # Given a queue that this process uses
    first = open_sqlite(path)
    first.insert_blocks([block(1)])
    before = locks_on(path)
    assert before > 0
    # When it opens the queue once more, as each connection of a triggerer does
    second = open_sqlite(path)
    assert second.get_block("uid-1", "0-1") is not None
    # Then others still see that it is in use, and do not remove the log under it
    assert locks_on(path) >= before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.glob(".queue-*")) == []
    second.close()
    first.close()
