"""The connection type `kubeque`: its configuration, and its description for Airflow."""

from __future__ import annotations

import json
from importlib.metadata import metadata
from pathlib import Path

import pytest

from kubeque.model.errors import ConfigError
from kubeque_provider.get_provider_info import get_provider_info
from kubeque_provider.hooks.kubeque import FIELDS, KubequeHook


def connect(monkeypatch: pytest.MonkeyPatch, name: str, **extra: str) -> None:
    text = json.dumps({"conn_type": "kubeque", "extra": extra})
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", text)


def test_without_a_connection_it_is_the_embedded_default(kubeque_home: Path) -> None:
    config = KubequeHook().config()
    assert config.home == kubeque_home
    assert config.cluster_url == "local"


def test_a_connection_is_a_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connect(
        monkeypatch, "far", queue_url=f"sqlite:///{tmp_path}/q.db", default_url_prefix=f"{tmp_path}/r", deployment="b"
    )
    hook = KubequeHook("far")
    assert hook.config().queue_url == f"sqlite:///{tmp_path}/q.db"
    assert hook.config().default_url_prefix == f"{tmp_path}/r"
    assert hook.deployment == "b"


def test_a_wrong_key_of_a_connection_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "far", queue_uri="sqlite:////q.db")
    with pytest.raises(ConfigError, match=r"connection far.*queue_ur[il]"):
        KubequeHook("far").config()


def test_a_connection_that_somebody_named_has_to_be_there() -> None:
    with pytest.raises(Exception, match="nowhere"):
        KubequeHook("nowhere").config()


def test_the_provider_is_the_distribution_and_its_form_has_the_fields_of_the_hook() -> None:
    info = get_provider_info()
    assert info["package-name"] == metadata("kubeque")["Name"]
    (connection,) = info["connection-types"]
    assert connection["connection-type"] == KubequeHook.conn_type
    assert connection["conn-fields"].keys() == FIELDS.keys()


def test_airflow_finds_the_hook_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "far", deployment="b")
    hook = KubequeHook.get_connection("far").get_hook()
    assert isinstance(hook, KubequeHook)
    assert hook.kubeque_conn_id == "far"
