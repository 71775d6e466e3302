"""`kubeque.map`: a function over rows, on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import kubeque
from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.errors import CommandError, JobFailed


def square(x: int, label: str) -> dict:  # type: ignore[type-arg]
    return {"square": x * x, "label": label.upper()}


def inverse(x: float) -> float:
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


def test_an_argument_without_a_column_is_named(client: Client) -> None:
    with pytest.raises(CommandError, match="label"):
        kubeque.map(square, [{"x": 1}], client=client)
