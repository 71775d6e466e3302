"""Errors of a DAG author. In a real run, each message names the option, the value and the remedy."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.model.errors import ParametersError
from kubeque.model.rows.grid import sequence
from kubeque_provider.exceptions import BadSweep, RowsFailed
from kubeque_provider.operators.submit import KubequeSubmitOperator
from tests.provider.conftest import Run

Execute = Callable[..., Any]
#: Required words in the message of each Airflow task of the DAG.
SAYS = {
    "no_job": ["there is no job 'nobody'", "the page of sweeps"],
    "no_job_deferred": ["there is no job 'nobody'"],
    "no_job_fetched": ["there is no job 'nobody'"],
    "no_name": ["job_id 7 is not a job", "the output of a KubequeSubmitOperator"],
    "rows_text": ["north cannot be read", "give a CSV file"],
    "rows_number": ["the parameters are 3", "give a list of dicts"],
    "rows_numbers": ["row 0 is a value of type int, not a dict", "give a dict with one value for each column"],
    "rows_dict": ["the parameters are one dict", "give a list of dicts"],
    "rows_nothing": ["gives_nothing", "is None", "return a list of dicts"],
    "rows_empty": ["there are no rows", "give at least one"],
    "rows_uneven": ["row 1: the key 'a' of row 0 is missing", "give all rows the same keys"],
    "rows_missing": ["row 1, column 'a'", "None", "missing=''"],
    "rows_nested": ["row 0, column 'a'", "type dict", "give a string"],
    "connection_nowhere": ["the connection 'nowhere' does not exist", "create this connection with the type kubeque"],
    "sensor_nowhere": ["the connection 'nowhere' does not exist", "create this connection with the type kubeque"],
    "connection_wrong_key": ["connection wrong_key: unknown key 'queue_uri'", "did you mean 'queue_url'"],
    "connection_wrong_url": ["connection wrong_url: queue_url 'sqlserver://x/y'", "write sqlite:///path"],
    "connection_wrong_cluster": ["connection wrong_cluster: cluster_url 'k8s:x'", "write local"],
    "connection_no_json": ["connection no_json: extra is not JSON", "correct extra"],
    "connection_a_list": ["connection a_list: extra is not a JSON object", '{"queue_url": "..."}'],
    "connection_other_type": ["connection other_type has the type 'postgres'", "change the type to 'kubeque'"],
    "doubled_brace": ["'{{x}}'", "'x' is undefined", "{column}", "\\{"],
    "unknown_in_row": ["row 1, column 'a'", "{{ nothing.here }}", "'nothing' is undefined", "read them from a file"],
}


def connect(monkeypatch: pytest.MonkeyPatch, name: str, extra: Any, kind: str = "kubeque") -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": kind, "extra": extra}))


@pytest.mark.timeout(240)
def test_a_run_in_which_all_is_wrong_says_what_and_submits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD_INPUT_SAYS", str(tmp_path))
    connect(monkeypatch, "wrong_key", {"queue_uri": "sqlite:////q.db"})
    connect(monkeypatch, "wrong_url", {"queue_url": "sqlserver://x/y"})
    connect(monkeypatch, "wrong_cluster", {"cluster_url": "k8s:x"})
    connect(monkeypatch, "no_json", "{queue_url: x")
    connect(monkeypatch, "a_list", "[1]")
    connect(monkeypatch, "other_type", {}, "postgres")

    run = importlib.import_module("tests.provider.dags.bad_input").dag.test()

    assert str(run.state) == "failed"
    said = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    assert said.keys() == SAYS.keys()
    for name, words in SAYS.items():
        assert said[name].startswith("BadSweep: "), said[name]
        assert [word for word in words if word not in said[name]] == [], said[name]
    with Client() as client:
        assert client.jobs() == []


def test_more_rows_than_a_job_takes_name_the_limit(submit: Execute, tmp_path: Path) -> None:
    limit = str((1 << 21) - 1)
    with pytest.raises(ParametersError, match=limit):
        sequence(1 << 21)
    table = tmp_path / "rows.csv"
    table.write_text("a\n" + "1\n" * (1 << 21))
    with pytest.raises(BadSweep, match=f"rows.csv.*more than {limit} rows: split them"):
        submit(["/bin/echo", "{a}"], parameters=str(table))


class TestOneNameForTwo:
    """Two Airflow tasks with the same `job_id`."""

    def submit(self, task: str, *words: str, run: str = "monday", **fields: Any) -> Any:
        fields = {"wait": True, "poke_interval": 0.1, **fields}
        return Run(run).execute(KubequeSubmitOperator(task_id=task, command=list(words), job_id="shared", **fields))

    @pytest.mark.parametrize("wait", [True, False], ids=["ended", "running"])
    def test_another_sweep_is_refused_and_the_first_is_left_alone(self, wait: bool) -> None:
        self.submit("first", "/bin/sleep", "0" if wait else "60", wait=wait)
        with Client() as client:
            before = client.job("shared")
            with pytest.raises(BadSweep) as error:
                self.submit("second", "/bin/true")
            assert client.job("shared").uid == before.uid
            client.kill("shared")
        assert "the job 'shared' belongs to the Airflow task a_dag.first of the run monday" in str(error.value)
        assert "give this Airflow task another job_id" in str(error.value)

    def test_the_same_sweep_is_shared(self) -> None:
        first = self.submit("first", "/bin/sleep", "1", wait=False)
        assert self.submit("second", "/bin/sleep", "1")["results"] == first["results"]

    def test_the_next_run_takes_the_name_over_once_the_last_has_ended(self) -> None:
        self.submit("first", "/bin/sleep", "60", wait=False)
        with pytest.raises(BadSweep, match="of the run monday"):
            self.submit("first", "/bin/true", run="tuesday")
        with Client() as client:
            client.kill("shared")
        assert self.submit("first", "/bin/true", run="tuesday")["counts"]["ok"] == 1

    @pytest.mark.parametrize(
        ("on_clear", "word", "bad"),
        [
            ("auto", "{{ ds }}", True),
            ("failed_rows", "{{ ds }}", False),
            ("skip", "{{ ds }}", True),
            ("auto", "same", True),
        ],
    )
    def test_the_next_run_keeps_no_row_of_the_last_one_that_differs(
        self, tmp_path: Path, capfd: Any, caplog: Any, on_clear: str, word: str, bad: bool
    ) -> None:
        caplog.set_level("INFO")
        script = f"echo {{a}}-$1 >> {tmp_path}/runs; test ! -e {tmp_path}/bad-{{a}}"

        def submit(day: str, attempt: int = 1) -> list[str]:
            operator = KubequeSubmitOperator(
                task_id="risk", command=["/bin/sh", "-c", script, "sh", word], parameters=[{"a": 1}, {"a": 2}],
                job_id="risk-nightly", on_clear=on_clear, wait=True, poke_interval=0.1,
            )  # fmt: skip
            (tmp_path / "runs").write_text("")
            try:
                Run(day).execute(operator, attempt, ds=day)
            finally:
                ran = sorted((tmp_path / "runs").read_text().split())
            return ran

        def all_of(day: str) -> list[str]:
            return [f"{a}-{day if word != 'same' else word}" for a in (1, 2)]

        if bad:
            (tmp_path / "bad-2").touch()
            with pytest.raises(RowsFailed):
                submit("monday")
            (tmp_path / "bad-2").unlink()
        else:
            assert submit("monday") == all_of("monday")
        if on_clear == "skip":
            with pytest.raises(BadSweep, match="of the run monday and has another"):
                submit("tuesday")
            return
        assert submit("tuesday", 2) == all_of("tuesday")[word == "same" :]
        assert "risk-nightly ended earlier in the DAG run monday" in "".join([*capfd.readouterr(), caplog.text])

    def test_a_job_of_the_command_line_is_not_taken_over(self) -> None:
        from kubeque.model.sweep.sweep import Sweep

        with Client() as client:
            client.submit(Sweep(command=["/bin/true"], name="shared", rows=sequence(1), base=Path.cwd()))
            client.wait("shared", timeout=60)
        with pytest.raises(BadSweep, match="a submitter outside Airflow"):
            self.submit("first", "/bin/false")
