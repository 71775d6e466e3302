"""Results are fetched completely, once, and only into their folder."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client, Transfer
from kubeque.files.layout import table_url
from kubeque.jobs.results.destination import MARKER
from kubeque.jobs.results.fetch import NotKept
from kubeque.model.config.config import Config
from kubeque.model.errors import DestinationError, FileDamaged, StorageError, UserError
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.index_ranges import parse_ranges
from kubeque.model.sweep.sweep import Sweep

SCRIPT = """
mkdir -p deep/er empty; echo $1 > a.txt; echo $1 > deep/er/b.csv; echo out $1; echo {} > 'a b.json'; exit $(($1 == 2))
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One site for all tests here: what they do with a job's results does not change it."""
    folder = tmp_path_factory.mktemp("site")
    with Client(Config.load(start=folder, home=folder, environ={"KUBEQUE_HOME": str(folder / "home")})) as client:
        yield client
        client.stop()


@pytest.fixture(scope="module")
def job(client: Client) -> str:
    """A job of four tasks. Task 2 failed. Each task left three files."""
    client.submit(Sweep(["sh", "-c", SCRIPT.replace("{}", "x"), "sh", "{index}"], name="job", rows=sequence(4)))
    client.wait("job", timeout=60)
    return "job"


def tree(folder: Path) -> list[str]:
    """Return all files below a folder, except kubeque's own records."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != MARKER)


def leftovers(dest: Path) -> list[str]:
    return sorted(path.name for path in (dest / MARKER).iterdir() if path.name.startswith("partial"))


WHOLE = ["a b.json", "a.txt", "deep/er/b.csv", "stderr.txt", "stdout.txt"]


def test_all_that_tasks_left_comes_with_their_streams_and_the_table(client: Client, job: str, tmp_path: Path) -> None:
    said: list[Transfer] = []
    done = client.fetch(job, tmp_path / "dest", progress=said.append)

    assert tree(tmp_path / "dest") == sorted([*(f"{n}/{name}" for n in range(4) for name in WHOLE), "results.csv"])
    assert (tmp_path / "dest/3/deep/er/b.csv").read_text() == "3\n"
    assert (tmp_path / "dest/3/stdout.txt").read_text() == "out 3\n"
    assert (done.tasks, done.kept, done.files) == (4, 0, 20)
    assert said[-1].items == said[-1].items_total == 4
    assert leftovers(tmp_path / "dest") == []


def test_tasks_and_files_may_be_chosen_and_the_table_has_all(client: Client, job: str, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    client.fetch(job, dest, indexes=parse_ranges("0,2-3"), state="ok", globs=["*.txt", "**/*.csv"])
    chosen = ["a.txt", "deep/er/b.csv", "stderr.txt", "stdout.txt"]
    assert tree(dest) == sorted([*(f"{n}/{name}" for n in (0, 3) for name in chosen), "results.csv"])
    assert len(list(csv.DictReader((dest / "results.csv").read_text().splitlines()))) == 4

    # A later fetch of the omitted files copies only those.
    assert client.fetch(job, dest, state="ok", indexes=parse_ranges("0")).files == 1
    missing = client.fetch(job, dest, state="failed", globs=["nothing"])
    assert (missing.files, missing.notes) == (0, ("no file of the selected tasks matches 'nothing'",))
    for _ in range(2):
        assert len(client.fetch(job, tmp_path / "other", globs=["a.*", "*.parquet"]).notes) == 1
    assert client.fetch(job, dest).kept == 1
    assert tree(dest) == sorted([*(f"{n}/{name}" for n in range(4) for name in WHOLE), "results.csv"])


@pytest.mark.parametrize("indexes", [parse_ranges("1,99"), parse_ranges("0-99"), [99]])
def test_a_task_that_the_job_does_not_have_is_refused(
    client: Client, job: str, tmp_path: Path, indexes: Container[int]
) -> None:
    with pytest.raises(UserError, match=r"has no task (4 to )?99: its tasks are 0 to \d+$"):
        client.fetch(job, tmp_path / "dest", indexes=indexes)
    assert not (tmp_path / "dest").exists()


def test_a_file_that_was_changed_cut_or_removed_here_comes_again_and_the_users_own_stay(
    client: Client, job: str, tmp_path: Path
) -> None:
    dest = tmp_path / "dest"
    client.fetch(job, dest)
    assert client.fetch(job, dest).tasks == 0
    (dest / "0/a.txt").write_text("9\n")
    (dest / "1/deep/er/b.csv").write_text("")
    (dest / "2/stdout.txt").unlink()
    (dest / "2/notes.md").write_text("mine")

    done = client.fetch(job, dest)

    assert (done.tasks, done.kept, done.files, done.restored) == (3, 1, 3, 3)
    assert (dest / "0/a.txt").read_text() == "0\n"
    assert (dest / "1/deep/er/b.csv").read_text() == "1\n"
    assert (dest / "2/stdout.txt").read_text() == "out 2\n"
    assert (dest / "2/notes.md").read_text() == "mine"


def test_another_attempt_takes_the_place_of_the_one_before(client: Client, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    script = f"if test -e {flag}; then mkdir x; echo new > x/y; else echo old > x; echo > z; exit 1; fi"
    client.submit(Sweep(["sh", "-c", script], name="twice"))
    client.wait("twice", timeout=60)
    client.fetch("twice", tmp_path / "dest")
    assert {"0/x", "0/z"} <= set(tree(tmp_path / "dest"))
    flag.touch()
    client.reset("twice")
    client.wait("twice", timeout=60)
    (tmp_path / "dest/0/notes").write_text("mine")

    client.fetch("twice", tmp_path / "dest")

    assert tree(tmp_path / "dest") == ["0/notes", "0/stderr.txt", "0/stdout.txt", "0/x/y", "results.csv"]


# -- what is damaged or forged ----------------------------------------------------------------------------------------

Forge = Callable[[Callable[[dict[str, Any]], object]], None]


@pytest.fixture
def forge(client: Client, job: str) -> Iterator[Forge]:
    """Function that changes the result.json of task 1 for one test."""
    (path,) = Path(client.job(job).url).glob("tasks/1/*/result.json")

    def forge(change: Callable[[dict[str, Any]], object]) -> None:
        said = json.loads(path.read_text())
        changed = change(said)
        path.write_text(json.dumps(said if changed is None else changed))

    before = path.read_text()
    yield forge
    path.write_text(before)


NAMES = [
    "../evil", "/tmp/kubeque-evil", "a/../../../evil", "a\0b", "", ".", "a//b", "a\\b", "C:x", "\ud800", 7, None,
    ["a"], "a.txt/x",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_no_name_in_a_manifest_leads_out(client: Client, forge: Forge, tmp_path: Path, name: object) -> None:
    forge(lambda said: said["files"][-1].update(name=name))
    before = set(tmp_path.iterdir())

    with pytest.raises(StorageError, match="task 1: ") as refused:
        client.fetch("job", tmp_path / "dest")

    assert "\n" not in str(refused.value)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "dest"}
    assert not Path("/tmp/kubeque-evil").exists()
    # All others came.
    assert {name.partition("/")[0] for name in tree(tmp_path / "dest")} == {"0", "2", "3", "results.csv"}


@pytest.mark.parametrize(
    "change",
    [
        lambda said: [],
        lambda said: "text",
        lambda said: said.update(files={"a": 1}),
        lambda said: said.update(files=[["a.txt"]]),
        lambda said: said["files"][0].update(size=-1),
        lambda said: said["files"][0].update(size="1"),
        lambda said: said["files"][0].update(digest="../../x"),
        lambda said: said["files"][0].pop("digest"),
        lambda said: said.update(stdout=["x"]),
        lambda said: said.update(stdout=None, stdout_bytes="many"),
        lambda said: said.update(stdout=None, stdout_bytes=float("inf")),
        lambda said: said.update(stdout=None, stdout_bytes=-1),
        lambda said: said.update(stdout=None, stdout_bytes=10**400),
        lambda said: said["files"][0].update(size=10**400),
        lambda said: said["files"][0].update(size=50 << 30),
    ],
)
def test_a_forged_manifest_is_named(client: Client, forge: Forge, tmp_path: Path, change: Any) -> None:
    forge(change)
    with pytest.raises(StorageError, match=r"task 1: .*result\.json is damaged or forged"):
        client.fetch("job", tmp_path / "dest")
    assert not (tmp_path / "dest/1").exists()


def test_a_result_that_was_replaced_by_a_huge_file_does_not_fill_the_disk(
    client: Client, job: str, tmp_path: Path
) -> None:
    # Given a result of two bytes that a task program replaced by a file of 1 TB
    (stored,) = Path(client.job(job).url).glob("tasks/1/*/files/a.txt")
    table = Path(table_url(client.job(job)))
    before = table.read_bytes()
    for path in (stored, table):
        os.truncate(path, 1 << 40)

    # When the job is fetched
    with pytest.raises(StorageError, match=r"task 1: cannot read .*a\.txt: the file has 1099511627776 bytes, not 2"):
        client.fetch(job, tmp_path / "dest")
    stored.write_text("1\n")
    table.write_bytes(before)

    # Then nothing of the file is here, all others came, and the table comes from the queue
    expected = [*(f"{n}/{name}" for n in range(4) for name in WHOLE if (n, name) != (1, "a.txt")), "results.csv"]
    assert tree(tmp_path / "dest") == sorted(expected)
    assert (tmp_path / "dest/results.csv").read_bytes() == before


def test_a_manifest_that_names_many_streams_is_read_in_linear_time(
    client: Client, job: str, forge: Forge, tmp_path: Path
) -> None:
    names = [f"stdout.{n}.txt" for n in range(100_000)] + ["stdout.txt"]
    forge(lambda said: said.update(files=[{"name": name, "size": 0, "digest": "0" * 64} for name in names]))
    client.fetch(job, tmp_path / "dest", globs=["x"])  # quadratic time is minutes: the time limit of the test ends it


def test_a_link_in_the_destination_is_not_followed_out_of_it(client: Client, job: str, tmp_path: Path) -> None:
    dest, outside = tmp_path / "dest", tmp_path / "outside"
    outside.mkdir()
    client.fetch(job, dest, globs=["*.txt"])
    (dest / "0/deep").symlink_to(outside)
    (dest / "1").rename(tmp_path / "moved")
    (dest / "1").symlink_to(outside)

    with pytest.raises(StorageError, match="symbolic link"):
        client.fetch(job, dest)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("bytes_now", [b"", b"1", b"9\n", None], ids=["empty", "cut", "changed", "gone"])
def test_a_stored_file_that_is_not_what_it_was_is_named_and_all_others_come(
    client: Client, job: str, tmp_path: Path, bytes_now: bytes | None
) -> None:
    (stored,) = Path(client.job(job).url).glob("tasks/1/*/files/a.txt")
    stored.unlink() if bytes_now is None else stored.write_bytes(bytes_now)

    with pytest.raises(StorageError, match=r"task 1: cannot read .*a\.txt"):
        client.fetch(job, tmp_path / "dest")
    expected = [*(f"{n}/{name}" for n in range(4) for name in WHOLE if (n, name) != (1, "a.txt")), "results.csv"]
    assert tree(tmp_path / "dest") == sorted(expected)
    with pytest.raises(StorageError, match=r"task 1: cannot read .*a\.txt"):  # each time, not only once
        client.fetch(job, tmp_path / "dest")
    stored.write_text("1\n")

    # Once it is repaired, a fetch copies the rest.
    done = client.fetch(job, tmp_path / "dest")
    assert (done.tasks, done.files, done.restored) == (1, 1, 0)
    assert client.fetch(job, tmp_path / "dest").kept == 4


def test_what_is_in_the_way_in_the_folder_costs_one_file(client: Client, job: str, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    (dest / "0/a.txt/mine").mkdir(parents=True)
    (dest / "2").mkdir()
    (dest / "2/deep").touch()

    with pytest.raises(
        StorageError, match=r"task 0: cannot write .*/0/a\.txt: .*; task 2: .*; correct the cause, or choose"
    ):
        client.fetch(job, dest, force=True)

    missing = [(0, "a.txt"), (2, "deep/er/b.csv")]
    expected = [f"{n}/{name}" for n in range(4) for name in WHOLE if (n, name) not in missing]
    assert tree(dest) == sorted([*expected, "2/deep", "results.csv"])
    shutil.rmtree(dest / "0/a.txt")
    (dest / "2/deep").unlink()
    assert client.fetch(job, dest).files == 2


ODD = r"""
import os, socket, sys
which = int(sys.argv[1])
print("out", which)
if which == 0:
    os.mkdir("stdout.txt"); open("stdout.txt/part", "w").write("part"); open("stderr.txt", "w").write("mine")
    print("err", file=sys.stderr)
