"""A connection of the type `kubeque`: its form, its configuration, its logins, and the client that it opens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubeque.client import Access, Client, find_unreachable, is_hosted, is_local
from kubeque.model.config.config import Config
from kubeque.model.errors import ConfigError, KubequeError, StorageError
from kubeque.model.user_paths import current_folder
from kubeque_provider.airflow_versions import AirflowNotFoundException, BaseHook
from kubeque_provider.forms.connection import FIELDS, LABELS, NO_PASSWORD, PLACEHOLDERS
from kubeque_provider.hooks.credentials import CONN_IDS, StoreLogins, make_access
from kubeque_provider.hooks.extra import read_extra
from kubeque_provider.hooks.job_log import JobLog
from kubeque_provider.hooks.queue_login import read_queue_url
from kubeque_provider.naming import DEFAULT_CONNECTION
from kubeque_provider.origin.deployment import read_deployment


class KubequeConnection(BaseHook):
    """The queue, the store and the cluster that an Airflow connection of the type `kubeque` names.

    If the connection `kubeque_default` does not exist, the `.kubeque` file applies. Without this file, the queue of
    this machine is used.
    """

    conn_name_attr = "kubeque_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "kubeque"
    hook_name = "kubeque"

    def __init__(self, kubeque_conn_id: str = DEFAULT_CONNECTION, *, cluster: str | None = None) -> None:
        """`cluster`: URL of the cluster for new jobs (default: the cluster of the connection)."""
        super().__init__()
        self.kubeque_conn_id = kubeque_conn_id
        self._cluster = cluster
        self._client: Client | None = None
        self._warned = False
        self._stores = StoreLogins()
        self.job_log = JobLog(self.log)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the fields of the connection form, for Airflow 2."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from flask_babel import lazy_gettext
        from wtforms import StringField
        from wtforms.validators import Optional, Regexp

        checks = {"queue_url": [Optional(), Regexp(NO_PASSWORD, message="Write the password into the field Password")]}
        return {
            name: StringField(
                lazy_gettext(label), widget=BS3TextFieldWidget(), description=text, validators=checks.get(name)
            )
            for name, (label, text) in FIELDS.items()
        }

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the layout of the connection form, for Airflow 2."""
        return {"hidden_fields": [], "relabeling": dict(LABELS), "placeholders": dict(PLACEHOLDERS)}

    def _read_extra(self) -> dict[str, str] | None:
        """Return the connection's field Extra; None if this is the default connection and it does not exist.

        Raises ConfigError.
        """
        connection = self._find()
        return None if connection is None else read_extra(connection, self.conn_type)

    def _find(self) -> Any:
        """Return the connection; None if this is the default connection and it does not exist. Raises ConfigError."""
        try:
            return self.get_connection(self.kubeque_conn_id)
        except AirflowNotFoundException as error:
            if self.kubeque_conn_id == DEFAULT_CONNECTION:
                return None
            raise ConfigError(
                f"the connection {self.kubeque_conn_id!r} does not exist: create this connection with the type"
                f" {self.conn_type},"
                " or use another connection"
            ) from error

    def is_kubeque(self) -> bool:
        """True if the connection has the type `kubeque`, or if it is the default connection and does not exist."""
        try:
            return str(self.get_connection(self.kubeque_conn_id).conn_type) == self.conn_type
        except AirflowNotFoundException:
            return self.kubeque_conn_id == DEFAULT_CONNECTION

    @property
    def deployment(self) -> str:
        """Identity of this Airflow among all Airflows that share the queue."""
        return (self._read_extra() or {}).get("deployment") or read_deployment()

    def config(self) -> Config:
        """Return the connection as a configuration. Raises ConfigError.

        The error names the connection and the wrong key.
        """
        connection = self._find()
        if connection is None:
            return Config.load()
        values = read_extra(connection, self.conn_type)
        url = read_queue_url(connection, values, self._find_other, self._warn)
        kept = {key: value for key, value in values.items() if key not in ("deployment", "queue_url", *CONN_IDS)}
        return Config.from_values(
            {**kept, "queue_url": url}, where=f"connection {self.kubeque_conn_id}", folder=current_folder()
        )

    def _find_other(self, conn_id: str) -> Any:
        """Return the connection that the field `queue_conn_id` of this connection names. Raises ConfigError."""
        try:
            return self.get_connection(conn_id)
        except AirflowNotFoundException as error:
            raise ConfigError(
                f"connection {self.kubeque_conn_id}: queue_conn_id {conn_id!r} does not exist: create this connection"
                " with the type postgres"
            ) from error

    def _warn(self, message: str) -> None:
        if not self._warned:
            self.log.warning("%s", message)
        self._warned = True

    def access(self) -> Access:
        """Return the logins for clusters and stores. They come from the connections that this connection names."""
        return make_access(self._read_extra() or {}, self._stores)

    def use_login(self, url: str, conn_id: str) -> None:
        """Use the login of the connection `conn_id` for the bucket of `url`. Call this before `get_conn`."""
        self._stores.add(url, conn_id)
        self.close()

    def _full_config(self) -> Config:
        config = self.config()
        return replace(config, cluster_url=self._cluster) if self._cluster else config

    def get_conn(self) -> Client:
        """Return the client. The first call opens it. Raises ConfigError."""
        if self._client is None:
            config = self._full_config()
            try:
                self._client = Client(config, access=self.access())
            except ConfigError as error:
                raise ConfigError(f"connection {self.kubeque_conn_id}: {error}") from error
        return self._client

    def check_consumers(self) -> None:
        """Raise ConfigError if consumers on this machine cannot reach the store.

        Such a consumer has the credentials of the Airflow worker, and never those of `store_conn_id`. Nothing is
        checked for other clusters, for a store that is a folder, or without `store_conn_id`.
        """
        config, conn_id = self._full_config(), (self._read_extra() or {}).get("store_conn_id", "").strip()
        if not conn_id or not is_local(config.cluster_url) or "://" not in config.default_url_prefix:
            return
        try:
            with Client(config) as client:
                client.check_store()
        except StorageError as error:
            raise ConfigError(
                f"connection {self.kubeque_conn_id}: the credentials of the Airflow worker do not reach the store"
                f" ({error}), and consumers on this machine do not use store_conn_id {conn_id!r}: set credentials of"
                " the store in the worker's environment, or choose a cluster_url other than local"
            ) from error

    def test_connection(self) -> tuple[bool, str]:
        """Return True and a message if the queue and the store answer. Otherwise return False and the error message.

        Airflow calls this for `airflow connections test` and for the test button of the connection form.
        """
        try:
            config = self._full_config()
            unreachable = find_unreachable(config)
            if unreachable and is_hosted(config.cluster_url):
                return False, f"connection {self.kubeque_conn_id}: {unreachable}"
            client = self.get_conn()
            jobs = len(client.jobs())
            client.check_store()
        except KubequeError as error:
            return False, str(error)
        finally:
            self.close()
        values = client.config.as_dict()
        answer = f"{values['queue_url']} answers and has {jobs} jobs; {values['default_url_prefix']} is writable"
        return True, f"{answer}; {unreachable}" if unreachable else answer

    def close(self) -> None:
        """Close the connections of the client."""
        if self._client is not None:
            self._client.close()
            self._client = None
