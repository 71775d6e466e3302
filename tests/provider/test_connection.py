"""A connection of the type `kubeque`: the login of its queue, the login of its store, and its form."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kubeque.model.config.config_file import KEYS
from kubeque.model.errors import ConfigError
from kubeque_provider.airflow_versions import mask_secrets
from kubeque_provider.exceptions import BadSweep
from kubeque_provider.forms.connection import FIELDS, NO_PASSWORD
from kubeque_provider.hooks.credentials import CONN_IDS
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.storage_paths import to_dest
from tests.provider.conftest import Run
from tests.servers.here import running
from tests.servers.objects import BUCKET, GcsServer

Connect = Callable[..., KubequeHook]
_SECRET = "s3cr3t-of-the-store"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Make a connection, and return its hook."""

    def make(name: str = "far", conn_type: str = "kubeque", **fields: Any) -> KubequeHook:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": conn_type, **fields}))
        return KubequeHook(name)

    return make


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "db", "login": "me", "password": "s3cr/t@", "schema": "q"}, "postgresql://me:s3cr%2Ft%40@db/q"),
        ({"host": "db", "port": 6432, "schema": "q"}, "postgresql://db:6432/q"),
        ({"host": "::1", "login": "me"}, "postgresql://me@[::1]/"),
        (
            {"password": "s3cr/t", "extra": {"queue_url": "postgresql://me@db/q?sslmode=require"}},
            "postgresql://me:s3cr%2Ft@db/q?sslmode=require",
        ),
        ({"extra": {"queue_url": "datastore://p"}}, "datastore://p"),
    ],
)
def test_the_fields_of_airflow_are_the_login_of_the_queue(connect: Connect, fields: dict[str, Any], url: str) -> None:
    assert connect(**fields).config().queue_url == url


def test_a_connection_of_the_type_postgres_is_the_queue(connect: Connect) -> None:
    login = {"host": "db", "login": "me", "password": "hunter2-x", "schema": "airflow"}
    connect(
        "pg", "postgres", **login, extra={"sslmode": "verify-full", "sslrootcert": "/ca.pem", "cursor": "dictcursor"}
    )
    hook = connect(extra={"queue_conn_id": "pg"})
    url = "postgresql://me:hunter2-x@db/airflow?sslmode=verify-full&sslrootcert=%2Fca.pem"
    assert hook.config().queue_url == url
    assert "hunter2-x" not in str(mask_secrets(f"cannot reach {url}"))
    assert "hunter2-x" not in repr(hook.config())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"host": "db", "extra": {"queue_url": "datastore://p"}}, "queue_url and host both name the queue: keep one"),
        ({"host": "db", "extra": {"queue_conn_id": "pg"}}, "queue_conn_id and host both name the queue"),
        ({"login": "me", "schema": "q"}, "login, schema cannot be used without a host"),
        ({"password": "x" * 9, "extra": {"queue_url": "sqlite:////q.db"}}, "password cannot be used without a host"),
        ({"password": "x" * 9, "extra": {"queue_url": "postgresql://db/q"}}, "a queue_url with a user"),
        ({"extra": {"queue_conn_id": "nowhere"}}, "queue_conn_id 'nowhere' does not exist: create"),
        (
            {"extra": {"queue_conn_id": "web"}},
            "'web' is a connection of the type 'http': name a connection of",
        ),
        ({"extra": {"queue_conn_id": "iam"}}, "logs in by 'iam', which kubeque does not support"),
        ({"extra": {"queue_conn_id": "empty"}}, "'empty' has no host"),
    ],
)
def test_a_queue_that_cannot_be_meant_is_one_line(connect: Connect, fields: dict[str, Any], message: str) -> None:
    connect("web", "http", host="x")
    connect("iam", "postgres", host="db", extra={"iam": True})
    connect("empty", "postgres")
    with pytest.raises(ConfigError, match=f"connection far: .*{message}"):
        connect(**fields).config()


def test_a_password_in_the_url_is_masked_and_warned_of(
    connect: Connect, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    hook = connect(extra={"queue_url": "postgresql://me:corr%40ct-horse@db/q"})
    hook.config()
    hook.config()
    said = "".join(capfd.readouterr()) or caplog.text
    assert said.count("queue_url contains a password") == 1
    assert "Write host, login, password and schema" in said
    for secret in ("corr%40ct-horse", "corr@ct-horse"):
        assert secret not in str(mask_secrets(f"cannot log in with {secret}!"))


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("sqlite:////data/q.db", True),
        ("datastore://p", True),
        ("postgresql://me@db:5432/q?sslmode=require", True),
        ("", True),
        ("postgresql://me:secret@db/q", False),
        ("postgresql://me:p@ss@db/q", False),
        ("postgresql:me:secret@db/q", False),
    ],
)
def test_the_form_takes_no_queue_url_with_a_password(url: str, good: bool) -> None:
    assert bool(re.match(NO_PASSWORD, url)) is good


