"""Results are copied to a store: completely, once, below the given URL."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client, Transfer
from kubeque.files.store import Files
from kubeque.files.urls import join
from kubeque.jobs.results import fetch_to_store
from kubeque.model.errors import DestinationError, StorageError
from kubeque.model.rows.grid import sequence
from kubeque.model.rows.index_ranges import parse_ranges
from kubeque.model.sweep.sweep import Sweep
from tests.jobs.servers import bucket as bucket
from tests.jobs.servers import gs as gs
from tests.servers.objects import BUCKET

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("gs"), pytest.mark.server("gs")]

SCRIPT = "mkdir -p deep; echo $1 > a.txt; echo $1 > 'deep/b c.csv'; exit $(($1 == 2))"
WHOLE = ["a.txt", "deep/b c.csv", "stderr.txt", "stdout.txt"]


@pytest.fixture
def job(client: Client) -> str:
    """A job of four tasks. Task 2 failed. Each task left two files."""
    client.submit(Sweep(["sh", "-c", SCRIPT, "sh", "{index}"], name="job", rows=sequence(4)))
    client.wait("job", timeout=60)
    return "job"


def tree(url: str) -> dict[str, int]:
    """Return all files below a URL with their contents, except kubeque's own records."""
    return {name: size for name, size in Files().listing(url) if not name.startswith(".kubeque/")}


def test_all_that_tasks_left_goes_there_with_the_table_and_only_once(client: Client, job: str, bucket: str) -> None:
    said: list[Transfer] = []
    done = client.fetch(job, bucket, progress=said.append)

    assert sorted(tree(bucket)) == sorted([*(f"{n}/{name}" for n in range(4) for name in WHOLE), "results.csv"])
    assert Files().read(join(bucket, "3/deep/b c.csv")) == b"3\n"
    assert (done.dest, done.tasks, done.kept, done.files) == (bucket, 4, 0, 16)
    assert said[-1].items == said[-1].items_total == 4

    # Again: nothing. With one file changed there: its task.
    assert client.fetch(job, bucket).kept == 4
    Files().write(join(bucket, "1/a.txt"), b"other")
    again = client.fetch(job, bucket)
    assert (again.tasks, again.restored) == (1, 1)
    assert Files().read(join(bucket, "1/a.txt")) == b"1\n"


def test_tasks_and_files_may_be_chosen_and_more_of_them_later(client: Client, job: str, bucket: str) -> None:
    client.fetch(job, bucket, indexes=parse_ranges("0,2-3"), state="ok", globs=["*.txt"])
    few = [f"{n}/{name}" for n in (0, 3) for name in ("a.txt", "stderr.txt", "stdout.txt")]
    assert sorted(tree(bucket)) == sorted([*few, "results.csv"])
    assert client.fetch(job, bucket, state="ok", globs=["*.txt"]).tasks == 1
    assert client.fetch(job, bucket).tasks == 4
    assert len(tree(bucket)) == 17


@pytest.mark.parametrize(
    ("choice", "path", "other"),
    [({"layout": "n {index}"}, "n {}/{}", {"flat": "{index}-{name}"}), ({"flat": "{index}-{path}"}, "{}-{}", {})],
    ids=["folders", "flat"],
)  # fmt: skip
def test_layouts_work_in_a_store(
    client: Client, job: str, bucket: str, choice: dict[str, Any], path: str, other: dict[str, Any]
) -> None:
    files = ("a.txt", "deep_b c.csv" if "flat" in choice else "deep/b c.csv")
    client.fetch(job, bucket, streams=None, **choice)
    assert sorted(tree(bucket)) == sorted([*(path.format(n, file) for n in range(4) for file in files), "results.csv"])
    assert client.fetch(job, bucket, streams=None, **choice).files == 0
    Files().write(join(bucket, path.format(1, "a.txt")), b"other")
    assert client.fetch(job, bucket, streams=None, **choice).restored == 1
    with pytest.raises(DestinationError, match="holds results with"):
        client.fetch(job, bucket, **other)
    client.fetch(job, bucket, force=True)
    assert "3/stderr.txt" in tree(bucket)


