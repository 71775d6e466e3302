from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from kubeque.consumer.attempt.disk_watch import usage
from kubeque.consumer.attempt.input_cache import InputCache, StageFailed
from kubeque.consumer.attempt.result_files import OutputFiles
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.files.store import Files
from kubeque.model.job.spec import Input
from tests.calls import count_calls
from tests.mounting import bind, private_mounts

MI = 1 << 20


@pytest.fixture
def cache(tmp_path: Path) -> InputCache:
    return InputCache(tmp_path / "cache", Files(), 100 * MI)


@pytest.fixture
def workdir(tmp_path: Path) -> Iterator[Workdir]:
    workdir = Workdir(tmp_path / "root", "job-7-1-abc")
    yield workdir
    workdir.remove()


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., Input]:
    def make(name: str, data: bytes, executable: bool = False) -> Input:
        digest = hashlib.sha256(data).hexdigest()
        (tmp_path / digest).write_bytes(data)
        return Input(name, str(tmp_path / digest), digest, len(data), executable)

    return make


def names(collected: OutputFiles) -> list[str]:
    return [file.name for file in collected.files]


# -- before the program runs ------------------------------------------------------------------------------------------


def test_a_working_directory_is_fresh_and_its_streams_are_beside_it(workdir):
    assert list(workdir.path.iterdir()) == []
    assert {path.parent for path in (workdir.stdout, workdir.stderr, workdir.out)} == {workdir.folder}

    with pytest.raises(StageFailed, match="cannot be made: File exists"):
        Workdir(workdir.folder.parent, workdir.folder.name)


def test_a_working_directory_that_cannot_be_made_is_a_failure_to_stage(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StageFailed, match="cannot be made: "):
        Workdir(tmp_path / "file", "a")


def test_inputs_and_the_row_are_there(workdir, cache, stored):
    row = {"Zoom": "0.5", "zoom": "1", "größe": 'a"b\n', "index": "7"}
    inputs = [stored("render.py", b"#!", True), stored("data/eu/in.csv", b"1,2"), stored("a b.txt", b"x")]

    workdir.stage(inputs, cache, row=row)

    assert json.loads((workdir.path / "row.json").read_text()) == row
    assert (workdir.path / "data/eu/in.csv").read_bytes() == b"1,2"
    assert (workdir.path / "a b.txt").read_bytes() == b"x"
    assert os.access(workdir.path / "render.py", os.X_OK)
    assert workdir.collect() == OutputFiles()


def test_an_input_of_the_name_row_json_is_the_users(workdir, cache, stored):
    workdir.stage([stored("row.json", b"mine")], cache, row={"index": "0"})

    assert (workdir.path / "row.json").read_bytes() == b"mine"


def test_a_rows_input_may_be_one_that_all_tasks_get(workdir, cache, stored):
    common, own = stored("run.sh", b"#!/bin/sh\n"), stored("run.sh", b"#!/bin/sh\n", True)

    workdir.stage([common, own, common], cache, row={})

    assert os.access(workdir.path / "run.sh", os.X_OK)
    assert (workdir.path / "run.sh").read_bytes() == b"#!/bin/sh\n"


def test_two_different_inputs_of_one_name_are_refused(workdir, cache, stored):
    with pytest.raises(StageFailed, match=r"two inputs are called 'a\.csv'") as raised:
        workdir.stage([stored("a.csv", b"1"), stored("a.csv", b"2")], cache, row={})
    assert raised.value.permanent


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", "."])
def test_an_input_never_leaves_the_working_directory(workdir, cache, stored, name):
    with pytest.raises(StageFailed, match="is not safe") as raised:
        workdir.stage([stored(name, b"x")], cache, row={})
    assert raised.value.permanent


# -- after it ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "d/e/f", "a b", "ü", "a\nb", "-rf", "$(id)", ".hidden", "*", "'\""])
def test_what_the_task_wrote_is_collected(workdir, name):
    path = workdir.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12345")
    (workdir.path / "empty" / "folder").mkdir(parents=True)

    collected = workdir.collect()

    assert [(file.name, file.size, file.path.read_bytes()) for file in collected.files] == [(name, 5, b"12345")]
    assert collected.refused == []


def test_files_come_in_order(workdir):
    for name in ("b", "a", "c"):
        (workdir.path / name).write_text("")

    assert names(workdir.collect()) == ["a", "b", "c"]


