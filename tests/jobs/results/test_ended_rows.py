"""The rows of a job come as they end, each once, until the job has ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(Config.load(start=tmp_path, home=tmp_path, environ={"KUBEQUE_HOME": str(tmp_path / "home")})) as client:
        yield client
        client.stop()


def test_rows_of_two_consumers_come_in_the_order_of_their_ends(client: Client, tmp_path: Path) -> None:
    # Row 0 runs until the caller has seen the other rows. Row 2 fails, and row 3 has values for the table.
    script = """
    case $1 in
      slow) while ! test -e "$2"; do sleep 0.05; done ;;
      bad) exit 3 ;;
      good) echo '\\{"loss": 0.5\\}' > "$KUBEQUE_OUT" ;;
    esac
    """
    kinds = ["slow", "none", "bad", "good"]
    sweep = Sweep(
        ["sh", "-c", script, "sh", "{kind}", str(tmp_path / "go")], rows=from_records([{"kind": k} for k in kinds]),
        name="mixed", consumers=2,
    )  # fmt: skip
    rows = client.iter(client.submit(sweep).job)
    early = [next(rows) for _ in range(3)]
    assert client.job("mixed").closing is None
    assert {row["index"] for row in early} == {1, 2, 3}
    (tmp_path / "go").touch()
    found = [*early, *rows]
    assert client.job("mixed").closing is not None

    assert found[-1]["index"] == 0
    by_index = {row["index"]: row for row in found}
    assert [by_index[index]["state"] for index in range(4)] == ["ok", "ok", "failed", "ok"]
    assert (by_index[2]["exit_code"], by_index[3]["out.loss"], by_index[3]["kind"]) == (3, 0.5, "good")
    assert [by_index[index] for index in range(4)] == client.table("mixed")
    # A job that has ended gives all rows at once, by the times at which they ended.
    ends = {line.view.index: line.view.record.outcome for line in client.lines("mixed")}
    ordered = [row["index"] for row in client.iter("mixed")]
    assert ordered == sorted(ordered, key=lambda index: ends[index].start + ends[index].seconds + ends[index].saving)  # type: ignore[union-attr]


def test_a_killed_job_ends_the_rows_and_a_reset_repeats_none(client: Client, tmp_path: Path) -> None:
    script = 'test $1 = 0 || test -e "$2" || sleep 600'
    sweep = Sweep(
        ["sh", "-c", script, "sh", "{index}", str(tmp_path / "go")], rows=from_records([{"x": n} for n in range(3)]),
        name="killed", consumers=1,
    )  # fmt: skip
    rows = client.iter(client.submit(sweep).job)
    assert next(rows)["index"] == 0
    client.kill("killed")
    # The commands would run for ten minutes, longer than the time limit of this test.
    others = sorted((row["index"], row["state"], row["cause"]) for row in rows)
    assert others == [(n, "killed", "killed") for n in (1, 2)]

    (tmp_path / "go").touch()
    client.reset("killed", ResetRule())
    assert sorted(row["index"] for row in client.iter("killed")) == [0, 1, 2]