def test_another_attempt_takes_the_place_of_the_one_before(client: Client, bucket: str, tmp_path: Path) -> None:
    script = f"if mkdir {tmp_path}/once; then touch first.txt; exit 1; else touch second.txt; fi"
    client.submit(Sweep(["sh", "-c", script], name="twice"))
    client.wait("twice", timeout=60)
    client.fetch("twice", bucket)
    assert "0/first.txt" in tree(bucket)
    client.reset("twice")
    client.wait("twice", timeout=60)
    client.fetch("twice", bucket)
    assert sorted(tree(bucket)) == ["0/second.txt", "0/stderr.txt", "0/stdout.txt", "results.csv"]


def test_what_is_broken_off_goes_on_behind_the_last_portion(
    client: Client, job: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_to_store, "_PORTION_TASKS", 1)
    send, sent = Files.upload_many, 0

    def away(*args: object, **kwargs: object) -> object:
        nonlocal sent
        if (sent := sent + 1) == 3:
            raise StorageError("the store is away")
        return send(*args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(Files, "upload_many", away)
        with pytest.raises(StorageError, match="away"):
            client.fetch(job, bucket)
    done = client.fetch(job, bucket)
    assert (done.kept, done.tasks) == (2, 2)
    assert len(tree(bucket)) == 17


def test_what_holds_other_things_is_left_alone_unless_forced(client: Client, job: str, bucket: str) -> None:
    Files().write(join(bucket, "mine.txt"), b"mine")
    with pytest.raises(DestinationError, match=r"is not empty and does not hold results of job.*--force"):
        client.fetch(job, bucket)
    assert list(tree(bucket)) == ["mine.txt"]
    client.fetch(job, bucket, force=True)
    assert len(tree(bucket)) == 18


def test_damaged_results_are_named_and_the_rest_is_there(client: Client, job: str, bucket: str, tmp_path: Path) -> None:
    (damaged,) = (path for path in tmp_path.rglob("result.json") if json.loads(path.read_text())["index"] == 1)
    damaged.write_text("{")
    with pytest.raises(StorageError, match=r"all files are fetched except those of task 1: .*kubeque reset .* --all"):
        client.fetch(job, bucket)
    assert sorted({name.split("/")[0] for name in tree(bucket)}) == ["0", "2", "3", "results.csv"]

    for text in ("{", '{"command": 5}', '{"files": [5]}', '{"refused": 5}', '{"out": [1]}', '{"stdout": 5}'):
        damaged.write_text(text)
        task = client.task(job, 1)
        assert task.result is None
        assert task.line.view.state.value == "ok"
        assert "result.json" in str(task.fault)


@pytest.mark.parametrize("dest", ["gs://no-such-bucket/x", f"https://example.invalid/{BUCKET}", "gs://"])
def test_a_place_that_cannot_be_written_is_said_at_once(client: Client, job: str, gs: str, dest: str) -> None:
    for write in (
        partial(client.fetch, job, dest), partial(client.check_destination, dest, "new"),
        partial(client.collect, job, f"{dest}/table.csv"), partial(client.report, job, f"{dest}/report.html"),
        partial(client.timeline, [job], f"{dest}/timeline.html"),
    ):  # fmt: skip
        with pytest.raises(DestinationError, match=f"cannot write to {dest}") as raised:
            write()
        assert raised.value.exit_code == 2


def test_a_table_a_report_and_a_timeline_go_to_a_store(client: Client, job: str, bucket: str) -> None:
    client.collect(job, join(bucket, "table.csv"))
    client.report(job, join(bucket, "report.html"))
    client.timeline([job], join(bucket, "sweep.csv"))
    assert Files().read(join(bucket, "table.csv")).startswith(b"index,")
    assert b"</html>" in Files().read(join(bucket, "report.html"))
    assert len(Files().read(join(bucket, "sweep.csv")).splitlines()) == 5
