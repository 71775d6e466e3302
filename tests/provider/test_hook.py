"""The connection type `kubeque`: its configuration, and its description for Airflow."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.metadata import metadata
from pathlib import Path

import airflow
import jsonschema
import pytest

from docs.generate.operators import OPERATORS
from kubeque.model.errors import ConfigError
from kubeque_provider.airflow_versions import AIRFLOW_2, log_interval
from kubeque_provider.forms.connection import FIELDS
from kubeque_provider.get_provider_info import get_provider_info
from kubeque_provider.hooks.kubeque import KubequeHook


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


def test_the_description_has_the_form_that_airflow_checks_and_names_what_exists() -> None:
    info, root = get_provider_info(), Path(__file__).parents[2]
    if not AIRFLOW_2:
        schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
        jsonschema.validate(info, schema)
    named = {name for key in ("operators", "sensors", "hooks", "triggers") for name in info[key][0]["python-modules"]}
    assert all(import_module(name) for name in named)
    classes = {module for module, _ in OPERATORS if not module.startswith("kubeque_provider.decorators")}
    assert classes <= named
    (integration,) = info["integrations"]
    for path in (*integration["how-to-guide"], integration["logo"]):
        assert (root / path).is_file(), path
    assert import_module(info["plugins"][0]["plugin-class"].rpartition(".")[0]).KubequePlugin


def test_an_option_of_the_description_is_an_option_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    assert log_interval() == 60.0
    monkeypatch.setenv("AIRFLOW__KUBEQUE__LOG_INTERVAL", "5")
    assert log_interval() == 5.0