if which == 1:
    os.mkfifo("fifo"); os.symlink("/etc/passwd", "link"); open("a:b", "w"); open(b"\xff", "w")
    for name in ("line\nbreak", "dots...", ".. ", "é" * 127, "plain"):
        open(name, "w").write("x")
    deep = "/".join(["d" * 200] * 15)
    os.makedirs(deep); open(deep + "/file", "w").write("deep")
if which == 2:
    for n in range(25):
        os.symlink("/", f"link{n}")
    open("run.sh", "w").write("#!/bin/sh\necho ran\n"); os.chmod("run.sh", 0o755)
    for stream in ("stdout", "stderr"):
        os.unlink("../" + stream)
    os.mkdir("../stderr"); os.mkfifo("../stdout")
"""


def test_odd_files_cost_only_themselves_and_are_counted(client: Client, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(ODD)
    client.submit(Sweep(["python3", "^odd.py", "{index}"], name="odd", rows=sequence(4), base=tmp_path))
    assert client.wait("odd", timeout=60).counts.ok == 4
    dest = tmp_path / "dest"

    done = client.fetch("odd", dest)

    assert (done.tasks, done.not_kept) == (4, NotKept(4 + 25 + 2, 2, 1))
    assert tree(dest / "0") == ["stderr.1.txt", "stderr.txt", "stdout.1.txt", "stdout.txt/part"]
    assert [(dest / "0" / name).read_text() for name in ("stdout.1.txt", "stderr.1.txt", "stderr.txt")] == [
        "out 0\n", "err\n", "mine",
    ]  # fmt: skip
    deep = "/".join(["d" * 200] * 15) + "/file"
    assert tree(dest / "1") == sorted(
        ["line\nbreak", "dots...", ".. ", "é" * 127, "plain", deep, "stdout.txt", "stderr.txt"]
    )
    assert subprocess.check_output([dest / "2/run.sh"]) == b"ran\n"
    assert not os.access(dest / "1/plain", os.X_OK)
    assert tree(dest / "3") == ["stderr.txt", "stdout.txt"]
    again = client.fetch("odd", dest)
    assert (again.tasks, again.kept, again.not_kept) == (0, 4, done.not_kept)


def test_a_name_too_long_for_the_folder_costs_one_file(client: Client, tmp_path: Path) -> None:
    deep = "/".join(["d" * 200] * 17)
    client.submit(Sweep(["sh", "-c", f"mkdir -p {deep}; echo x > {deep}/file; echo y > plain"], name="deep"))
    client.wait("deep", timeout=60)
    dest = tmp_path.joinpath(*["e" * 200] * 3)

    with pytest.raises(
        StorageError, match=r"task 0: cannot write .*: File name too long; correct the cause, or choose"
    ):
        client.fetch("deep", dest)

    assert tree(dest) == ["0/plain", "0/stderr.txt", "0/stdout.txt", "results.csv"]


def test_a_long_stream_is_checked_as_well(client: Client, tmp_path: Path) -> None:
    client.submit(Sweep(["sh", "-c", "yes | head -c 100000"], name="long"))
    client.wait("long", timeout=60)
    client.fetch("long", tmp_path / "dest")
    assert (tmp_path / "dest/0/stdout.txt").stat().st_size == 100_000

    (stored,) = Path(client.job("long").url).glob("tasks/0/*/stdout.txt")
    stored.write_bytes(b"n\n" * 50_000)
    with pytest.raises(StorageError, match=r"stdout\.txt"):
        client.fetch("long", tmp_path / "other")


# -- what breaks off --------------------------------------------------------------------------------------------------


def test_a_fetch_that_was_broken_off_goes_on_with_the_file_it_was_at(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.submit(Sweep(["sh", "-c", "for n in $(seq 100); do echo $n > $n; done"], name="many"))
    client.wait("many", timeout=60)
    pieces = 0

    def give_up(now: Transfer) -> None:
        nonlocal pieces
        pieces += 1
        if pieces > 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("kubeque.files.transfer_progress.REPORT_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        client.fetch("many", tmp_path / "dest", progress=give_up)
    assert tree(tmp_path / "dest") == ["results.csv"]
    assert len(leftovers(tmp_path / "dest")) == 1

    done = client.fetch("many", tmp_path / "dest")
    assert (done.tasks, len(tree(tmp_path / "dest"))) == (1, 103)
    assert done.files < 102
    assert leftovers(tmp_path / "dest") == []


FULL = """
import sys
from pathlib import Path
from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.errors import KubequeError
home, dest = map(Path, sys.argv[1:])
client = Client(Config.load(start=home, home=home, environ={"KUBEQUE_HOME": str(home)}))
try:
    client.fetch("big", dest)
