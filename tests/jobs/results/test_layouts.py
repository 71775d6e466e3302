"""A fetch into folders or files that parameters name: never outside of the destination, never two files in one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client, Existing, Streams, Transfer
from kubeque.files.safe_paths import path_part
from kubeque.jobs.results.destination import MARKER, OWNER_OF_LAYOUT
from kubeque.model.config.config import Config
from kubeque.model.errors import DestinationError, UserError
from kubeque.model.rows.grid import grid
from kubeque.model.rows.index_ranges import parse_ranges
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("site")
    with Client(Config.load(start=folder, home=folder, environ={"KUBEQUE_HOME": str(folder / "home")})) as client:
        yield client
        client.stop()


@pytest.fixture(scope="module")
def job(client: Client) -> str:
    """A job of four tasks with two files each. The tasks of seed 2 print a line."""
    script = "mkdir out; echo $1 > out/plot.png; echo $2 > log.txt; if [ $2 = 2 ]; then echo said; fi"
    client.submit(Sweep(["sh", "-c", script, "sh", "{lr}", "{seed}"], name="job", rows=grid(lr=[0.1, -1], seed=[1, 2])))
    client.wait("job", timeout=60)
    return "job"


def tree(folder: Path) -> list[str]:
    """Return all files and empty folders below a folder, except kubeque's own records."""
    found = [path for path in folder.rglob("*") if path.is_file() or not any(path.iterdir())]
    return sorted(str(path) for at in found if (path := at.relative_to(folder)).parts[0] != MARKER)


def test_folders_have_the_values_of_parameters(client: Client, job: str, tmp_path: Path) -> None:
    told: list[Transfer] = []
    done = client.fetch(job, tmp_path / "d", layout="{lr}/s-{seed}", streams=None, progress=told.append)
    assert (told[-1].size, told[-1].size_total) == (done.size, done.size)
    assert tree(tmp_path / "d") == sorted(
        [f"{lr}/s-{seed}/{name}" for lr in ("0.1", "%2D1") for seed in (1, 2) for name in ("log.txt", "out/plot.png")]
        + ["0.1/s-2/stdout.txt", "%2D1/s-2/stdout.txt", "results.csv"]
    )
    assert (tmp_path / "d/%2D1/s-2/out/plot.png").read_text() == "-1\n"
    assert done.size == 2 * (4 + 3) + 4 * 2 + 2 * 5

    # Again: nothing. A changed and a deleted file come again.
    assert client.fetch(job, tmp_path / "d", layout="{lr}/s-{seed}", streams=None).files == 0
    (tmp_path / "d/0.1/s-1/log.txt").write_text("changed")
    (tmp_path / "d/0.1/s-2/out/plot.png").unlink()
    again = client.fetch(job, tmp_path / "d", layout="{lr}/s-{seed}/", streams=None)
    assert (again.tasks, again.kept, again.restored) == (2, 2, 2)
    assert (tmp_path / "d/0.1/s-1/log.txt").read_text() == "1\n"

    # The rest of the streams, as a fetch without layouts brings them.
    client.fetch(job, tmp_path / "d", layout="{lr}/s-{seed}")
    assert (tmp_path / "d/0.1/s-1/stderr.txt").read_text() == ""


def test_one_folder_has_files_named_by_parameters_and_streams_on_request(
    client: Client, job: str, tmp_path: Path
) -> None:
    flat = "{lr}-{seed}-{name}"
    client.fetch(job, tmp_path / "d", flat=flat, streams=None)
    files = [f"{lr}-{seed}-{name}" for lr in ("0.1", "%2D1") for seed in (1, 2) for name in ("log.txt", "plot.png")]
    assert tree(tmp_path / "d") == sorted([*files, "results.csv"])
    assert (tmp_path / "d/%2D1-1-plot.png").read_text() == "-1\n"
    assert client.fetch(job, tmp_path / "d", flat=flat, streams=None).files == 0

    client.fetch(job, tmp_path / "d", flat=flat, streams=Streams.FILLED)
    streams = ["%2D1-2-stdout.txt", "0.1-2-stdout.txt"]
    assert tree(tmp_path / "d") == sorted([*files, *streams, "results.csv"])
    assert client.fetch(job, tmp_path / "globs", flat="{index}", globs=["stdout.txt"], streams=None).files == 2
    assert tree(tmp_path / "globs") == ["1", "3", "results.csv"]


