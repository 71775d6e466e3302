"""The collected table contains all values with their types."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.files.layout import result_url
from kubeque.files.urls import join
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.collect import collect, frame, print_table, records
from kubeque.jobs.results.ranking import rank_tasks
from kubeque.jobs.results.table import TaskRow, lines, to_csv
from kubeque.model.errors import StorageError, UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import Running, TaskRecord, TaskState, TaskView
from kubeque.model.rows.column_names import FACTS
from kubeque.model.rows.column_types import read_text
from kubeque.model.rows.parameters import from_frame, to_rows
from kubeque.model.rows.text_reasons import TextReasons
from kubeque.model.sweep.sweep import Sweep
from tests.jobs.sweeps import Ended, ended_job

ROWS = [
    {"lr": "0.1", "tag": "007", "state": "CA"},
    {"lr": "1", "tag": "008", "state": ""},
    {"lr": "2", "tag": "009", "state": "NY"},
]


def how(index: int) -> Ended:
    if index == 1:
        return Ended(Cause.EXIT)
    if index == 2:
        return Ended(out={}, folder="1-abc")  # too large for the queue
    return Ended(out={"loss": 1, "best": True, "name": "a"})


@pytest.fixture
def job(backends: Backends) -> Job:
    job = ended_job(backends, ROWS, how)
    last = list(lines(backends, job))[2].view.record.outcome
    out = {"loss": 0.5, "best": False, "text": "x" * 3000}
    backends.files.write(join(result_url(job, last), "result.json"), json.dumps({"out": out}).encode())
    return job


def test_parquet_keeps_parameters_as_text_and_values_as_what_they_are(
    backends: Backends, job: Job, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")

    done = collect(backends, job, tmp_path / "t.parquet")

    table = parquet.read_table(tmp_path / "t.parquet")
    assert done.rows == table.num_rows == 3
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds == {
        "index": "int64", "lr": "string", "tag": "string", "param.state": "string", "state": "string",
        "cause": "string", "exit_code": "int64", "attempts": "int64", "seconds": "double", "peak_memory": "int64",
        "files": "int64", "bytes": "int64", "message": "string", "out.loss": "double", "out.best": "bool",
        "out.name": "string", "out.text": "string",
    }  # fmt: skip
    assert table["out.loss"].to_pylist() == [1.0, None, 0.5]
    assert table["out.best"].to_pylist() == [True, None, False]
    assert table["out.text"].to_pylist() == [None, None, "x" * 3000]
    assert table["param.state"].to_pylist() == ["CA", "", "NY"]
    assert table["state"].to_pylist() == ["ok", "failed", "ok"]


def test_inferred_parameters_are_numbers_where_all_are(backends: Backends, job: Job, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")

    collect(backends, job, tmp_path / "t.parquet", infer=True)

    table = parquet.read_table(tmp_path / "t.parquet")
    assert table["lr"].to_pylist() == [0.1, 1.0, 2.0]
    assert table["tag"].to_pylist() == ["007", "008", "009"]


def test_values_that_no_row_has_are_missing_numbers(backends: Backends, tmp_path: Path) -> None:
    parquet, _ = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pandas")
    # Given a value that was NaN in each row, and a parameter without a text in each row
    rows = [{"tag": "", "lr": "1"}, {"tag": "", "lr": "2"}]
    made = ended_job(backends, rows, lambda index: Ended(out={"loss": None, "best": 0.5}), name="empty")

    for infer in (False, True):
        collect(backends, made, tmp_path / "t.parquet", infer=infer)
        table = parquet.read_table(tmp_path / "t.parquet")
        kinds = {name: str(table.schema.field(name).type) for name in ("out.loss", "out.best", "tag")}
        assert kinds == {"out.loss": "double", "out.best": "double", "tag": "string"}
        assert (table["out.loss"].to_pylist(), table["tag"].to_pylist()) == ([None, None], ["", ""])
        found = frame(backends, made, infer=infer)
        assert (str(found["out.loss"].dtype), int(found["out.loss"].isna().sum())) == ("float64", 2)
        assert list(found["tag"]) == ["", ""]


def test_columns_that_stay_text_are_named_with_the_reason(backends: Backends, tmp_path: Path) -> None:
    rows = [
        {"zero": "1", "plus": "+1", "long": "1234567890123456", "mixed": "", "flag": "true", "word": "a", "n": "1"},
        {"zero": "007", "plus": "x", "long": "1", "mixed": "0.5", "flag": "1", "word": "b", "n": ""},
        {"zero": "-08", "plus": "1", "long": "", "mixed": "NA", "flag": "false", "word": "c", "n": "2.5"},
    ]
    made = ended_job(backends, rows, lambda index: Ended(), name="reasons")

    notes = (
        "zero stays text: '007' in row 1 has a leading zero",
        "plus stays text: '+1' in row 0 has a plus sign",
        "long stays text: '1234567890123456' in row 0 has more than 15 digits",
        "mixed stays text: row 1 has '0.5', and row 2 has 'NA'",
        "flag stays text: row 0 has 'true', and row 1 has '1'",
    )
    assert collect(backends, made, tmp_path / "t.csv", infer=True).notes == notes
    assert print_table(backends, made, io.BytesIO(), infer=True).notes == notes
    assert collect(backends, made, tmp_path / "t.csv").notes == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" 5", "a blank at its start or end"), ("-007", "a leading zero"), ("00", "a leading zero"),
        (".5", "no digit before or after the point"), ("5.", "no digit before or after the point"),
        ("1e5000", "a large exponent"), ("True", "capital letters"), ("1,5", ""), ("x", ""), ("", ""), ("0.30", ""),
        ("1e-05", ""), ("0.30000000000000004", ""), ("nan", ""), ("-inf", ""), ("0", ""), ("1" * 20, "more than 15"),
    ],
)  # fmt: skip
def test_a_text_that_looks_like_a_number_has_a_reason(text: str, reason: str) -> None:
    reasons = TextReasons()
    reasons.add(3, text, read_text(text))
    assert (f"{text!r} in row 3 has {reason}" in reasons.explain()) is bool(reason)


def test_csv_has_the_same_and_needs_no_library(backends: Backends, job: Job, tmp_path: Path) -> None:
    collect(backends, job, tmp_path / "t.csv")

    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["out.loss"] for row in table] == ["1.0", "", "0.5"]
    assert [row["out.best"] for row in table] == ["true", "", "false"]
    assert [row["tag"] for row in table] == ["007", "008", "009"]
    assert table[2]["out.text"] == "x" * 3000


def test_a_data_frame_has_the_values_too(backends: Backends, job: Job) -> None:
    pytest.importorskip("pandas")
    found = frame(backends, job)

    assert list(found["out.text"].fillna("")) == ["", "", "x" * 3000]
    assert list(found["tag"]) == ["007", "008", "009"]


def test_a_frame_infers_numbers_by_the_rule_of_collect(backends: Backends) -> None:
    pytest.importorskip("pandas")
    rows = [
        {"lr": "0.1", "n": "1", "gap": "3", "flag": "true", "zero": "07", "plus": "+1", "long": "1234567890123456"},
        {"lr": "2", "n": "2", "gap": "", "flag": "false", "zero": "8", "plus": "2", "long": "1"},
    ]
    made = ended_job(backends, rows, lambda index: Ended(out={"text": "12"}), name="texts")

    plain, found = frame(backends, made), frame(backends, made, infer=True)

    assert [list(plain[name]) for name in rows[0]] == [[row[name] for row in rows] for name in rows[0]]
    kinds = {name: str(found[name].dtype) for name in ("lr", "n", "gap", "flag")}
    assert kinds == {"lr": "float64", "n": "int64", "gap": "Int64", "flag": "bool"}
    assert list(found["gap"].fillna(-1)) == [3, -1]
    for name in ("zero", "plus", "long"):
        assert list(found[name]) == list(plain[name])
    assert list(found["out.text"]) == ["12", "12"]


def test_a_frame_infers_only_columns_of_text(backends: Backends) -> None:
    pd = pytest.importorskip("pandas")
    given = pd.DataFrame({"name": ["007", "8"], "number": [1, 2], "text": ["5", "6"]})
    made = ended_job(backends, from_frame(given), lambda index: Ended(), name="typed2")
    found = frame(backends, made, infer=True)
    assert [list(found[name]) for name in given] == [["007", "8"], [1, 2], [5, 6]]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([(1 << 53) + 1, None], "Int64"),
        ([1 << 63, None], "object"),
        ([1 << 70, None], "object"),
        ([True, None], "boolean"),
        ([1.5, None], "float64"),
        ([2, float("nan")], "float64"),
    ],
)
def test_missing_values_change_no_other_value_of_a_frame(backends: Backends, given: list[object], kind: str) -> None:
    pytest.importorskip("pandas")
    rows = to_rows([{"x": value} for value in given], function=True)
    made = ended_job(backends, rows, lambda index: Ended(out={"x": given[index]}), name="gaps")

    found = frame(backends, made)

    for column in ("x", "out.x"):
        assert str(found[column].dtype) == kind
        assert found[column][0] == given[0]
        assert found[column].isna().tolist() == [False, True]


def test_the_columns_of_a_frame_keep_their_types_in_each_table(backends: Backends, tmp_path: Path) -> None:
    pd, parquet = pytest.importorskip("pandas"), pytest.importorskip("pyarrow.parquet")
    given = pd.DataFrame({
        "whole": [1, 2], "part": [0.5, 1.0], "truth": [True, False], "name": ["007", ""],
        "day": pd.to_datetime(["2026-01-01", "2026-01-02"]), "gap": [1.5, None],
        "whole_gap": pd.array([1, None], dtype="Int64"), "truth_gap": pd.array([True, None], dtype="boolean"),
    })  # fmt: skip
    made = ended_job(backends, from_frame(given, missing=""), lambda index: Ended(), name="typed")

    found = frame(backends, made)
    collect(backends, made, tmp_path / "t.parquet")

    kinds = {name: str(kind) for name, kind in found.dtypes.items() if name in given}
    texts = {"name": kinds["name"], "day": kinds["name"]}
    assert kinds == {
        "whole": "int64", "part": "float64", "truth": "bool", **texts, "gap": "float64", "whole_gap": "Int64",
        "truth_gap": "boolean",
    }  # fmt: skip
    assert list(found["day"]) == ["2026-01-01T00:00:00", "2026-01-02T00:00:00"]
    table = parquet.read_table(tmp_path / "t.parquet")
    assert [table[name].to_pylist() for name in ("name", "gap", "whole_gap", "truth_gap")] == [
        ["007", ""], [1.5, None], [1, None], [True, None],
    ]  # fmt: skip


def test_a_table_of_many_row_groups(backends: Backends, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    many = ended_job(
        backends, [{"n": n} for n in range(2500)], lambda index: Ended(out={"twice": 2 * index}), name="many"
    )

    collect(backends, many, tmp_path / "t.parquet", infer=True)

    assert parquet.read_table(tmp_path / "t.parquet")["out.twice"].to_pylist() == [2 * n for n in range(2500)]


def test_parameters_that_are_named_like_other_columns_are_in_every_table(backends: Backends, tmp_path: Path) -> None:
    # Given a parameter for each name that the table uses itself
    clashing = [*FACTS, "out.loss", "param.state"]
    row = {name: f"given {name}" for name in clashing}
    made = ended_job(backends, [row, row], lambda index: Ended(out={"loss": index}), name="clash")

    # When the table is written, returned, and sorted
    collect(backends, made, tmp_path / "t.csv")
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        heads, *_ = csv.reader(file)
    line = list(lines(backends, made))[1]

    # Then each has all values, under the same distinct names
    assert heads == list(records(backends, made)[0]) == list(line.as_record())
    assert heads == next(csv.reader(to_csv([line]).decode().splitlines()))
    assert len(set(heads)) == len(heads)
    assert set(row.values()) <= set(map(str, line.as_record().values()))
    assert (line.value("param.state"), line.value("param.out.loss"), line.value("param.param.state")) == (
        "given state", "given out.loss", "given param.state",
    )  # fmt: skip
    assert (line.value("state"), line.value("out.loss")) == ("ok", 1)
    assert [found.view.index for found in rank_tasks(lines(backends, made), "out.loss", descending=True)] == [1, 0]
    with pytest.raises(UserError, match=r"param\.seconds"):
        rank_tasks(lines(backends, made), "nothing")


@pytest.mark.parametrize(
    "damaged",
    [b"{", b"[1]", b'{"out": [1]}', b'{"out": "a"}', b'{"out": {"a": {"b": 1}}}', b'{"out": {"a": "\\ud800"}}', None],
)
def test_a_damaged_result_costs_only_its_values(
    backends: Backends, tmp_path: Path, damaged: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    made = ended_job(backends, [{"n": n} for n in range(2)], lambda index: Ended(out={}, folder="1-abc"), name="two")
    for line, stored in zip(lines(backends, made), (damaged, b'{"out": {"loss": 0.5}}'), strict=True):
        if stored is not None:
            backends.files.write(join(result_url(made, line.view.record.outcome), "result.json"), stored)

    with pytest.raises(StorageError, match=r"t\.csv is written with 2 rows, without the values of task 0: .*/0/"):
        collect(backends, made, tmp_path / "t.csv")
    printed = io.BytesIO()
    with pytest.raises(StorageError, match=r"^the table is written with 2 rows, without the values of task 0: .*/0/"):
        print_table(backends, made, printed)

    assert printed.getvalue() == (tmp_path / "t.csv").read_bytes()
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [(row["n"], row["state"], row["out.loss"]) for row in table] == [("0", "ok", ""), ("1", "ok", "0.5")]
    assert [row.get("out.loss") for row in records(backends, made)] == [None, 0.5]
    assert "two: the table does not contain the values of task 0" in caplog.text


def test_another_ending_is_refused(backends: Backends, job: Job, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.parquet or \.csv"):
        collect(backends, job, tmp_path / "t.xlsx")


def test_values_that_a_real_task_wrote_are_all_there(client: Client, tmp_path: Path) -> None:
    script = 'import json, os; json.dump(dict(text="x" * 2000), open(os.environ["KUBEQUE_OUT"], "w"))'
    client.submit(Sweep(["python3", "-c", script], name="large"))
    client.wait("large", timeout=60)

    client.collect("large", tmp_path / "t.csv")

    assert "x" * 2000 in (tmp_path / "t.csv").read_text()


@pytest.mark.parametrize(("column", "order"), [("running for", [2, 0, 1]), ("running.since", [0, 2, 1])])
def test_running_tasks_are_sorted_by_their_time(column: str, order: list[int]) -> None:
    views = [
        TaskView(0, TaskState.RUNNING, 0, TaskRecord(1), "me", Running(100.0, 100.0)),
        TaskView(1, TaskState.OK, 0, TaskRecord(1)),
        TaskView(2, TaskState.RUNNING, 0, TaskRecord(1), "me", Running(200.0, 200.0)),
    ]
    rows = [TaskRow(view, {}) for view in views]
    assert [found.view.index for found in rank_tasks(rows, column)] == order
    own = [TaskRow(view, {column: str(-view.index)}) for view in views]
    assert [found.view.index for found in rank_tasks(own, column)] == [2, 1, 0], "a parameter of this name"
