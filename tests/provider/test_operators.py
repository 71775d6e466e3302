"""Operators that act on a job: kill, reset, remove, collect and fetch."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG

from kubeque.client import Client
from kubeque.files.store import Files
from kubeque.model.errors import JobNotFound
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.rows.grid import grid, sequence
from kubeque.model.sweep.sweep import Sweep
from kubeque_provider.exceptions import BadSweep, RowsFailed
from kubeque_provider.hooks import unfinished
from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.kill import KubequeKillOperator
from kubeque_provider.operators.remove import KubequeRemoveOperator
from kubeque_provider.operators.reset import KubequeResetOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from kubeque_provider.table import frame, records
from tests.jobs.servers import bucket as bucket
from tests.jobs.servers import gs as gs
from tests.provider.conftest import Run
from tests.waiting import until

Execute = Callable[..., Any]


@pytest.fixture
def half(submit: Execute, tmp_path: Path) -> Any:
    """The pointer to a job of two rows. The second row fails while a certain file exists."""
    (tmp_path / "bad-2").touch()
    command = ["/bin/sh", "-c", f"echo {{a}} >> {tmp_path}/runs; echo {{a}} > out.txt; test ! -e {tmp_path}/bad-{{a}}"]
    return submit(command, parameters=grid(a=[1, 2]), allow_failed=1)


def readers(folder: Path, run: Any) -> dict[str, Callable[..., Any]]:
    """Return all ways in which an Airflow task can read the results of a job."""

    def fetch(job: Any, **more: Any) -> Any:
        return run.execute(KubequeFetchOperator(task_id="fetch", job_id=job, dest=str(folder / "fetched"), **more))

    def collect(job: Any, **more: Any) -> Any:
        return run.execute(KubequeCollectOperator(task_id="collect", job_id=job, dest=str(folder / "t.csv"), **more))

    return {"fetch": fetch, "collect": collect, "records": records, "frame": frame}


def test_results_of_a_job_that_has_not_ended_are_refused_with_the_remedy(
    submit: Execute, run: Any, tmp_path: Path
) -> None:
    pointer = submit(["/bin/sleep", "{a}"], parameters=grid(a=[0, 600]), wait=False)
    name = pointer["job_id"]
    with Client() as client:
        until("the short row ends", lambda: client.progress(name).counts.ok)
        for read in readers(tmp_path, run).values():
            with pytest.raises(
                BadSweep, match=r"1 of its 2 rows have not ended: put a KubequeJobSensor .* unfinished="
            ):
                read(pointer)
            with pytest.raises(BadSweep, match="rows have not ended"):
                read(name)
        assert not (tmp_path / "fetched").exists()
        assert not (tmp_path / "t.csv").exists()
        found = {what: read(pointer, unfinished=True) for what, read in readers(tmp_path, run).items()}
        assert found["fetch"]["tasks"] == 1
        assert found["collect"]["rows"] == 2
        assert [row["state"] for row in found["records"]] == ["ok", "running"] == list(found["frame"]["state"])

        client.pause(name)
        with pytest.raises(BadSweep, match="the job is paused"):
            records(pointer)
        # A job that was killed has ended, without success.
        client.kill(name)
        for read in readers(tmp_path, run).values():
            with pytest.raises(RowsFailed, match=r"0 of 2 rows failed, 1 did not run.* allow_failed_rows="):
                read(pointer)
            assert read(pointer, allow_failed_rows=True) is not None


def test_results_of_a_failed_job_are_brought_and_then_the_task_fails(
    submit: Execute, run: Any, tmp_path: Path, capfd: Any, caplog: Any
) -> None:
    command = ["/bin/sh", "-c", "echo no luck >&2; exit {a}"]
    with pytest.raises(RowsFailed):
        submit(command, parameters=grid(a=[0, 3, 3]))
    name, pointer = run.xcoms["submit", "job_id"], run.xcoms["submit", "return_value"]
    for what, read in readers(tmp_path, run).items():
        with pytest.raises(RowsFailed, match=r"2 of 3 rows failed, 0 did not run: 2 x exit code 3: no luck \(rows 1"):
            read(name)
        assert "2 of 3 rows failed" in "".join([*capfd.readouterr(), caplog.text])
        assert what != "fetch" or (tmp_path / "fetched" / "0" / "stdout.txt").exists()
        assert what != "collect" or len((tmp_path / "t.csv").read_text().splitlines()) == 4
        assert read(name, unfinished=True) is not None
        # The failed Airflow task has pushed the pointer before, so `.output` works downstream.
        assert read(pointer, allow_failed_rows=True) is not None
    assert readers(tmp_path, run)["fetch"](name, state="failed")["tasks"] == 2
    assert "2 of 3 rows failed" in "".join([*capfd.readouterr(), caplog.text])


def test_failed_rows_that_the_sweep_allows_are_logged(
    half: Any, run: Any, tmp_path: Path, capfd: Any, caplog: Any
) -> None:
    for read in readers(tmp_path, run).values():
        read(half)
        assert "1 failed, accepted by allow_failed" in "".join([*capfd.readouterr(), caplog.text])
        caplog.clear()


def test_a_job_that_goes_on_after_its_sensor_needs_no_second_sensor(
    submit: Execute, run: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(unfinished, "_KILL_SECONDS", 0.1)
    monkeypatch.setattr(unfinished, "_STOP_SECONDS", 0.1)
    hold = tmp_path / "hold"
    hold.touch()
    name = submit(["/bin/sh", "-c", f"trap '' TERM; while test -e {hold}; do sleep 0.1; done"], wait=False)["job_id"]
    with DAG("a_dag", start_date=pendulum.datetime(2026, 1, 1), schedule=None):
        fetch = KubequeFetchOperator(task_id="fetch", job_id=name, dest=str(tmp_path / "fetched"))
        KubequeJobSensor(task_id="wait", job_id=name) >> fetch
    with Client() as client:
        with pytest.raises(BadSweep, match="although the KubequeJobSensor upstream has ended"):
            run.execute(fetch)
        until("the row runs", lambda: client.progress(name).counts.running)
        client.kill(name)
        with pytest.raises(BadSweep, match="The job is being cancelled"):
            run.execute(fetch)
        hold.unlink()


def test_a_job_with_held_rows_has_not_ended(run: Any, tmp_path: Path) -> None:
    with Client() as client:
        client.submit(Sweep(command=["/bin/true"], name="tried", rows=sequence(3), base=tmp_path, canaries=1))
        client.wait("tried", timeout=60)
        for read in readers(tmp_path, run).values():
            with pytest.raises(BadSweep, match=r"2 of its 3 rows have not ended \(2 of these rows are held"):
                read("tried")


def test_a_job_whose_rows_have_ended_needs_no_sensor_to_be_closed(submit: Execute, run: Any, tmp_path: Path) -> None:
    first = submit(["/bin/echo", "{a}"], parameters=grid(a=[1, 2]), series="s", wait=False)
    with Client() as client:
        until("its rows end", lambda: client.progress(first["job_id"]).counts.ok == 2)
        if client.job(first["job_id"]).closing is not None:  # its consumer closed it
            client.reset(first["job_id"], ResetRule(ranges=((1, 2),)))
            until("its row ends", lambda: client.progress(first["job_id"]).counts.ok == 2)
    assert [row["state"] for row in records(first)] == ["ok", "ok"]
    # All rows of this job are linked: none of them runs.
    linked = submit(
        ["/bin/echo", "{a}"], parameters=grid(a=[2, 1]), series="s", skip_done=True, job_id="linked", wait=False
    )
    for read in readers(tmp_path, run).values():
        read(linked)


def test_kill_lets_nothing_more_run(submit: Execute, run: Any) -> None:
    pointer = submit(["/bin/sleep", "600"], wait=False)
    found = run.execute(KubequeKillOperator(task_id="kill", job_id=pointer))
    assert found == {**pointer, "counts": {"pending": 0, "running": 0, "ok": 0, "failed": 0, "killed": 1, "held": 0}}
    assert run.execute(KubequeKillOperator(task_id="kill", job_id=pointer), 2) == found


def test_reset_lets_failed_rows_run_again(half: Any, run: Any, wait: Execute, tmp_path: Path) -> None:
    (tmp_path / "bad-2").unlink()
    run.execute(KubequeResetOperator(task_id="reset", job_id=half))
    assert wait(half)["counts"]["ok"] == 2
    assert sorted((tmp_path / "runs").read_text().split()) == ["1", "2", "2"]


def test_reset_may_be_for_some_causes_or_for_all_rows(half: Any, run: Any, wait: Execute, tmp_path: Path) -> None:
    run.execute(KubequeResetOperator(task_id="reset", job_id=half, only_cause=["oom"]))
    assert wait(half)["counts"]["failed"] == 1
    assert sorted((tmp_path / "runs").read_text().split()) == ["1", "2"]
    run.execute(KubequeResetOperator(task_id="reset", job_id=half, everything=True))
    wait(half)
    assert sorted((tmp_path / "runs").read_text().split()) == ["1", "1", "2", "2"]
    with pytest.raises(BadSweep, match="'bad luck' is not a cause of failure: the causes are exit"):
        run.execute(KubequeResetOperator(task_id="reset", job_id=half, only_cause=["bad luck"]))


def test_remove_deletes_once_and_a_later_try_finds_it_done(half: Any, run: Any) -> None:
    remove = KubequeRemoveOperator(task_id="remove", job_id=half["job_id"])
    assert run.execute(remove) == half["job_id"]
    with Client() as client, pytest.raises(JobNotFound):
        client.job(half["job_id"])
    assert run.execute(remove, 2) == half["job_id"]
    with pytest.raises(BadSweep, match="there is no job"):
        run.execute(remove)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_collect_writes_the_table(half: Any, run: Any, tmp_path: Path, ending: str) -> None:
    dest = str(tmp_path / "{{ day }}") + f".{ending}"
    found = run.execute(KubequeCollectOperator(task_id="collect", job_id=half, dest=dest, infer=True), day="monday")
    assert found["dest"] == f"{tmp_path}/monday.{ending}"
    assert (found["rows"], found["columns"][:3]) == (2, ["index", "a", "state"])
    assert Path(found["dest"]).stat().st_size > 0


def test_collect_names_the_endings_that_it_knows(half: Any, run: Any) -> None:
    with pytest.raises(BadSweep, match=r"\.parquet or \.csv"):
        run.execute(KubequeCollectOperator(task_id="collect", job_id=half, dest="table.xls"))


@pytest.mark.parametrize(
    ("chosen", "brought"),
    [
        ({}, {"0/out.txt", "0/stdout.txt", "1/out.txt", "1/stdout.txt"}),
        ({"indexes": "1-1"}, {"1/out.txt", "1/stdout.txt"}),
        ({"indexes": [0], "glob": "*.dat"}, set()),
        ({"state": "ok", "glob": ["out.*"]}, {"0/out.txt"}),
    ],
)
def test_fetch_chooses(half: Any, run: Any, tmp_path: Path, chosen: dict[str, Any], brought: set[str]) -> None:
    dest = tmp_path / "fetched"
    found = run.execute(KubequeFetchOperator(task_id="fetch", job_id=half, dest=str(dest), **chosen))
    assert {str(path.relative_to(dest)) for path in dest.glob("[01]/*") if path.name != "stderr.txt"} == brought
    assert found["dest"] == str(dest)
    with open(dest / "results.csv", newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["ok", "failed"]


@pytest.mark.server("gs")
def test_results_and_their_table_go_to_a_store(half: Any, run: Any, bucket: str) -> None:
    fetch = KubequeFetchOperator(task_id="fetch", job_id=half, dest=f"{bucket}/files", glob="out.txt")
    assert run.execute(fetch) == {"dest": f"{bucket}/files", "tasks": 2, "files": 2}
    assert Files().read(f"{bucket}/files/1/out.txt") == b"2\n"
    table = KubequeCollectOperator(task_id="table", job_id=half, dest=f"{bucket}/table.csv")
    assert run.execute(table)["dest"] == f"{bucket}/table.csv"
    assert len(Files().read(f"{bucket}/table.csv").splitlines()) == 3


def test_patterns_that_match_nothing_are_warned_of(
    submit: Execute, run: Any, tmp_path: Path, capfd: Any, caplog: Any
) -> None:
    pointer = submit(["/bin/sh", "-c", "echo > out.csv", "sh", "|"], results=["*.parquet"])
    said = "".join([*capfd.readouterr(), caplog.text])
    assert "the word '|' is an argument of the program: add shell=True to use a shell" in said
    kept_none = "no file of the 1 ok tasks matches results='*.parquet'"
    assert kept_none in said
    caplog.clear()
    run.execute(KubequeFetchOperator(task_id="fetch", job_id=pointer, dest=str(tmp_path / "f"), glob="*.csv"))
    said = "".join([*capfd.readouterr(), caplog.text])
    assert kept_none in said
    assert "no file of the selected tasks matches '*.csv'" in said


def test_a_choice_that_is_none_is_said(half: Any, run: Any, tmp_path: Path) -> None:
    for chosen, words in (
        ({"indexes": "last"}, "write their numbers"),
        ({"indexes": "0-25"}, "no task 2 to 25"),
        ({"state": "fine"}, "ok or failed"),
    ):
        with pytest.raises(BadSweep, match=words):
            run.execute(KubequeFetchOperator(task_id="fetch", job_id=half, dest=str(tmp_path / "f"), **chosen))


def test_a_fixed_name_of_a_job_of_another_run_is_a_warning(
    submit: Execute, run: Any, tmp_path: Path, capfd: Any, caplog: Any
) -> None:
    caplog.set_level("INFO")
    pointer = submit(["/bin/true"], job_id="green")
    others = Run("tuesday"), Run(run.run_id, dag_id="other")

    def log_of(at: Any, job: Any) -> list[str]:
        """Return the logs of sensor, fetch and collect."""
        found = []
        for make in (
            lambda: KubequeJobSensor(task_id="wait", job_id=job, poke_interval=0.1),
            lambda: KubequeFetchOperator(task_id="fetch", job_id=job, dest=str(tmp_path / "f")),
            lambda: KubequeCollectOperator(task_id="collect", job_id=job, dest=str(tmp_path / "t.csv")),
        ):
            caplog.clear()
            capfd.readouterr()
            at.execute(make(), named="green")
            found.append("".join([*capfd.readouterr(), caplog.text]))
        return found

    maker = f"the job green of the DAG a_dag, run {run.run_id}, not of this run"
    for other in others:
        for verb, text in zip(("waits for", "reads", "reads"), log_of(other, "green"), strict=True):
            assert f"{verb} {maker}: pass the output of the submission, for example job_id=submit.output" in text
        # A pointer, for example of the event of an asset, and a template choose the run on purpose.
        for text in [*log_of(other, pointer), *log_of(other, "{{ named }}")]:
            assert maker in text
            assert "pass the output" not in text
    assert not any("not of this run" in text for text in log_of(run, "green"))
    with Client() as client:
        client.submit(Sweep(command=["/bin/true"], name="typed", rows=sequence(1), base=tmp_path))
        client.wait("typed", timeout=60)
    Path(tmp_path / "f").rename(tmp_path / "old")
    assert all("the job typed, which no Airflow task submitted" in text for text in log_of(run, "typed"))


def test_a_job_that_a_submission_upstream_adopts_is_no_warning(run: Any, capfd: Any, caplog: Any) -> None:
    with DAG("a_dag", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
        submit = KubequeSubmitOperator(
            task_id="submit", command=["/bin/true"], job_id="nightly", on_clear="skip", poke_interval=0.1
        )
        wait = KubequeJobSensor(task_id="wait", job_id="nightly", poke_interval=0.1)
        submit >> wait
    for at in (run, Run("tuesday")):
        at.execute(submit)
        at.execute(wait)
    assert "pass the output" not in "".join([*capfd.readouterr(), caplog.text])