@pytest.mark.parametrize(
    ("flat", "layout", "message"),
    [
        (None, "{lr}", "rows 0 and 1 the same folder 0.1: add {seed} or {index}"),
        (None, "x", "rows 0 and 1 the same folder x: add {seed} or {index}"),
        ("{lr}-{name}", None, "rows 0 and 1 the same file 0.1-log.txt: add {seed} or {index}"),
        ("{lr}-{seed}", None, "the files log.txt and out/plot.png of row 0 the same file 0.1-1: add {path}"),
        ("{index}{Name}", None, "unknown name {Name}: did you mean 'name'?"),
        (None, "{lr}/{sead}", "unknown name {sead}: did you mean 'seed'?"),
        (None, "{lr}/{name}", "unknown name {name}: the names are lr, seed, index"),
        (None, "../{lr}", "has '.' at the start of a part"),
        (None, "/abs/{lr}", "has an empty part"),
        (None, "", "is empty or has an unbalanced brace"),
        (None, "{lr}//{seed}", "has an empty part"),
        (None, ".kubeque/{index}", "has '.' at the start"),
        (None, "{lr", "unbalanced brace"),
        (None, "a\0{index}", "a character that a path cannot have"),
        ("{lr}/{name}", None, "has a slash, but all files go into one folder: --layout makes folders"),
        ("{name}", "{index}", "--flat and --layout exclude each other"),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_work_is_refused_before_anything_is_written(
    client: Client, job: str, tmp_path: Path, flat: str | None, layout: str | None, message: str
) -> None:
    with pytest.raises(UserError) as error:
        client.fetch(job, tmp_path / "d", flat=flat, layout=layout)
    assert message in str(error.value)
    assert not (tmp_path / "d").exists()


HOSTILE = [
    "..", ".", "x/../../up", "/etc/x", "a/b", "a\\b", "-rf", ".kubeque", "results.csv.", "C:x", "a\nb", "\x1b[2J",
    "\u202etxt", "naïve ü", "x" * 5000, "ü" * 300, " ", "%2E%2E x", "~", "*",
]  # fmt: skip


@pytest.mark.parametrize("flat", [False, True], ids=["folders", "flat"])
def test_no_value_of_a_parameter_leads_out(client: Client, tmp_path: Path, flat: bool) -> None:
    name = f"hostile{int(flat)}"
    client.submit(Sweep(["sh", "-c", "echo f > f"], name=name, rows=from_records([{"v": value} for value in HOSTILE])))
    client.wait(name, timeout=60)
    dest = tmp_path / "a" / "dest"
    done = client.fetch(
        name, dest, streams=None, flat="{v}" if flat else None, layout=None if flat else "{v}"
    )  # fmt: skip
    assert done.files == len(HOSTILE)
    assert os.listdir(tmp_path) == ["a"]
    assert os.listdir(tmp_path / "a") == ["dest"]
    found = [path for path in tree(dest) if path != "results.csv"]
    folders = [path.removesuffix("/f") for path in found]
    assert len(found) == len(HOSTILE)
    assert all(path.isprintable() for path in found)
    names = [name for path in found for name in path.split("/")]
    assert not any(name.startswith(("-", ".")) for name in names)
    assert max(len(name.encode()) for name in names) <= 240
    assert {"%2E.", "%2Drf", "naïve ü", "%2Ekubeque", path_part("x" * 5000), path_part("ü" * 300)} <= set(folders)
    of_slashes = {"a_b", "_etc_x", "x_.._.._up"} if flat else {"a/b", "etc/x", "x/%2E./%2E./up"}
    assert of_slashes <= set(folders)
    assert all((dest / path).read_text() == "f\n" for path in found)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("A", "a"), "folders that differ only in case or Unicode form, A and a: add {index}"),
        (("\u00e9", "e\u0301"), "differ only in case or Unicode form"),
        (("x", "Results.csv"), "gives row 1 the path 'Results.csv', which the fetch uses for its own files"),
        (("", "_"), "rows 0 and 1 the same folder _"),
        (("/a/b", "a//./b"), "rows 0 and 1 the same folder a/b: add {index}"),
        (("a/b", "a"), "puts the folder of row 0 (a/b) into the folder of row 1 (a): write {index}- in front"),
        (("A", "a/b/c"), "puts the folder of row 1 (a/b/c) into the folder of row 0 (A)"),
        (("results.csv/x", "y"), "gives row 0 the path 'results.csv/x', which the fetch uses for its own files"),
    ],
)  # fmt: skip
def test_values_that_some_file_systems_do_not_distinguish_are_refused(
    client: Client, tmp_path: Path, values: tuple[str, ...], message: str
) -> None:
    name = f"alike-{path_part(repr(values)).encode().hex()[:20]}"
    rows = from_records([{"v": value} for value in values])
    client.submit(Sweep(["true"], name=name, rows=rows))
    client.wait(name, timeout=60)
    with pytest.raises(UserError) as error:
        client.fetch(name, tmp_path / "d", layout="{v}", streams=None)
    assert message in str(error.value)