@pytest.mark.parametrize("size", [3, 2 * MI], ids=["copied", "linked"])
@pytest.mark.parametrize("euid", [0, 1000])
def test_a_staged_file_counts_once_it_was_changed(workdir, cache, stored, size, euid, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    inputs = [stored("same", b"a" * size), stored("rewritten", b"b" * size), stored("replaced", b"c" * size)]
    workdir.stage(inputs, cache, row={"index": "0"})

    # Of the same size, and as soon after staging as can be.
    (workdir.path / "rewritten").chmod(0o644)
    (workdir.path / "rewritten").write_bytes(b"B" * size)
    (workdir.path / "new").write_bytes(b"C" * size)
    (workdir.path / "new").rename(workdir.path / "replaced")
    (workdir.path / "row.json").write_bytes((workdir.path / "row.json").read_bytes())

    assert names(workdir.collect()) == ["replaced", "rewritten", "row.json"]


def test_results_and_ignore_choose_by_relative_name(workdir):
    for name in ("a.png", "a.log", "sub/b.png", "sub/cache/c.png"):
        path = workdir.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    assert names(workdir.collect(["*.png"])) == ["a.png"]
    assert names(workdir.collect(["**/*.png"], ["**/cache/*"])) == ["a.png", "sub/b.png"]
    assert names(workdir.collect(ignore=["*.log"])) == ["a.png", "sub/b.png", "sub/cache/c.png"]


def test_a_link_to_a_file_of_the_folder_is_kept_as_a_file(workdir):
    (workdir.path / "sub").mkdir()
    (workdir.path / "sub" / "real").write_text("data")
    (workdir.path / "relative").symlink_to("sub/real")
    (workdir.path / "absolute").symlink_to(workdir.path / "sub" / "real")
    (workdir.path / "chain").symlink_to("relative")

    collected = workdir.collect()

    assert names(collected) == ["absolute", "chain", "relative", "sub/real"]
    assert {file.path.read_text() for file in collected.files} == {"data"}
    assert not any(file.path.is_symlink() for file in collected.files)
    assert {file.size for file in collected.files} == {4}


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("/etc/passwd", "leads out of the working directory, to '/etc/passwd'"),
        ("../stdout", "leads out of the working directory"),
        ("/", "leads out of the working directory, to '/'"),
        ("../workshop/x", "leads out of the working directory"),
        ("nothing", "leads to nothing: 'nothing'"),
        ("link", "leads to nothing: 'link'"),
        (".", "is a link to the folder"),
        ("sub", "its files are kept where they are"),
    ],
)
def test_other_links_are_refused_and_named(workdir, target, says):
    (workdir.path / "sub").mkdir()
    (workdir.path / "sub" / "file").write_text("")
    workdir.stdout.write_text("")
    (workdir.folder / "workshop").mkdir()
    (workdir.folder / "workshop" / "x").write_text("")
    (workdir.path / "link").symlink_to(target)

    collected = workdir.collect()

    assert names(collected) == ["sub/file"]
    (refused,) = collected.refused
    assert refused.startswith("'link' ")
    assert says in refused


def test_what_is_no_file_is_refused_and_named_unless_it_is_ignored(workdir):
    os.mkfifo(workdir.path / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(workdir.path / "sock"))

    assert sorted(workdir.collect().refused) == ["'fifo' is a FIFO, not a file", "'sock' is a socket, not a file"]
    assert workdir.collect(ignore=["fifo", "sock"]).refused == []


def test_a_file_of_mostly_holes_is_kept_or_named(workdir):
    for name, size in (("map", 4 << 30), ("huge.mdb", 1 << 40)):
        with (workdir.path / name).open("wb") as file:
            file.truncate(size)
            file.write(b"data")

    collected = workdir.collect()

    assert names(collected) == ["map"]
    (refused,) = collected.describe_refused()
    assert refused.startswith("'huge.mdb' is a sparse file of 1Ti, of which 4")
    assert refused.endswith("are data: pack it, for example with tar --sparse")


def test_names_that_no_store_can_have_are_refused_and_named(workdir):
    os.mkdir(os.fsencode(workdir.path) + b"/caf\xe9")
    for name in (b"caf\xe9/in", b"\xff.txt", b"a\\b", b"C:x"):
        with open(os.fsencode(workdir.path) + b"/" + name, "wb"):
            pass

    collected = workdir.collect()

    assert collected.files == []
    assert [line.split(" has a name")[0] for line in sorted(collected.refused)] == [
        "'C:x'", "'a\\\\b'", "b'\\xff.txt'", "b'caf\\xe9'",
    ]  # fmt: skip


def test_of_very_many_refused_files_some_are_named_and_the_others_counted(workdir):
    for n in range(100):
        (workdir.path / f"link{n}").symlink_to("/etc/passwd")

    collected = workdir.collect()

    assert (len(collected.refused), collected.refused_more) == (20, 80)