def test_the_form_has_a_field_for_each_key() -> None:
    assert set(FIELDS) == {*KEYS, *CONN_IDS, "deployment"}
    gke = (Path(__file__).parents[2] / "example_dags" / "gke_sweep.py").read_text()
    for key in ("project", "cluster_name", "location", "default_image"):
        assert key in gke
        assert key in FIELDS


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"cluster_url": "gke://p/l/n", "queue_url": "sqlite:////tmp/q.db"}, "is a file of this machine, which pods"),
        (
            {"cluster_url": "gke://p/l/n", "queue_url": "datastore://p", "default_url_prefix": "/tmp/r"},
            "the store /tmp/r is a folder of this machine, which pods cannot reach",
        ),
        ({"cluster_url": "gke://p/l/n"}, "is a file of this machine, which pods cannot reach"),
    ],
)
def test_a_test_of_the_connection_refuses_what_can_never_work(
    connect: Connect, extra: dict[str, str], message: str
) -> None:
    success, said = connect(extra=extra).test_connection()
    assert (success, message in said) == (False, True), said


@pytest.mark.parametrize(
    ("dest", "found"),
    [
        ("s3://aws_default@bucket/a/{b}", ("s3://bucket/a/{b}", "aws_default")),
        ("gs://bucket/a@b/c", ("gs://bucket/a@b/c", "")),
        ("/data/x@y", ("/data/x@y", "")),
        (Path("/data/x"), ("/data/x", "")),
    ],
)
def test_a_destination_can_name_the_connection(dest: Any, found: tuple[str, str]) -> None:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    assert to_dest(dest) == found
    assert to_dest(ObjectStoragePath(dest)) == found


def _google(server: GcsServer) -> dict[str, Any]:
    extra = {"is_anonymous": True, "gcs.endpoint": server.url, "project": "p"}
    return {"conn_type": "google_cloud_platform", "password": _SECRET, "extra": extra}


@pytest.fixture(scope="module")
def gcs() -> Iterator[GcsServer]:
    with running(GcsServer) as server:
        yield server


@pytest.fixture
def store(gcs: GcsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket that only the connection `google` reaches. The worker itself has no credentials."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE", json.dumps(_google(gcs)))
    return f"gs://{BUCKET}/{tmp_path.name}"


def read_everything(folder: Path) -> str:
    """Return the contents of all files below a folder, and the command lines of all processes."""
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            files.append(path.read_bytes())
    return b"\n".join(files).decode(errors="replace")


def test_airflow_writes_the_store_with_the_login_of_store_conn_id(connect: Connect, store: str, tmp_path: Path) -> None:
    extra = {"queue_url": f"sqlite:///{tmp_path}/q.db", "default_url_prefix": store}
    assert connect(extra=extra).test_connection()[0] is False
    success, said = connect(extra={**extra, "store_conn_id": "google"}).test_connection()
    assert success, said


def test_local_consumers_without_credentials_of_their_own_are_refused_before_anything_is_submitted(
    connect: Connect, run: Run, store: str, tmp_path: Path
) -> None:
    hook = connect(
        extra={"queue_url": f"sqlite:///{tmp_path}/q.db", "default_url_prefix": store, "store_conn_id": "google"}
    )
    operator = KubequeSubmitOperator(task_id="submit", command=["/bin/true"], kubeque_conn_id="far", wait=False)
    with pytest.raises(BadSweep, match=r"do not reach the store(?s:.*)do not use store_conn_id 'google'"):
        run.execute(operator)
    assert hook.get_conn().jobs() == []
    hook.close()


def test_a_sweep_with_store_conn_id_runs_and_its_secret_is_nowhere(
    connect: Connect, run: Run, store: str, gcs: GcsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given consumers with their own way to the store
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    connect(extra={"queue_url": f"sqlite:///{tmp_path}/q.db", "default_url_prefix": store, "store_conn_id": "google"})
    pointer = run.execute(
        KubequeSubmitOperator(
            task_id="submit", command=["/bin/echo", "hello"], wait=True, poke_interval=0.1, kubeque_conn_id="far"
        )
    )

    # Then the results come, and no file of kubeque and no command line has the secret of the connection
    assert pointer["counts"]["ok"] == 1
    found = run.execute(KubequeFetchOperator(task_id="fetch", job_id=pointer, dest=str(tmp_path / "out")))
    assert (Path(found["dest"]) / "0" / "stdout.txt").read_text() == "hello\n"
    assert _SECRET not in read_everything(tmp_path)


def test_results_are_written_with_the_login_that_the_destination_names(
    run: Run, submit: Callable[..., Any], store: str
) -> None:
    # Given a sweep on the default store, and a bucket for which the worker has no credentials
    pointer = submit(["/bin/echo", "hello"])
    bucket, _, path = store.removeprefix("gs://").partition("/")
    with pytest.raises(Exception, match="cannot"):
        run.execute(KubequeFetchOperator(task_id="fetch", job_id=pointer, dest=f"gs://{bucket}/{path}/a"))
    found = run.execute(KubequeFetchOperator(task_id="fetch", job_id=pointer, dest=f"gs://google@{bucket}/{path}/b"))
    assert (found["dest"], found["tasks"]) == (f"gs://{bucket}/{path}/b", 1)
    table = KubequeCollectOperator(task_id="c", job_id=pointer, dest=f"gs://google@{bucket}/{path}/table.csv")
    assert run.execute(table)["rows"] == 1
