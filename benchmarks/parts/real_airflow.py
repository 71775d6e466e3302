"""A real Airflow, and measurements of its CPU time and database rows."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.parts.accounts import Accounts
from kubeque.client import Client
from tests.servers.airflow import AirflowServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import temporary_folder

_DAGS = Path(__file__).parent / "airflow_dags"
#: Airflow's own defaults, because the tests use faster settings. The number of parallel Airflow tasks is limited for a
#: machine with two cores.
_SETTINGS = {
    "CORE__PARALLELISM": "16",
    "CORE__MAX_ACTIVE_TASKS_PER_DAG": "16",
    "CORE__MAX_ACTIVE_RUNS_PER_DAG": "100",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "300",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "5",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "10",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "5",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "30",
}
_COUNT = (
    "SELECT sum((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', tablename), false, true,"
    " '')))[1]::text::bigint) FROM pg_tables WHERE schemaname = 'public'"
)


@dataclass(frozen=True, slots=True)
class Spent:
    """Result of a measurement."""

    seconds: float
    #: CPU seconds by part: the names of Airflow's parts, "consumers" and "postgres".
    cpu: Counter[str]
    #: New rows in Airflow's database.
    rows: int

    @property
    def airflow(self) -> float:
        """CPU seconds of Airflow without its database."""
        return sum(self.cpu[part] for part in (*AirflowServer.PARTS, "other"))


class RealAirflow:
    """An Airflow 3.3 with four processes on PostgreSQL, and a local kubeque queue."""

    def __init__(self, server: AirflowServer, postgres: PostgresServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self._postgres = postgres
        roots = {server.pid(part): part for part in self.server.PARTS}
        self._accounts = Accounts(roots | {_pid(postgres): "postgres"})

    @classmethod
    @contextmanager
    def running(cls, mapped: int) -> Iterator[RealAirflow]:
        """Start Airflow with the DAGs in `airflow_dags`. `mapped`: number of mapped Airflow tasks."""
        folder = temporary_folder("bench")
        shutil.copytree(_DAGS, folder / "dags")
        for size in (1_000, 10_000):
            (folder / "dags" / f"rows-{size}.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(size)))
        os.environ |= {"KUBEQUE_HOME": str(folder / "kubeque"), "HOME": str(folder), "BENCH_MAPPED": str(mapped)}
        settings = {f"AIRFLOW__{name}": value for name, value in _SETTINGS.items()}
        given = {name: os.environ[name] for name in ("KUBEQUE_HOME", "HOME", "BENCH_MAPPED")}
        postgres = PostgresServer()
        postgres.start()
        server = AirflowServer(folder / "dags", postgres.create_database(), {**settings, **given})
        try:
            server.start(dags=6)
            yield cls(server, postgres, folder)
        finally:
            with Client() as client:
                client.stop()
            server.stop()
            postgres.stop()

    def cpu(self) -> Counter[str]:
        return self._accounts.look()

    def rows(self) -> int:
        """Return the number of rows in all tables of Airflow's database."""
        return int(self.sql(_COUNT))

    def sql(self, statement: str) -> str:
        """Return the answer of Airflow's database. (A request to Airflow itself would cost CPU time.)"""
        return self._postgres.sql(statement, "test_0")

    @contextmanager
    def spending(self) -> Iterator[list[Spent]]:
        """Measure the body of the context. At its end, append the result to the list."""
        found: list[Spent] = []
        rows, before, began = self.rows(), self.cpu(), time.monotonic()
        yield found
        seconds, after = time.monotonic() - began, self.cpu()
        after.subtract(before)
        found.append(Spent(seconds, after, self.rows() - rows))

    def wait(self, seconds: float) -> None:
        """Wait, and meanwhile record the CPU time of the running processes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(0.5, left))
            self.cpu()

    def run(self, dag: str, run_id: str) -> None:
        """Trigger a DAG run and wait until the run has ended. A failure ends the benchmark."""
        self.server.run(dag, run_id)
        while (state := self.state(dag, run_id)) not in ("success", "failed"):
            self.wait(0.5)
        if state == "failed":
            raise SystemExit(f"{dag} failed:\n{self.server.log(dag, run_id, 'sweep')[-4000:]}")

    def state(self, dag: str, run_id: str) -> str:
        return self.sql(f"SELECT state FROM dag_run WHERE dag_id = '{dag}' AND run_id = '{run_id}'")


def _pid(postgres: PostgresServer) -> int:
    running = postgres._process._running
    assert running is not None
    return running.pid