def test_a_slash_in_a_value_separates_folders_and_becomes_an_underscore_in_one_folder(
    client: Client, tmp_path: Path
) -> None:
    values = ["img/eu/a.png", "img/us/a.png", "/abs/a.png", "s3://bucket/a.png"]
    rows = from_records([{"path": value, "n": number} for number, value in enumerate(values)])
    client.submit(Sweep(["sh", "-c", "mkdir out; echo $1 > out/f", "sh", "{path}"], name="slashes", rows=rows))
    client.wait("slashes", timeout=60)

    client.fetch("slashes", tmp_path / "d", layout="of/{path}", streams=None)
    folders = ["of/abs/a.png", "of/img/eu/a.png", "of/img/us/a.png", "of/s3%3A/bucket/a.png"]
    assert tree(tmp_path / "d") == [*(f"{folder}/out/f" for folder in folders), "results.csv"]
    assert (tmp_path / "d/of/img/us/a.png/out/f").read_text() == "img/us/a.png\n"
    assert client.fetch("slashes", tmp_path / "d", layout="of/{path}", streams=None).files == 0

    client.fetch("slashes", tmp_path / "e", flat="{param.path}-{path}", streams=None)
    files = ["_abs_a.png-out_f", "img_eu_a.png-out_f", "img_us_a.png-out_f", "results.csv", "s3%3A__bucket_a.png-out_f"]
    assert tree(tmp_path / "e") == files
    # And a folder of an earlier fetch counts, also if it is inside of a folder or around it
    client.fetch("slashes", tmp_path / "f", layout="{path}", indexes=[0], streams=None)
    assert client.fetch("slashes", tmp_path / "f", layout="{path}", streams=None).tasks == 3


def test_rows_that_were_fetched_before_take_part_in_the_check(client: Client, job: str, tmp_path: Path) -> None:
    client.fetch(job, tmp_path / "d", layout="{lr}", indexes=parse_ranges("0,2"))
    with pytest.raises(UserError, match=r"rows .* the same folder"):
        client.fetch(job, tmp_path / "d", layout="{lr}", indexes=parse_ranges("1"))
    assert client.fetch(job, tmp_path / "d", layout="{lr}", indexes=parse_ranges("0,2")).files == 0


def test_another_layout_is_refused_with_the_remedy(client: Client, job: str, tmp_path: Path) -> None:
    client.fetch(job, tmp_path / "flat", flat="{index}-{name}", streams=None)
    client.fetch(job, tmp_path / "plain")
    before = tree(tmp_path)
    remedy = r"holds results with (--flat '\{index\}-\{name\}'): add \1, or choose another folder"
    others: list[dict[str, Any]] = [{}, {"layout": "{index}"}, {"layout": "{lr}/{seed}"}, {"flat": "{name}-{index}"}]
    for other in others:
        with pytest.raises(DestinationError, match=remedy):
            client.fetch(job, tmp_path / "flat", **other)
    with pytest.raises(DestinationError, match="in a folder for each index: leave out --flat and --layout"):
        client.fetch(job, tmp_path / "plain", layout="{lr}/{seed}")
    assert tree(tmp_path) == before
    assert client.fetch(job, tmp_path / "plain", layout="{index}").files == 0
    # An earlier version looks for job.json: it must not mix its layout with this one.
    assert os.listdir(tmp_path / "flat" / MARKER).count("job.json") == 0
    assert json.loads((tmp_path / "flat" / MARKER / OWNER_OF_LAYOUT).read_bytes())["job"] == job

    client.fetch(job, tmp_path / "flat", layout="{lr}/{seed}", force=True, streams=None)
    assert "0.1/1/log.txt" in tree(tmp_path / "flat")


