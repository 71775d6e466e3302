"""A real Airflow 3. Its processes run on loopback, and each of them can be killed and started again.

airflow = AirflowServer(dags, database_url, {"KUBEQUE_HOME": home})
airflow.start(dags=3)
airflow.run("a_dag", "a_run")
airflow.state("a_dag", "a_run", "a_task")
airflow.restart("triggerer", kill=True)
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from tests.servers.process import Process, free_port, temporary_folder, with_us
from tests.waiting import GaveUp, NotStarted, T, until

ROOT = Path(__file__).resolve().parents[2]
#: Maximum time for any operation on a busy machine, seconds.
PATIENCE = 150.0
#: Maximum number of times that a GET is sent while Airflow answers that its own database has failed.
_DATABASE_TRIES = 5
#: Airflow's settings. With these, it detects dead processes in seconds rather than in minutes.
_SETTINGS = {
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "CORE__PARALLELISM": "40",
    "CORE__MAX_ACTIVE_TASKS_PER_DAG": "64",
    "CORE__MAX_ACTIVE_RUNS_PER_DAG": "64",
    "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "CORE__TEST_CONNECTION": "Enabled",
    # Since 3.2, the API server looks up each token with a blocking call in its event loop. If heartbeats have all 15
    # connections of the pool, this call waits 30 s for one of them. In this time nothing is answered, and then this
    # request gets the status 500, and late heartbeats end their Airflow tasks.
    "DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": "-1",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
    "LOGGING__LOGGING_LEVEL": "INFO",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
}


class AirflowServer:
    """One Airflow of four processes. Its tasks run in child processes of the scheduler."""

    PARTS: ClassVar[tuple[str, ...]] = ("api-server", "scheduler", "triggerer", "dag-processor")
    #: Where its health is, and what that names.
    HEALTH = "monitor/health"
    HEALTHY: ClassVar[tuple[str, ...]] = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    #: Where the public API is.
    API = "/api/v2"
    #: How it reaches PostgreSQL.
    DRIVER = "postgresql+psycopg://"
    #: True if Airflow notifies a trigger when a user or a limit ends the trigger's Airflow task.
    tells_triggers = True
    #: True if its API server calls the listeners of plugins when a user marks an Airflow task.
    calls_listeners = True

    def __init__(self, dags: Path, database_url: str, environ: Mapping[str, str]) -> None:
        """`dags`: folder of DAG files. `database_url`: an empty PostgreSQL database that only Airflow uses."""
        self.folder = temporary_folder("airflow")
        self.url = f"http://127.0.0.1:{free_port()}"
        self._database = database_url.replace("postgresql://", self.DRIVER)
        self._dag_files = dags
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environ = {
            **inherited,
            **{f"AIRFLOW__{key}": value for key, value in self.settings().items()},
            "AIRFLOW_HOME": str(self.folder),
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
            "PYTHONPATH": str(ROOT),
            **environ,
        }
        self._parts = {part: self._process(part) for part in self.PARTS}

    def settings(self) -> dict[str, str]:
        """Its configuration, by SECTION__KEY."""
        return _SETTINGS | {
            "CORE__DAGS_FOLDER": str(self._dag_files),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__FERNET_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
            "DATABASE__SQL_ALCHEMY_CONN": self._database,
            "DATABASE__SQL_ALCHEMY_CONN_ASYNC": self._database,
            "API__BASE_URL": self.url,
            "API__HOST": "127.0.0.1",
            "API__PORT": self.url.rpartition(":")[2],
            "API__SECRET_KEY": "not a secret",
            "API_AUTH__JWT_SECRET": "a secret of this test that is long enough to sign a token with, sixty-four",
            "LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        }

    def _process(self, part: str) -> Process:
        setting = ["env", "-i", *(f"{name}={value}" for name, value in self.environ.items())]
        argv = with_us([*setting, sys.executable, "-m", "airflow", part], "KILL")
        return Process(part, argv, self.folder, gentle=signal.SIGTERM, cwd=self.folder)

    def command(self, *words: str) -> str:
        """Return the output of an `airflow` command."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env=self.environ, cwd=self.folder, capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *, dags: int) -> None:
        """Create the database, start all processes, and wait until `dags` DAGs can run."""
        self.command("db", "migrate")
        for process in self._parts.values():
            process.start(lambda: True)
        try:
            self.until("all parts of Airflow are healthy", self._healthy)
            self.until("its DAGs are there", lambda: self._dags() >= dags)
        except GaveUp as late:
            raise NotStarted(f"Airflow did not start: {late}") from late

    def until(self, what: str, test: Callable[[], T], seconds: float = PATIENCE) -> T:
        """Return the result of `test` once it is true. Poll slowly, because this Airflow answers each poll."""
        return until(what, test, seconds, every=0.3)

    def stop(self) -> None:
        """End all processes, including those that the scheduler's workers have started in their own sessions."""
        for process in reversed(self._parts.values()):
            process.stop()
        for pid in _with_variable("AIRFLOW_HOME", str(self.folder)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def restart(self, part: str, *, kill: bool = False) -> None:
        """End one part and start it again. End it with SIGTERM, or kill all its processes at the same time.

        What a killed scheduler leaves alive has its lines to the database: a lock that it had, Airflow would wait for.
        Consumers live on, as they do elsewhere.
        """
        if kill:
            self._parts[part].vanish(spare="kubeque.consumer")
        else:
            self._parts[part].stop()
        self._parts[part].start(lambda: True)

    @contextmanager
    def without(self, part: str) -> Iterator[None]:
        """Run a block without one part, and start the part again."""
        self._parts[part].stop()
        try:
            yield
        finally:
            self._parts[part].start(lambda: True)

    def pid(self, part: str) -> int:
        """The process of a part."""
        running = self._parts[part]._running
        assert running is not None
        return running.pid

    def _healthy(self) -> bool:
        try:
            found = self._request("GET", f"{self.API}/{self.HEALTH}")
        except OSError:
            return False
        return all(found[part]["status"] == "healthy" for part in self.HEALTHY)

    def _dags(self) -> int:
        errors = self.ask("GET", "importErrors")["import_errors"]
        assert not errors, errors[0]["stack_trace"]
        return int(self.ask("GET", "dags")["total_entries"])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer of the public API. Raises urllib.error.HTTPError, which contains the answer.

        On a busy machine, Airflow cannot always read its own database, for example because all its connections are in
        use. A client sends a GET again after this answer, and each other error of the server is raised at once.
        """
        for left in reversed(range(_DATABASE_TRIES if method == "GET" else 1)):
            try:
                return self._request(method, f"{self.API}/{path}", body, self.headers())
            except urllib.error.HTTPError as error:
                if not (found := database_error(error.code, error.msg)):
                    raise
                error.add_note(self._logged(found))
                if not left:
                    raise
                print(f"{method} {path}: {error}", *error.__notes__, sep="\n", file=sys.stderr)
                time.sleep(1)
        raise AssertionError("the loop returns or raises")

    def _logged(self, error_id: str) -> str:
        """Return what the server logged about a database error."""
        log = self._parts[self.PARTS[0]].log.read_text(errors="replace")
        return log[log.find(f"Error with id {error_id}") :][:4000] if error_id in log else "the log has no such error"

    def headers(self) -> Mapping[str, str]:
        """Return the headers that authenticate a request."""
        return {"Authorization": f"Bearer {self._token}"}

    @cached_property
    def _token(self) -> str:
        return str(self._request("GET", "/auth/token")["access_token"])

    def _request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        given = {"Accept": "application/json", **(headers or {})}
        if data is not None:
            given["Content-Type"] = "application/json"
        asked = urllib.request.Request(self.url + path, data, given, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            error.msg = f"{error.msg}: {error.read().decode(errors='replace')}"
            raise
        return json.loads(text) if text else None

    def run(self, dag: str, run_id: str, **conf: Any) -> None:
        """Trigger a run."""
        self.ask("POST", f"dags/{dag}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": conf})

    def run_state(self, dag: str, run_id: str) -> str:
        return str(self.ask("GET", f"dags/{dag}/dagRuns/{quote(run_id)}")["state"])

    def task(self, dag: str, run_id: str, task: str) -> dict[str, Any]:
        """Return the API's record of an Airflow task."""
        found: dict[str, Any] = self.ask("GET", f"dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/{task}")
        return found

    def state(self, dag: str, run_id: str, task: str) -> str:
        """The state of an Airflow task; "none" before it has one."""
        return str(self.task(dag, run_id, task)["state"] or "none")

    def mark(self, dag: str, run_id: str, task: str, state: str) -> None:
        """Mark an Airflow task as a user does."""
        self.ask("PATCH", f"dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/{task}", {"new_state": state})

    def clear(self, dag: str, run_id: str, *tasks: str, downstream: bool = False) -> None:
        """Clear Airflow tasks as a user does."""
        said = {"only_failed": False, "dry_run": False, "reset_dag_runs": True, "include_downstream": downstream}
        self.ask("POST", f"dags/{dag}/clearTaskInstances", {"dag_run_id": run_id, "task_ids": list(tasks), **said})

    def delete_run(self, dag: str, run_id: str) -> None:
        """Delete a run as a user does. End it first, because Airflow requires that."""
        self.ask("PATCH", f"dags/{dag}/dagRuns/{quote(run_id)}", {"state": "failed"})
        self.ask("DELETE", f"dags/{dag}/dagRuns/{quote(run_id)}")

    def fill_in(self, dag: str, first: str, last: str, *, at_once: int) -> None:
        """Start a backfill of the days `first` to `last` (YYYY-MM-DD), with at most `at_once` parallel runs."""
        span = {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z"}
        self.ask("POST", "backfills", {"dag_id": dag, **span, "max_active_runs": at_once, "dag_run_conf": {}})

    def log(self, dag: str, run_id: str, task: str, attempt: int = 1) -> str:
        """Return the log of one try, with the log of its trigger."""
        try:
            found = self.ask("GET", f"dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/{task}/logs/{attempt}")
        except urllib.error.HTTPError as error:
            return f"no log: {error}"
        return json.dumps(found)


def database_error(code: int, text: str) -> str:
    """Return the ID of an error of Airflow's own database; an empty text for any other answer.

    `text`: the answer with its reason. An error in a DAG, in a plugin or in the request has another form.
    """
    found = re.search(r'"reason": ?"Database error".* ID (\w+)', text)
    return found[1] if code == 500 and found else ""


def _with_variable(name: str, value: str) -> Iterator[int]:
    """Return the processes that were started with this environment variable."""
    for process in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"{name}={value}".encode() in process.read_bytes().split(b"\0"):
                yield int(process.parent.name)
