"""`kubeque.map`: a function over rows, on this machine."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import kubeque
from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.errors import CommandError, JobExists, JobFailed, UserError


def square(x: int, label: str) -> dict:  # type: ignore[type-arg]
    return {"square": x * x, "label": label.upper()}


def inverse(x: float) -> float:
    return 1 / x


def halve(x):  # type: ignore[no-untyped-def]
    return 1 / x


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(Config.load(start=tmp_path, home=tmp_path, environ={"KUBEQUE_HOME": str(tmp_path / "home")})) as client:
        yield client
        client.stop()


def test_a_function_over_rows_gives_a_table(client: Client) -> None:
    table = kubeque.map(square, [{"x": 2, "label": "a"}, {"x": 3, "label": "{b}"}], client=client)
    assert [(row["out.square"], row["out.label"]) for row in table] == [(4, "A"), (9, "{B}")]


def test_a_failing_row_is_an_error_that_names_the_job(client: Client) -> None:
    with pytest.raises(
        JobFailed, match=r"1 of 2 rows of halves failed: row 0 \(x=0.0\): .*ZeroDivisionError"
    ) as failed:
        kubeque.map(inverse, kubeque.grid(x=[0.0, 2.0]), name="halves", client=client)
    assert failed.value.job == "halves"
    assert [row.get("out.value") for row in failed.value.table] == [None, 0.5]
    assert [row["state"] for row in client.table("halves")] == ["failed", "ok"]
    # Equal failures are one reason, and each other reason has its first row
    rows = [{"x": value} for value in (0.0, 0.0, 1.0, "many")]
    with pytest.raises(
        JobFailed, match=r"row 0 .*ZeroDivisionError.* \(and 1 more alike\); row 3 .*TypeError"
    ) as failed:
        kubeque.map(halve, rows, name="mixed", client=client)
    assert [bool(row["message"]) for row in failed.value.table] == [True, True, False, True]


def test_an_argument_without_a_column_is_named(client: Client) -> None:
    with pytest.raises(CommandError, match="label"):
        kubeque.map(square, [{"x": 1}], client=client)


def joined(a: str, b: str) -> str:
    return f"{a}-{b}"


def test_rows_may_be_tuples_with_missing_values(client: Client) -> None:
    table = kubeque.map(joined, [(1, "x"), (2, None)], columns=["a", "b"], missing="", client=client)
    assert [row["out.value"] for row in table] == ["1-x", "2-"]
    with pytest.raises(CommandError, match=r"row 0: joined takes 'b' as str, but the value is None"):
        kubeque.map(joined, [{"a": 1, "b": None}], client=client)


def describe(value):
    return {"text": repr(value)}


def test_a_function_gets_what_was_given_and_the_table_returns_it(client: Client) -> None:
    values = [1, 0.5, True, None, "007", [1, {"a": None}], {"b": 2}]
    table = kubeque.map(describe, [{"value": value} for value in values], name="kinds", client=client)
    assert [row["out.text"] for row in table] == list(map(repr, values))
    assert [row["value"] for row in table] == values
    assert [row["value"] for row in client.table("kinds")] == values
    assert client.job("kinds").needs == "0.3"
    assert [line.row["value"] for line in client.lines("kinds")][:3] == ["1", "0.5", "true"]


def test_a_replay_and_its_script_give_the_function_the_same_values(client: Client, tmp_path: Path) -> None:
    values = ["1", None, [1, "it's {b}"], 2.0]
    kubeque.map(describe, [{"value": value} for value in values], name="kinds", client=client)
    for index, value in enumerate(values):
        folder = tmp_path / f"replay {index}"
        assert client.replay("kinds", index, folder, echo=False).same
        (folder / "out.json").unlink()
        subprocess.run(["sh", folder / "run.sh"], check=True, env={})
        assert json.loads((folder / "out.json").read_text()) == {"text": repr(value)}


def test_a_frame_gives_a_frame_with_the_types_of_its_columns(client: Client) -> None:
    pandas = pytest.importorskip("pandas")
    frame = kubeque.map(describe, pandas.DataFrame({"value": [2, 10], "mixed": ["", 1]}), client=client)
    assert list(frame["value"] + 1) == [3, 11]
    assert list(frame["mixed"]) == ["", 1]
    assert list(frame["out.text"]) == ["2", "10"]


def shifted(x: int, by: int, *, factor: float = 1) -> float:
    return factor * x + by


def test_a_partial_sets_arguments_for_all_rows(client: Client) -> None:
    table = kubeque.map(functools.partial(shifted, factor=2.5, by=1), [{"x": 2}, {"x": 4}], client=client)
    assert [row["out.value"] for row in table] == [6, 11]
    for function, told in (
        (functools.partial(shifted, 1, 2), "the argument 'x' of shifted is in the call and is also a column"),
        (functools.partial(shifted, nothing=1), "the partial of shifted has wrong arguments"),
        (functools.partial(shifted, by=object()), "called with a value that JSON cannot hold"),
        (functools.partial(print, 1), "print is a builtin function"),
        ([].append, "is a builtin function"),
        (Path("x").joinpath, "is a method, whose object is not sent"),
        (Path("x"), "is not a function"),
    ):
        with pytest.raises(CommandError) as caught:
            kubeque.map(function, [{"x": 1}], client=client)
        assert told in str(caught.value)
        assert "\n" not in str(caught.value)
    assert len(client.jobs()) == 1


def test_jobs_and_tables_are_shown_shortly_and_escaped(client: Client) -> None:
    name, rows = "shown", [{"x": n, "label": f"<b>{n}</b>"} for n in range(30)]
    table = kubeque.map(square, rows, name=name, client=client)
    assert table == list(table)
    lines = repr(table).splitlines()
    assert lines[0].split() == ["index", "x", "label", "state", "seconds", "out.square", "out.label"]
    assert (len(lines), lines[-1], repr(type(table)())) == (12, "30 rows, 20 more than shown", "0 rows")
    html = table._repr_html_()
    assert html.count("<tr>") == 21
    assert "<td>&lt;b&gt;3&lt;/b&gt;</td>" in html
    assert "<b>" not in html

    job, progress = client.job(name), client.status(name)
    assert repr(job) == "Job('shown', 30 tasks, success)"
    assert repr(progress) == "Progress('shown', success: 30 ok of 30)"
    assert "<td>shown</td><td>success</td><td>30 ok of 30</td>" in progress._repr_html_()
    assert job._repr_html_().count("<td>") == 3


def test_the_same_call_under_the_same_name_returns_the_same_table(client: Client) -> None:
    rows = [{"x": 2, "label": "a"}]
    first = kubeque.map(square, rows, name="again", client=client)
    assert kubeque.map(square, rows, name="again", client=client) == first
    with pytest.raises(JobExists, match=r"'again' already, with another function.*Client\(\)\.remove\('again'\)"):
        kubeque.map(inverse, [{"x": 1}], name="again", client=client)


def test_what_is_pushed_lies_beside_the_function_and_an_error_names_what_was_not(
    client: Client, tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text("def double(x):\n    return 2 * x\n")

    def doubled(x: int) -> int:
        import helper

        return int(helper.double(x))

    with pytest.raises(JobFailed, match=r'not sent: add push=\["helper.py"\]$'):
        kubeque.map(doubled, [{"x": 4}], base=tmp_path, client=client)
    table = kubeque.map(doubled, [{"x": 4}], push=["helper.py"], base=tmp_path, client=client)
    assert table[0]["out.value"] == 8


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"consumer": 3}, "kubeque.map has no argument 'consumer': did you mean 'consumers'?"),
        ({"retries": 3}, "did you mean 'retry_causes'?"),
        ({"command": ["true"]}, "kubeque.map has no argument 'command'"),
        ({"gpu": "2"}, "gpu '2': write a whole number"),
        ({"gpu": 1, "pod": {"spot": True}}, "pod and gpu are given"),
        ({"env": {"A": None}}, "env 'A'"),
        ({"columns": "x"}, "columns 'x': give a list of names"),
        ({"missing": 0}, "missing 0 is not a text: give the text"),
        ({"client": "local"}, "client 'local': give a kubeque.Client"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_submitted(
    client: Client, options: dict[str, object], told: str
) -> None:
    with pytest.raises(UserError) as caught:
        kubeque.map(inverse, [{"x": 1}], **{"client": client, **options})  # type: ignore[arg-type]
    assert told in str(caught.value)
    assert client.jobs() == []


def test_an_interactive_python_completes_the_public_names() -> None:
    assert [name for name in dir(kubeque) if not name.startswith("_")] == [
        "Client", "ClusterError", "CommandError", "ConfigError", "DestinationError", "JobExists", "JobFailed",
        "JobNotFound", "JobUnreadable", "KubequeError", "MissingExtra", "ParametersError", "QueueError",
        "QueueUnavailable", "ResourceError", "StorageError", "Sweep", "UserError", "from_records", "grid", "map",
        "sequence",
    ]  # fmt: skip


def test_progress_is_shown_on_demand_and_a_call_with_the_name_of_the_job_finds_it(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    # Standard error is not a terminal here, so a bar is shown only on demand
    rows = [{"x": 2.0}, {"x": 4.0}]
    table = kubeque.map(inverse, rows, client=client)
    assert capfd.readouterr().err == ""
    (job,) = client.jobs()
    assert kubeque.map(inverse, rows, client=client, name=job.name, progress=True) == table
    shown = capfd.readouterr().err
    assert (job.name in shown, "2/2" in shown, len(client.jobs())) == (True, True, 1)


def test_an_interrupt_says_how_to_find_the_job_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(client, "watch", interrupted)
        with pytest.raises(KeyboardInterrupt) as stop:
            kubeque.map(inverse, [{"x": 2.0}], client=client)
    (job,) = client.jobs()
    assert f"{job.name} goes on: the same call with name='{job.name}'" in stop.value.__notes__[0]
    assert kubeque.map(inverse, [{"x": 2.0}], client=client, name=job.name)[0]["out.value"] == 0.5