except KubequeError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_leaves_nothing_half_written(client: Client, tmp_path: Path) -> None:
    disk = tmp_path / "small-disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], check=False).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        client.submit(Sweep(["sh", "-c", "head -c 1000000 /dev/zero > f"], name="big", rows=sequence(6)))
        client.wait("big", timeout=60)
        ran = subprocess.run(
            [sys.executable, "-c", FULL, str(client.config.home), str(disk / "dest")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip

        assert os.strerror(errno.ENOSPC) in ran.stdout
        assert str(disk) in ran.stdout
        assert len(ran.stdout.splitlines()) == 1
        for name in tree(disk / "dest"):
            assert (disk / "dest" / name).stat().st_size == 1_000_000 or name.endswith((".txt", "results.csv"))
        subprocess.run(["mount", "-o", "remount,size=30m", disk], check=True)
        client.fetch("big", disk / "dest")
        assert sum(path.endswith("/f") for path in tree(disk / "dest")) == 6
    finally:
        subprocess.run(["umount", disk], check=True)


# -- the folder -------------------------------------------------------------------------------------------------------


def test_of_two_fetches_into_one_folder_the_second_is_told(client: Client, job: str, tmp_path: Path) -> None:
    def second(now: Transfer) -> None:
        with pytest.raises(DestinationError, match="another fetch"):
            client.fetch(job, tmp_path / "dest")
        raise FileDamaged("told")

    with pytest.raises(FileDamaged, match="told"):
        client.fetch(job, tmp_path / "dest", progress=second)


def test_names_come_back_as_they_were(client: Client, tmp_path: Path) -> None:
    names = ["a b", "ü/é", "line\nbreak", "-rf", "$(id)", "x" * 200, "*", "'\"", ".hidden", "%2e%2e", "a?b#c"]
    program = "import json,os,sys\nfor n in json.loads(sys.argv[1]):\n os.makedirs(os.path.dirname(n) or '.', exist_ok=True); open(n, 'w').write(n)"  # noqa: E501
    client.submit(Sweep(["python3", "-c", program, json.dumps(names).replace("{", "{{")], name="names"))
    client.wait("names", timeout=60)
    client.fetch("names", tmp_path / "dest")
    assert tree(tmp_path / "dest/0") == sorted([*names, "stderr.txt", "stdout.txt"])
    assert all((tmp_path / "dest/0" / name).read_text() == name for name in names)


def test_a_task_that_never_ran_has_an_empty_folder(client: Client, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("x")
    client.submit(Sweep(["cat", "^in.txt"], name="gone", base=tmp_path, retry_causes={"stage": 0}))
    digest = hashlib.sha256(b"x").hexdigest()
    (Path(client.config.cas_url_prefix) / digest).unlink()
    client.wait("gone", timeout=60)
    client.fetch("gone", tmp_path / "dest")
    assert list((tmp_path / "dest/0").iterdir()) == []
