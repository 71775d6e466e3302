"""A backfill of twenty parallel runs. Each run has its own sweep."""

from __future__ import annotations

from kubeque.client import Client
from tests.provider.kill_matrix.conftest import HOME
from tests.servers.airflow import AirflowServer

DAYS = [f"2026-02-{day:02}" for day in range(1, 21)]


def test_twenty_runs_are_filled_in_at_once_each_with_a_job_of_its_own(airflow: AirflowServer) -> None:
    airflow.fill_in("daily", DAYS[0], DAYS[-1], at_once=len(DAYS))

    def states() -> dict[str, str]:
        found = airflow.ask("GET", "dags/daily/dagRuns?limit=100")["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in found if run["run_type"] == "backfill"}

    airflow.until(
        "all runs have ended", lambda: len(states()) == len(DAYS) and {*states().values()} <= {"success", "failed"}
    )
    failed = [run for run, state in states().items() if state == "failed"]
    assert failed == [], airflow.log("daily", failed[0], "sweep")[-6000:]
    ran = (HOME / "runs" / "daily-ran").read_text().splitlines()
    assert sorted(line for line in ran if line[:10] in DAYS) == [f"{day} {a}" for day in DAYS for a in (1, 2)]
    with Client() as client:
        assert len({job.uid for job in client.jobs() if job.origin.get("run", "").startswith("backfill")}) == len(DAYS)
