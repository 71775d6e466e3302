"""Compare sweeps with dynamic task mapping on the same real Airflow: CPU time, speed and database rows.

Needs Linux, PostgreSQL and Airflow 3.3. Airflow's CPU time is the time of all its processes and their children. Two
groups are counted separately: PostgreSQL, and the consumers that run the rows. The idle Airflow is measured first.
"""

from __future__ import annotations

import argparse
import statistics
from datetime import datetime

from benchmarks.parts.accounts import adopt_orphans
from benchmarks.parts.real_airflow import RealAirflow, Spent
from kubeque.client import Client
from tests.servers.airflow import AirflowServer
from tests.waiting import until

#: Duration of each measurement of the idle Airflow and of the waiting triggerer, seconds.
_LOOK_SECONDS = 60.0
_SETTLE_SECONDS = 15.0
_HEAD = (
    "dag            rows  seconds  rows/min  Airflow CPU s  without idle  ms a row  consumers  postgres  db rows"
    "  CPU s by part, idle included"
)


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=("mapping", "sweeps", "deferred"))
    parser.add_argument("--mapped", type=int, default=1000, help="Airflow tasks of the mapping (1000)")
    parser.add_argument("--deferred", type=int, default=50, help="sweeps that wait in the triggerer (50)")
    given = parser.parse_args()
    adopt_orphans()
    with RealAirflow.running(given.mapped) as airflow:
        airflow.wait(_SETTLE_SECONDS)
        with airflow.spending() as idle:
            airflow.wait(_LOOK_SECONDS)
        idle_cores = idle[0].airflow / idle[0].seconds
        print(f"idle: {idle_cores:.3f} CPU s per second")
        if given.only != "deferred":
            compare(airflow, given, idle_cores)
        if given.only in (None, "deferred"):
            deferred(airflow, given.deferred, idle[0])


def compare(airflow: RealAirflow, given: argparse.Namespace, idle: float) -> None:
    """Run the mapping and the sweeps in turns."""
    plan = [("file_1000", 1000), ("inline_1000", 1000), ("mapped", given.mapped), ("file_1000", 1000),
            ("file_10000", 10000), ("inline_10000", 10000)]  # fmt: skip
    if given.only:
        plan = [one for one in plan if (one[0] == "mapped") == (given.only == "mapping")]
    airflow.run("file_1000", "warm-up")
    print(_HEAD)
    found: dict[str, float] = {}
    for number, (dag, rows) in enumerate(plan):
        airflow.wait(5)
        with airflow.spending() as spent:
            airflow.run(dag, f"run-{number}")
        found[dag] = tell(dag, rows, spent[0], idle)
    for dag, each in found.items():
        if "mapped" in found and dag != "mapped":
            print(f"{dag}: 1/{found['mapped'] / each:.0f} of the mapping's CPU time per row (goal: 1/100)")


def tell(dag: str, rows: int, spent: Spent, idle: float) -> float:
    """Print one line with Airflow's CPU seconds per row. The CPU seconds of an idle Airflow are subtracted."""
    parts = " ".join(f"{name} {spent.cpu[name]:.2f}" for name in AirflowServer.PARTS)
    own = spent.airflow - idle * spent.seconds
    print(
        f"{dag:<13}{rows:>6}{spent.seconds:>9.1f}{60 * rows / spent.seconds:>10.0f}{spent.airflow:>15.2f}{own:>14.2f}"
        f"{1e3 * own / rows:>10.3f}{spent.cpu['consumers']:>11.2f}{spent.cpu['postgres']:>10.2f}{spent.rows:>9}"
        f"  {parts}",
        flush=True,
    )
    return own / rows


def deferred(airflow: RealAirflow, count: int, idle: Spent) -> None:
    """Measure many sweeps that wait in one triggerer and then end at the same time."""
    names = [f"wait-{number}" for number in range(count)]
    for name in names:
        airflow.server.run("held", name)
    until("all wait in the triggerer", lambda: waiting(airflow) == count, 600)
    airflow.wait(_SETTLE_SECONDS)
    with airflow.spending() as spent:
        airflow.wait(_LOOK_SECONDS)
    more = spent[0].cpu["triggerer"] / spent[0].seconds - idle.cpu["triggerer"] / idle.seconds
    print(
        f"{count} sweeps deferred: {more:.3f} CPU s per second of the triggerer, {1e3 * more / count:.2f} ms for each"
    )
    for name in names:
        (airflow.folder / "kubeque" / f"{name}.go").touch()
    until("all have ended", lambda: not running(airflow), 600)
    seen, ended = zip(*(latencies(airflow, name) for name in names), strict=True)
    for what, times in (("seen by the triggerer", seen), ("the Airflow task has ended", ended)):
        print(f"after the last row: {what} {statistics.median(times):.1f} s (median), {max(times):.1f} s (longest)")


def waiting(airflow: RealAirflow) -> int:
    return int(airflow.sql("SELECT count(*) FROM task_instance WHERE dag_id = 'held' AND state = 'deferred'"))


def running(airflow: RealAirflow) -> int:
    airflow.cpu()
    return int(airflow.sql("SELECT count(*) FROM dag_run WHERE dag_id = 'held' AND state NOT IN ('success', 'failed')"))


def latencies(airflow: RealAirflow, run_id: str) -> tuple[float, float]:
    """Return the seconds from the end of the row to the closing of the job, and to the end of the Airflow task."""
    task = airflow.server.task("held", run_id, "sweep")
    if task["state"] != "success":
        raise SystemExit(f"{run_id}: {task['state']}")
    with Client() as client:
        job = next(job for job in client.jobs() if job.origin.get("dag") == "held" and job.origin["run"] == run_id)
        last = client.task(job.name, 0).line.view.record.history[-1]
    assert job.closing is not None
    row_ended = last.start + last.seconds
    return job.closing.at - row_ended, datetime.fromisoformat(task["end_date"]).timestamp() - row_ended


if __name__ == "__main__":
    main()
