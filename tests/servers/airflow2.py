"""A real Airflow 2 with the methods of `AirflowServer`. It has three processes and the older API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from tests.servers.airflow import AirflowServer

#: Every visitor of the web server is an administrator.
_WEBSERVER_CONFIG = 'AUTH_ROLE_PUBLIC = "Admin"\n'


class Airflow2Server(AirflowServer):
    """One Airflow 2. Its scheduler also parses the DAG files."""

    PARTS: ClassVar[tuple[str, ...]] = ("webserver", "scheduler", "triggerer")
    HEALTHY: ClassVar[tuple[str, ...]] = ("metadatabase", "scheduler", "triggerer")
    HEALTH = "health"
    API = "/api/v1"
    DRIVER = "postgresql+psycopg2://"
    tells_triggers = False
    calls_listeners = False

    def settings(self) -> dict[str, str]:
        port = self.url.rpartition(":")[2]
        return super().settings() | {
            "API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
            "CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            "SCHEDULER__JOB_HEARTBEAT_SEC": "2",
            "SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "2",
            "SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "300",
            "SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "20",
            "SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "5",
            "WEBSERVER__BASE_URL": self.url,
            "WEBSERVER__SECRET_KEY": "not a secret",
            "WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
            "WEBSERVER__WEB_SERVER_PORT": port,
            "WEBSERVER__WORKERS": "1",
            "WEBSERVER__WEB_SERVER_MASTER_TIMEOUT": "600",
            "WEBSERVER__WEB_SERVER_WORKER_TIMEOUT": "600",
        }

    def start(self, *, dags: int) -> None:
        (self.folder / "webserver_config.py").write_text(_WEBSERVER_CONFIG)
        super().start(dags=dags)

    def headers(self) -> Mapping[str, str]:
        return {}

    def run(self, dag: str, run_id: str, **conf: Any) -> None:
        self.ask("POST", f"dags/{dag}/dagRuns", {"dag_run_id": run_id, "conf": conf})

    def mark(self, dag: str, run_id: str, task: str, state: str) -> None:
        said = {"dry_run": False, "new_state": state}
        self.ask("PATCH", f"dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/{task}", said)

    def clear(self, dag: str, run_id: str, *tasks: str, downstream: bool = False) -> None:
        """As the command does, and the web page: the API of Airflow 2 changes nothing of a task that runs."""
        when = self.ask("GET", f"dags/{dag}/dagRuns/{quote(run_id)}")["logical_date"]
        more = ["--downstream"] if downstream else []
        names = f"^({'|'.join(tasks)})$"
        self.command("tasks", "clear", dag, "--yes", "-t", names, "-s", when, "-e", when, *more)

    def fill_in(self, dag: str, first: str, last: str, *, at_once: int) -> None:
        """A person's `airflow dags backfill` lasts until all is done; how many run at once the settings say."""
        self.command("dags", "backfill", "--start-date", first, "--end-date", last, dag)
