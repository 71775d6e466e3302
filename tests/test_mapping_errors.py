"""Errors of `kubeque.map` in a program: public classes, repairs, pushes and short tracebacks."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubeque
from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.function.function import function_files
from kubeque.model.rows.parameters import to_rows

FACTOR = 2


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(Config.load(start=tmp_path, home=tmp_path, environ={"KUBEQUE_HOME": str(tmp_path / "home")})) as client:
        yield client
        client.stop()


def risky(x: int) -> float:
    return 1 / x


def corrected(x: int) -> float:
    return 1 / (x or 4)


def length(s: str) -> int:
    return len(s)


def shape_of(s: str | None) -> str:
    return repr(s)


def scaled(x: int) -> int:
    return x * FACTOR


def helped(x: int) -> int:
    import helpers

    return int(helpers.double(x))


def big(x: int) -> dict[str, Any]:
    return {"big": 2**60} if x else {"other": 1}


def test_errors_are_public_and_the_package_stays_cheap_to_import() -> None:
    for name in ("JobFailed", "UserError", "JobExists", "JobNotFound", "StorageError", "QueueError", "KubequeError"):
        assert issubclass(getattr(kubeque, name), kubeque.KubequeError)
    with pytest.raises(kubeque.UserError):
        kubeque.grid()
    loaded = "import kubeque, sys; print([name for name in sys.modules if name.startswith('kubeque.')])"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_corrected_function_repairs_the_rows_that_failed(client: Client) -> None:
    rows = [{"x": 0}, {"x": 2}]
    with pytest.raises(kubeque.JobFailed):
        kubeque.map(risky, rows, name="vc", client=client)
    attempts = client.table("vc")[1]["seconds"]
    with pytest.raises(kubeque.UserError, match=r"function, whose file was temporary.*existing=\"repair\""):
        client.reset("vc", update=True)
    for index in (None, 0):
        assert "name='vc' and existing=\"repair\"" in client.explain("vc", index).text
    with pytest.raises(kubeque.JobExists, match='existing="repair"') as exists:
        kubeque.map(corrected, rows, name="vc", client=client)
    assert "--" not in str(exists.value)
    assert (exists.value.__cause__, exists.value.__suppress_context__) == (None, True)
    table = kubeque.map(corrected, rows, name="vc", existing="repair", client=client)
    assert [row["out.value"] for row in table] == [0.25, 0.5]
    assert table[1]["seconds"] == attempts, "an ok row does not run again"
    assert kubeque.map(risky, [{"x": 1}], name="vc", existing="replace", client=client)[0]["out.value"] == 1
    for wrong in ({"existing": "mend", "name": "vc"}, {"existing": "repair"}, {"existing": [], "name": "vc"}):
        with pytest.raises(kubeque.UserError, match="existing"):
            kubeque.map(risky, rows, client=client, **wrong)  # type: ignore[arg-type]


def test_a_traceback_has_the_line_of_the_user_and_one_of_kubeque(client: Client) -> None:
    for error, rows in ((kubeque.JobFailed, [{"x": 0}]), (kubeque.UserError, [{"x": None}])):
        with pytest.raises(error) as caught:
            kubeque.map(risky, rows, client=client)
        lines = traceback.format_exception(caught.value)
        assert sum("/kubeque/" in line for line in "".join(lines).splitlines() if line.startswith("  File")) == 1
        assert "During handling" not in "".join(lines)
        assert "direct cause" not in "".join(lines)


def test_an_error_for_a_push_names_the_real_folder(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kubeque.CommandError) as missing:
        kubeque.map(risky, [{"x": 1}], push=["nowhere.py"], client=client)
    assert str(missing.value).endswith(f"there is no such file (relative paths start at {tmp_path})")
    here = Path(__file__)
    with pytest.raises(kubeque.CommandError, match=f"beside the function: write '{here}'"):
        kubeque.map(risky, [{"x": 1}], push=[here.name], client=client)
    assert client.jobs() == []


def test_a_pushed_module_leaves_no_bytecode_in_the_results(client: Client, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "more.py").touch()
    (tmp_path / "helpers.py").write_text("def double(x):\n    return 2 * x\n")
    options: dict[str, Any] = {"base": tmp_path, "client": client, "env": {"PYTHONDONTWRITEBYTECODE": ""}}
    (row,) = kubeque.map(helped, [{"x": 4}], push=["helpers.py", "lib/"], **options)
    assert (row["out.value"], row["files"]) == (8, 0)
    (row,) = kubeque.map(helped, [{"x": 4}], push=["helpers.py"], results=["__pycache__/"], **options)
    assert row["files"] == 1


def test_a_global_is_refused_with_the_ways_to_send_it(client: Client) -> None:
    with pytest.raises(
        kubeque.CommandError, match=r"functools.partial\(scaled, FACTOR=\.\.\.\).*push=\[\"MODULE.py\"\]"
    ):
        kubeque.map(scaled, [{"x": 1}], client=client)


def test_a_task_is_shown_on_one_short_line(client: Client) -> None:
    kubeque.map(risky, [{"x": 1}], name="shown", client=client)
    assert repr(list(client.lines("shown"))) == "[TaskRow(0, ok, x=1)]"


@pytest.mark.parametrize("dtype", [None, "object", "string", "str", "category"])
def test_a_missing_text_of_a_frame_is_none(client: Client, dtype: str | None) -> None:
    pandas = pytest.importorskip("pandas")
    for gap in (None, float("nan"), pandas.NA, pandas.NaT):
        rows = to_rows(pandas.DataFrame({"s": pandas.Series(["x", gap, "z"], dtype=dtype)}), function=True)
        with pytest.raises(kubeque.CommandError, match=r"row 1: length takes 's' as str, but the value is N"):
            function_files(length, rows)
        function_files(shape_of, rows)


def test_missing_values_of_dicts_and_other_types_are_refused_too(client: Client) -> None:
    pandas = pytest.importorskip("pandas")
    gap = float("nan")
    times = pandas.DataFrame({"s": pandas.to_datetime(["2024-01-01", None])})
    for rows in ([{"s": "x"}, {"s": gap}], times, pandas.DataFrame({"s": [1.0, gap]})):
        with pytest.raises(kubeque.CommandError, match=r"row 1: length takes 's' as str, but the value is N"):
            kubeque.map(length, rows, client=client)
    table = kubeque.map(shape_of, [{"s": "x"}, {"s": gap}, {"s": None}], client=client)
    assert [row["out.value"] for row in table] == ["'x'", "None", "None"]


def test_a_frame_keeps_its_index_and_types_also_if_rows_fail(client: Client) -> None:
    pandas = pytest.importorskip("pandas")
    given = pandas.DataFrame(
        {"x": [1, 0], "day": pandas.to_datetime(["2024-01-01", None]), "kind": pandas.Categorical(["a", None])},
        index=pandas.Index(["first", "second"], name="key"),
    )
    table = kubeque.map(corrected, given, client=client)
    pandas.testing.assert_frame_equal(table[list(given.columns)], given)
    assert given.join(table[["out.value"]])["out.value"].tolist() == [1, 0.25]
    with pytest.raises(kubeque.JobFailed) as failed:
        kubeque.map(risky, given, client=client)
    pandas.testing.assert_frame_equal(failed.value.table[list(given.columns)], given)
    texts = kubeque.map(corrected, given, missing="?", client=client)
    assert texts["kind"].tolist() == ["a", "?"]
    assert texts.index.equals(given.index)


def test_whole_numbers_beside_a_gap_stay_exact_in_parquet(client: Client, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    kubeque.map(big, [{"x": 0}, {"x": 1}], name="big", client=client)
    client.collect("big", tmp_path / "t.parquet")
    read = pandas.read_parquet(tmp_path / "t.parquet")
    assert (str(read["out.big"].dtype), int(read["out.big"][1])) == ("Int64", 2**60)
    assert (str(read["index"].dtype), str(read["x"].dtype)) == ("int64", "int64")