def dig(folder: Path, levels: int) -> None:
    """Folders in folders, deeper than a path can name."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("deep-folder", dir_fd=here)
        here, above = os.open("deep-folder", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)


def test_a_very_deep_folder_is_collected_as_far_as_it_goes(workdir):
    dig(workdir.path, 600)

    collected = workdir.collect()

    assert collected.files == []
    assert "cannot be read: File name too long" in collected.refused[0]
    assert workdir.remove() == []


# -- removed without a trace ------------------------------------------------------------------------------------------


def test_removing_follows_no_link(workdir, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "precious").write_text("")
    (workdir.path / "link").symlink_to(tmp_path / "theirs")
    (workdir.path / "file").symlink_to(tmp_path / "theirs" / "precious")

    assert workdir.remove() == []

    assert not workdir.folder.exists()
    assert (tmp_path / "theirs" / "precious").exists()


def test_removing_twice_is_no_error(workdir):
    assert workdir.remove() == []
    assert workdir.remove() == []


def test_what_cannot_be_removed_is_said_not_raised(workdir):
    dig(workdir.path, 2 * sys.getrecursionlimit())

    problems = workdir.remove()
    if sys.version_info >= (3, 13):  # its rmtree does not recurse
        assert problems == []
        assert not workdir.folder.exists()
        return
    (problem,) = problems
    subprocess.run(["rm", "-rf", str(workdir.folder)], check=True)

    assert str(workdir.folder) in problem
    assert "could not be removed" in problem


@pytest.fixture
def mounts() -> Iterator[None]:
    with private_mounts():
        yield


def test_nothing_below_a_mount_is_collected_or_removed(workdir, tmp_path, mounts):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").write_bytes(b"1")
    (workdir.path / "mine").write_bytes(b"2")
    bind(tmp_path / "data", workdir.path / "m")
    bind(tmp_path / "data" / "precious", workdir.path / "one")
    bind(tmp_path / "data", workdir.folder / "beside")
    (workdir.path / "link").symlink_to("m/precious")
    (workdir.path / "other").symlink_to("../beside/precious")

    collected = workdir.collect()
    assert names(collected) == ["mine"]
    assert [line.split("'")[1] for line in sorted(collected.refused)] == ["link", "m", "one", "other"]
    assert "'m' is a mount point: copy what you need from it" in collected.refused
    assert usage(workdir.folder) < 3 * 4096

    assert workdir.remove() == []
    assert (tmp_path / "data" / "precious").read_bytes() == b"1"
    assert not workdir.folder.exists()


@pytest.mark.parametrize("how", ["mount", "link"])
def test_a_working_directory_that_was_replaced_is_not_collected(workdir, tmp_path, mounts, how):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").write_bytes(b"1")
    if how == "mount":
        bind(tmp_path / "data", workdir.path)
    else:
        workdir.path.rmdir()
        workdir.path.symlink_to(tmp_path / "data")

    collected = workdir.collect()

    assert names(collected) == []
    assert collected.refused == ["'.' was replaced by a link or a mount: nothing in it is kept"]
    assert workdir.remove() == []
    assert (tmp_path / "data" / "precious").read_bytes() == b"1"


AS_NOBODY = """
    import os, sys
    from pathlib import Path
    from kubeque.consumer.attempt.workdir import Workdir

    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    root = Path(sys.argv[1])
    workdir = Workdir(root, "a")
    (workdir.path / "closed" / "below").mkdir(parents=True)
    (workdir.path / "closed" / "below" / "file").write_text("x")
    (workdir.path / "mute").write_text("y")
    (root / "outside").mkdir(mode=0o500)
    (workdir.path / "link").symlink_to(root / "outside")
    os.chmod(workdir.path / "mute", 0)
    os.chmod(workdir.path / "closed" / "below", 0)
    os.chmod(workdir.path / "closed", 0)

    collected = workdir.collect()
    print([(file.name, file.path.read_text()) for file in collected.files])

    os.chmod(workdir.path / "closed" / "below", 0o500)
    os.chmod(workdir.path / "closed", 0)
    os.chmod(workdir.path, 0o500)
    print(workdir.remove(), os.listdir(root), oct(os.stat(root / "outside").st_mode)[-3:])
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_rights_that_a_task_took_from_itself_are_no_hindrance(open_folder):
    """Run as a user other than root, because root ignores file permissions."""
    argv = [sys.executable, "-c", textwrap.dedent(AS_NOBODY), str(open_folder)]
    checkout = str(Path(__file__).parents[3])

    done = subprocess.run(argv, env={"PYTHONPATH": checkout}, capture_output=True, text=True, timeout=60)

    assert done.stdout.splitlines() == [
        "[('closed/below/file', 'x'), ('mute', 'y')]",
        "[] ['outside'] 500",
    ], done.stderr


def test_a_task_without_files_costs_little(tmp_path, cache):
    """Count the calls of a task, to notice a walk or a scan that should not be there. A task needs about 400."""

    collected, calls = [], []

    def run(workdir, n):
        workdir.stage([], cache, row={"zoom": "1", "index": str(n)})
        collected.append(workdir.collect())
        workdir.remove()

    # The first task makes the folder, and fills caches. The garbage collection of other tests adds calls to some tasks.
    for n in range(8):
        calls.append(count_calls(partial(run, Workdir(tmp_path / "root", str(n)), n)))
    assert collected == [OutputFiles()] * 8
    assert 20 < min(calls) < 600
