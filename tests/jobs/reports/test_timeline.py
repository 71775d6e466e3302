"""The timeline of jobs in each of its formats."""

from __future__ import annotations

import csv
import itertools
import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.timeline import WRITERS, timeline_page, write_timeline
from kubeque.model.errors import DestinationError, UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.stats.spans import By
from tests.jobs.sweeps import NOON, Ended, ended_job


def how(index: int) -> Ended:
    return Ended(Cause.EXIT if index == 5 else Cause.OK, seconds=2.0 + index % 3)


@pytest.fixture
def jobs(backends: Backends) -> list[Job]:
    return [
        ended_job(backends, [{"lr": n} for n in range(60)], how, name="first"),
        ended_job(backends, [{"seed": n} for n in range(3)], how, name="second", began=NOON + 1000),
    ]


@pytest.mark.parametrize("by", By)
def test_a_chrome_trace_has_what_its_readers_ask_for(
    backends: Backends, jobs: list[Job], tmp_path: Path, by: By
) -> None:
    """Trace Event Format: complete events with integer microseconds, which within one thread do not overlap."""
    assert write_timeline(backends, jobs, tmp_path / "t.json", by=by) == 63

    trace = json.loads((tmp_path / "t.json").read_text())
    assert trace["displayTimeUnit"] in ("ms", "ns")
    threads: dict[tuple[int, int], list[dict[str, Any]]] = {}
    named = set()
    for event in trace["traceEvents"]:
        assert isinstance(event["name"], str)
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name", "thread_sort_index")
            named.add((event["name"], event["pid"], event["tid"]))
            continue
        assert event["ph"] == "X"
        assert isinstance(event["cat"], str)
        assert isinstance(event["ts"], int)
        assert event["ts"] >= 0
        assert isinstance(event["dur"], int)
        assert event["dur"] >= 0
        threads.setdefault((event["pid"], event["tid"]), []).append(event)
    for (pid, tid), events in threads.items():
        assert ("thread_name", pid, tid) in named
        assert ("process_name", pid, 0) in named
        for before, after in itertools.pairwise(events):
            assert before["ts"] + before["dur"] <= after["ts"]
    ran = [event for events in threads.values() for event in events if event["args"]]
    assert len(ran) == 63
    (failed,) = [event for event in ran if event["cat"] == "exit"]
    assert (failed["name"], failed["dur"], failed["args"]["parameters"]) == ("first 5", 4_000_000, {"lr": "5"})


def test_a_csv_has_one_line_for_each_attempt(backends: Backends, jobs: list[Job], tmp_path: Path) -> None:
    write_timeline(backends, jobs, tmp_path / "t.csv")

    with open(tmp_path / "t.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 63
    assert table[5]["cause"] == "exit"
    assert (table[5]["exit_code"], table[5]["seconds"], table[5]["staging_seconds"]) == ("1", "4.0", "0.5")
    assert table[0]["start"].endswith("+00:00")


def test_a_page_holds_every_attempt_with_its_lanes_and_loads_nothing(
    backends: Backends, jobs: list[Job], tmp_path: Path
) -> None:
    write_timeline(backends, jobs, tmp_path / "t.html", by=By.TASK)

    page = (tmp_path / "t.html").read_text()
    (block,) = re.findall(r'id="timeline-data">(.*?)</script>', page, re.DOTALL)
    data = json.loads(block)
    assert data["by"] == "task"
    assert {len(column) for column in data["spans"].values()} == {63}
    assert len(data["lanes"]["consumer"]["labels"]) == 2
    assert len(data["lanes"]["task"]["labels"]) == 63
    assert data["columns"] == [["lr"], ["seed"]]
    assert not re.search(r"https?://", page)
    assert len(page) < 100_000


def test_a_picture_is_a_png(backends: Backends, jobs: list[Job], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_timeline(backends, jobs, tmp_path / "t.png", by=By.JOB)

    data = (tmp_path / "t.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width == 1800
    assert 300 <= height <= 1500


@pytest.mark.parametrize(
    ("ending", "library", "extra"), [(".png", "matplotlib", "picture"), (".parquet", "pyarrow", "table")]
)
def test_without_its_library_a_format_names_the_extra(tmp_path: Path, ending: str, library: str, extra: str) -> None:
    code = f"""
import sys
sys.modules["{library}"] = None
from pathlib import Path
from tests.jobs.sweeps import Ended, ended_job, make_backends
from kubeque.jobs.results.collect import collect
from kubeque.jobs.reports.timeline import write_timeline
from kubeque.model.errors import MissingExtra
home = Path(sys.argv[1])
backends = make_backends(home)
job = ended_job(backends, [{{"n": 1}}], lambda index: Ended())
try:
    if "{ending}" == ".png":
        write_timeline(backends, [job], home / "t.png")
    collect(backends, job, home / "t.parquet")
except MissingExtra as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=Path(__file__).parents[3],
    )
    assert f"kubeque[{extra}]" in ran.stdout, ran.stderr
    assert not list(tmp_path.glob("t.*"))


def test_a_job_of_which_nothing_ran_has_an_empty_timeline(backends: Backends, tmp_path: Path) -> None:
    job = ended_job(backends, [{"n": 1}], how, run=False)

    for ending in WRITERS:
        assert write_timeline(backends, [job], tmp_path / f"t{ending}") == 0


def test_another_ending_is_refused_and_names_those_there_are(
    backends: Backends, jobs: list[Job], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"\.html, \.json, \.csv, \.png"):
        write_timeline(backends, jobs, tmp_path / "t.svg")


def test_a_place_that_cannot_be_written_is_named(backends: Backends, jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DestinationError, match=r"file/t\.csv"):
        write_timeline(backends, jobs, tmp_path / "file" / "t.csv")


def test_the_legend_counts_all_attempts_where_not_all_are_drawn(backends: Backends) -> None:
    # Given 200 attempts, 40 of which failed
    rows = [{"n": n} for n in range(200)]
    job = ended_job(backends, rows, lambda n: Ended(Cause.EXIT if n % 5 == 0 else Cause.OK), name="thin")

    # When a page draws at most 20 of them
    page = timeline_page(backends, job, attempts=20)

    # Then its legend has all
    legend = dict(re.findall(r'data-cause="(\w+)".*?</span>\w+ ([\d,]+)</button>', page))
    assert legend == {"ok": "160", "exit": "40"}
    assert "of 200 attempts are drawn" in page
