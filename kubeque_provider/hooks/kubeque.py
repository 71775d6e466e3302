"""The connection type `kubeque`, and the one door by which Airflow enters the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubeque.client import Client, Progress, Submitted, TaskRow, report_url
from kubeque.model.config.config import Config
from kubeque.model.errors import ConfigError, JobExists, JobNotFound, KubequeError
from kubeque.model.job.job import Job
from kubeque.model.rows.parameters import Rows, from_frame, from_records, sequence
from kubeque.model.sweep.sweep import Sweep
from kubeque_provider.airflow_versions import AirflowNotFoundException, BaseHook, base_url, whose
from kubeque_provider.hooks.credentials import LOGINS, Access, access
from kubeque_provider.hooks.on_clear import OnClear, is_anothers, maker, rows_again
from kubeque_provider.links.sweep import keep_links, sweep_page
from kubeque_provider.log_text import failure, progress_line
from kubeque_provider.naming import DEFAULT_CONNECTION, pointer

__all__ = ["KubequeHook", "OnClear", "Progress", "TaskRow"]

#: Fields of the form: name and title.
FIELDS = {
    "queue_url": "Queue URL",
    "default_url_prefix": "URL prefix of results",
    "cas_url_prefix": "URL prefix of input files",
    "cluster_url": "Cluster URL",
    "kubernetes_conn_id": "Kubernetes connection",
    "gcp_conn_id": "Google Cloud connection",
    "deployment": "Name of this Airflow",
}


class KubequeHook(BaseHook):
    """Where queue, files and cluster are, and what operators and sensors do with them.

    Without the connection `kubeque_default` it is what the `.kubeque` file says, or the queue of this machine.
    """

    conn_name_attr = "kubeque_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "kubeque"
    hook_name = "kubeque"

    def __init__(self, kubeque_conn_id: str = DEFAULT_CONNECTION, *, cluster: str | None = None) -> None:
        """`cluster`: where new jobs run, if not where the connection says."""
        super().__init__()
        self.kubeque_conn_id = kubeque_conn_id
        self._cluster = cluster
        self._client: Client | None = None
        self._counts: Any = None
        self._obstacles: tuple[str, ...] = ()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's fields, for Airflow 2."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from flask_babel import lazy_gettext
        from wtforms import StringField

        return {name: StringField(lazy_gettext(title), widget=BS3TextFieldWidget()) for name, title in FIELDS.items()}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """What the form shows, for Airflow 2."""
        return {"hidden_fields": ["host", "port", "schema", "login", "password"], "relabeling": {}, "placeholders": {}}

    def _values(self) -> dict[str, str] | None:
        """The connection's extra; None where there is no connection of the default name. Raises ConfigError."""
        try:
            connection = self.get_connection(self.kubeque_conn_id)
        except AirflowNotFoundException as error:
            if self.kubeque_conn_id == DEFAULT_CONNECTION:
                return None
            raise ConfigError(
                f"there is no connection {self.kubeque_conn_id!r}: make one of type kubeque, or name another"
            ) from error
        if connection.conn_type != self.conn_type:
            raise ConfigError(
                f"connection {self.kubeque_conn_id}: its type is {connection.conn_type!r}: choose {self.conn_type!r},"
                " or name another connection"
            )
        return {key: str(value) for key, value in _extra(connection).items() if value is not None}

    def is_kubeque(self) -> bool:
        """Is the connection of this type, or left out? Who chooses one by its name must not choose any other."""
        try:
            return str(self.get_connection(self.kubeque_conn_id).conn_type) == self.conn_type
        except AirflowNotFoundException:
            return self.kubeque_conn_id == DEFAULT_CONNECTION

    @property
    def deployment(self) -> str:
        """What tells this Airflow from others on the same queue: the connection's field, else its address."""
        return (self._values() or {}).get("deployment") or base_url()

    def config(self) -> Config:
        """The connection as a configuration. Raises ConfigError naming the connection and the key."""
        values = self._values()
        if values is None:
            return Config.load()
        for key in ("deployment", *LOGINS):
            values.pop(key, None)
        return Config.from_values(values, where=f"connection {self.kubeque_conn_id}", folder=Path.cwd())

    def access(self) -> Access:
        """How to log in to clusters: by the connections that this one names."""
        return access(self._values() or {})

    def get_conn(self) -> Client:
        """The client, connected once."""
        if self._client is None:
            config = self.config()
            if self._cluster:
                config = replace(config, cluster_url=self._cluster)
            try:
                self._client = Client(config, access=self.access())
            except ConfigError as error:
                raise ConfigError(f"connection {self.kubeque_conn_id}: {error}") from error
        return self._client

    def test_connection(self) -> tuple[bool, str]:
        """Do queue and store answer? For `airflow connections test` and the button of the form."""
        try:
            client = self.get_conn()
            jobs = len(client.jobs())
            client.check_store()
        except KubequeError as error:
            return False, str(error)
        finally:
            self.close()
        seen = client.config.as_dict()
        return True, f"{seen['queue_url']} answers and has {jobs} jobs; {seen['default_url_prefix']} may be written"

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def rows(self, parameters: Any, *, base: Path, missing: str | None = None) -> Rows:
        """The rows that `parameters=` describes; a relative path starts at `base`. Raises ParametersError."""
        if parameters is None:
            return sequence(1)
        if isinstance(parameters, str | Path):
            text = str(parameters)
            return self.get_conn().rows(text if "://" in text else str(base / text))
        if hasattr(parameters, "to_spec"):
            return parameters  # type: ignore[no-any-return]
        if hasattr(parameters, "columns") and hasattr(parameters, "to_numpy"):
            return from_frame(parameters, missing=missing)
        return from_records(parameters, missing=missing)

    def submit(
        self, name: str, make: Callable[[], Sweep], on_clear: OnClear, *, origin: Mapping[str, str] | None = None,
        anew: bool = True,
    ) -> Progress:  # fmt: skip
        """See that the job `name` is there and runs what has to run; `make` is asked for the sweep if it is needed.

        `anew`: is this a first try or behind a clear, and no retry? `origin`: which Airflow task asks, where its author
        chose the name. Raises UserError with nothing submitted.
        """
        client = self.get_conn()
        try:
            before = client.status(name)
        except JobNotFound:
            made = client.submit(make())
            self._say_new(made)
            return client.status(name)
        if origin is not None and is_anothers(before.job, origin):
            self._adopt(before.job, make())
        existing = rows_again(before.job, on_clear, anew=anew)
        if existing is None:
            self.log.info("%s is there already: %s; nothing runs twice", name, progress_line(before.counts))
            return before
        after = client.submit(make(), existing=existing).job
        client.take(name, "")  # nobody has waited for this run yet
        progress = client.status(name)
        self._say_again(before, after, progress)
        return progress

    def _adopt(self, job: Job, sweep: Sweep) -> None:
        """Take the job of somebody else for one's own. Raises JobExists where it is another sweep."""
        try:
            self.get_conn().submit(sweep)
        except JobExists as error:
            raise JobExists(
                f"job_id {job.name!r} is the job of {maker(job)}, with another command, other inputs or other rows:"
                " give this Airflow task another job_id, or none, so that each run of it has its own"
            ) from error

    def _say_new(self, made: Submitted) -> None:
        job = made.job
        done = f", {job.linked} of them done before in the series" if job.linked else ""
        self.log.info("submitted %s: %d rows%s, results below %s", job.name, job.n, done, job.url)
        if made.note:
            self.log.warning("%s: no row is known to be done: %s", job.name, made.note)

    def _say_again(self, before: Progress, after: Job, now: Progress) -> None:
        kept = now.counts.ok if now.job.run == after.run else 0
        same = "" if after.revision == before.job.revision else f" under revision {after.revision}"
        self.log.info(
            "%s ended before with %s: %d ok rows of revision %d are kept, %d run again%s",
            after.name, progress_line(before.counts), kept, before.job.revision, after.n - kept, same,
        )  # fmt: skip

    def arrive(
        self,
        name: str,
        waiter: str,
        attempt: int,
        *,
        orphan_after: float | None = None,
        retries: Mapping[str, int] | None = None,
    ) -> Progress:
        """How a job stands, for somebody who begins to wait for it. Whoever waits repairs: a later attempt of a waiter
        whose earlier one saw the job fail lets failed rows run again, once. Raises JobNotFound.

        `orphan_after`: seconds after which the job stops if nobody looks. `retries`: extra attempts by cause.
        """
        client, token = self.get_conn(), f"{waiter}#{attempt}"
        before = client.take(name, token, orphan_after=orphan_after, retries=retries)
        progress = client.status(name)
        if before == token:
            return progress
        job = progress.job
        if attempt > 1 and before and not job.open and not (job.closing and job.closing.success):
            self.log.info("%s had failed: %d rows are kept, the others run again", name, progress.counts.ok)
            return client.reset(name)
        return progress

    def look(self, name: str, token: str) -> Progress:
        """How a job stands, for somebody who waits for it already. Raises JobNotFound."""
        self.get_conn().keep(name, token)
        return self.get_conn().status(name)

    def say(self, progress: Progress) -> None:
        """Log the counts and what holds consumers up, if they are others than last time."""
        if progress.counts != self._counts:
            self._counts = progress.counts
            self.log.info("%s: %s", progress.job.name, progress_line(progress.counts))
        if progress.obstacles != self._obstacles:
            self._obstacles = progress.obstacles
            for obstacle in progress.obstacles:
                self.log.warning("%s waits: %s", progress.job.name, obstacle)

    def deliver(self, progress: Progress) -> dict[str, Any]:
        """The last act of a waiter: the pointer to a job that ended well. Raises SweepFailed naming rows."""
        job = progress.job
        if job.closing is None or not job.closing.success:
            raise failure(progress, self.get_conn().lines(job.name, state="failed"))
        self.get_conn().mark_delivered(job)
        return self.pointer(progress)

    def pointer(self, progress: Progress) -> dict[str, Any]:
        """What goes through XCom."""
        job = progress.job
        return pointer(job.name, self.kubeque_conn_id, job.url, progress.counts.to_wire())

    def keep_links(self, context: Any, job: Job) -> None:
        """Let the pages of Airflow lead to the job."""
        dag_id, run_id, _, _ = whose(context)
        keep_links(context, sweep_page(job.name, self.kubeque_conn_id, dag_id, run_id), job.url, report_url(job))


def _extra(connection: Any) -> dict[str, Any]:
    """What stands in the field Extra, which Airflow takes for empty where it is no JSON. Raises ConfigError."""
    try:
        found = json.loads(connection.extra or "{}")
    except ValueError as error:
        raise ConfigError(
            f"connection {connection.conn_id}: extra is no JSON ({error}): mend it in the form"
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(f'connection {connection.conn_id}: extra is no JSON object: write {{"queue_url": "..."}}')
    return found