def test_without_all_only_what_exists_comes_and_an_older_destination_stays_whole(
    client: Client, job: str, tmp_path: Path
) -> None:
    client.submit(Sweep(["true"], name="silent", rows=from_records([{"x": 1}, {"x": 2}])))
    client.wait("silent", timeout=60)
    assert client.fetch("silent", tmp_path / "new", streams=None).files == 0
    assert tree(tmp_path / "new") == ["results.csv"]
    assert client.fetch("silent", tmp_path / "new", streams=None).kept == 2

    whole = ["0/stderr.txt", "0/stdout.txt", "1/stderr.txt", "1/stdout.txt", "results.csv"]
    client.fetch("silent", tmp_path / "new")
    client.fetch("silent", tmp_path / "old", indexes=[0])
    client.fetch("silent", tmp_path / "old", streams=None)
    assert tree(tmp_path / "new") == tree(tmp_path / "old") == whole


@pytest.mark.parametrize("choice", [{"layout": "{v}"}, {"flat": "{v}.txt"}], ids=["folders", "flat"])
@pytest.mark.parametrize("revised", [True, False], ids=["revised", "replaced"])
def test_files_of_an_earlier_attempt_go_although_their_path_belongs_to_another_row_now(
    client: Client, tmp_path: Path, choice: dict[str, Any], revised: bool
) -> None:
    name, dest = f"{next(iter(choice))}-{revised}".lower(), tmp_path / "dest"

    def run(values: str, existing: Existing) -> None:
        rows = from_records([{"v": value} for value in values])
        client.submit(Sweep(["sh", "-c", "echo $1 > f", "sh", "{v}"], name=name, rows=rows), existing=existing)
        client.wait(name, timeout=60)

    run("abcd", Existing.REFUSE)
    client.fetch(name, dest, streams=None, **choice)
    uid = client.job(name).uid
    if not revised:
        client.remove(name)
    run("bcde", Existing.REVISE)
    client.fetch(name, dest, streams=None, replaces=uid, **choice)
    files = [path for path in dest.rglob("*") if path.is_file() and MARKER not in path.parts]
    texts = {str(path.relative_to(dest)).removesuffix(".txt")[0]: path.read_text().strip() for path in files}
    del texts["r"]  # results.csv
    assert texts == {value: value for value in "bcde"}
    assert client.fetch(name, dest, streams=None, **choice).files == 0


def test_columns_with_names_of_parts_of_a_file(client: Client, tmp_path: Path) -> None:
    # Given rows with the columns of --each, and tasks with two files of one name
    rows = from_records([{"path": f"in/{name}.txt", "name": f"{name}.txt", "stem": name} for name in "ab"])
    script = "mkdir out; echo 1 > sum.txt; echo 2 > out/sum.txt"
    client.submit(Sweep(["sh", "-c", script, "{path}"], name="each", rows=rows))
    client.wait("each", timeout=60)

    # Then the short names are those of the file, and `param.` gives the column
    client.fetch("each", tmp_path / "d", flat="{param.stem}-{path}", streams=None)
    assert tree(tmp_path / "d") == ["a-out_sum.txt", "a-sum.txt", "b-out_sum.txt", "b-sum.txt", "results.csv"]

    # And each advice is a pattern that works
    for flat, advice in [
        ("{path}", "{param.name} or {index}"),
        ("{name}", "{path} and {index}"),
        ("{param.stem}-{name}", "{path}"),
    ]:
        with pytest.raises(UserError) as error:
            client.fetch("each", tmp_path / "e", flat=flat, streams=None)
        assert f"add {advice}; " in str(error.value)
        works = str(error.value).partition("flat ")[2].rpartition("flat ")[2].split("'")[1]
        assert client.fetch("each", tmp_path / advice, flat=works, streams=None).files == 4

    # And one error names all unknown names
    with pytest.raises(UserError, match=r"unknown name \{nam\}: .*unknown name \{stm\}"):
        client.fetch("each", tmp_path / "e", flat="{nam}-{stm}", streams=None)
