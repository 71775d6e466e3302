"""The files with the environments of submitters, and the environment with which consumers of this machine start."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.clusters.consumer_environment import consumer_environment, login_digest
from kubeque.clusters.environment_files import Environments, this_umask
from kubeque.clusters.local import LocalCluster, fleet_name, slot_folder
from kubeque.model.errors import ClusterError, EnvironmentGone
from kubeque.model.job.counts import Tally
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.grid import sequence

JOB = Job("sweep", "abcdefghijkm", 1, "/results/sweep/abcdefghijkm")
MINE = Environment({"TOKEN": "secret", "latin": "caf\udce9"}, 0o022)
URL = "sqlite:///home/queue.db"


def test_each_revision_has_a_file_that_only_the_user_may_read(tmp_path: Path) -> None:
    kept, other = Environments(tmp_path), replace(JOB, uid="bcdefghijkmn")
    before = os.umask(0)
    try:
        kept.write(JOB, MINE, queue="q")
        kept.write(replace(JOB, revision=2), Environment(), queue="q")
        kept.write(other, Environment(), queue="p")
    finally:
        os.umask(before)

    assert kept.read(JOB) == MINE
    assert kept.read(replace(JOB, revision=2), 1) == MINE
    files = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "environments").iterdir()}
    assert files == {f"{name}.json": 0o600 for name in ("abcdefghijkm-1", "abcdefghijkm-2", "bcdefghijkmn-1")}
    assert (tmp_path / "environments").stat().st_mode & 0o777 == 0o700
    assert [(each.uid, each.queue) for each in kept.kept()] == [(JOB.uid, "q"), (JOB.uid, "q"), (other.uid, "p")]

    kept.remove(JOB.uid)
    assert [each.uid for each in kept.kept()] == [other.uid]


CONTENTS = {
    "missing": None, "empty": b"", "list": b"[]", "object": b"{}", "bytes": b"\xff",
    "number": b'{"variables": {"A": 1}}', "deep": b"[" * 10_000,
}  # fmt: skip


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_missing_or_damaged_environment_is_refused_with_the_remedy(tmp_path: Path, content: bytes | None) -> None:
    kept = Environments(tmp_path)
    if content is not None:
        kept.path(JOB).parent.mkdir()
        kept.path(JOB).write_bytes(content)

    with pytest.raises(EnvironmentGone, match="kubeque reset sweep --update"):
        kept.read(JOB)
    assert {each.queue for each in kept.kept()} <= {""}


def test_the_umask_of_a_process_is_read() -> None:
    before = os.umask(0o027)
    try:
        assert this_umask() == 0o027
    finally:
        os.umask(before)


def test_consumers_start_with_what_python_queue_and_store_need_and_nothing_else() -> None:
    always = {
        "PATH": "/bin", "HOME": "/me", "KUBEQUE_HOME": "/k", "https_proxy": "p", "NO_PROXY": "n",
        "SSL_CERT_FILE": "/c", "REQUESTS_CA_BUNDLE": "/c", "PYTHONPATH": "/p",
    }  # fmt: skip
    amazon, google = {"AWS_SECRET_ACCESS_KEY": "a"}, {"GOOGLE_APPLICATION_CREDENTIALS": "/key"}
    database = {"PGPASSWORD": "p"}
    other = {
        "FOO": "x", "AIRFLOW__CORE__FERNET_KEY": "x", "TOKEN": "x", "KUBEQUE_QUEUE_URL": "postgresql://u:p@h/d",
        "LANG": "C", "TZ": "x", "PYTHONSTARTUP": "x", "LD_PRELOAD": "x", "DATABASE_URL": "x", "my_proxy": "x",
    }  # fmt: skip
    environ = always | amazon | google | database | other
    always["PYTHONUTF8"] = "1"

    assert consumer_environment(environ, [URL, "/results", "https://host/input"]) == always
    assert consumer_environment(environ, ["postgresql://h/d", "/results"]) == always | database
    assert consumer_environment(environ, [URL, "s3://bucket/results"]) == always | amazon
    assert consumer_environment(environ, ["datastore://p", "gs://b", "s3://b"]) == always | amazon | google


def test_the_digest_of_a_login_depends_on_the_login_alone() -> None:
    def digest(environ: dict[str, str], *urls: str, queue: str = "", key: bytes = b"k") -> str:
        return login_digest(environ, queue, urls, lambda: key)

    one, other = {"AWS_PROFILE": "one", "FOO": "1"}, {"AWS_PROFILE": "other", "FOO": "1"}
    assert digest(one, "/results") == ""
    assert digest(one, "s3://b") == digest(one | {"FOO": "2"}, "s3://b/x") != digest(other, "s3://b")
    assert digest(one, "gs://b") == digest(other, "gs://b")
    assert digest(one, "s3://b") != digest(one, "s3://b", key=b"another home")
    passwords = [digest({}, queue=f"postgresql://u:{word}@h/d") for word in ("a", "b")]
    assert len({"", *passwords}) == 3


def test_jobs_of_another_login_have_slots_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = LocalCluster(tmp_path, f"sqlite:///{tmp_path}/queue.db")
    assert cluster.fleet("sweep", ["/results"]) == fleet_name(tmp_path)
    fleets = []
    for profile in ("one", "other", "one"):
        monkeypatch.setenv("AWS_PROFILE", profile)
        fleets.append(cluster.fleet("sweep", ["s3://bucket/results"]))
    assert fleets[0] == fleets[2] != fleets[1]
    folders = [slot_folder(tmp_path, fleet) for fleet in (*fleets[:2], fleet_name(tmp_path))]
    assert len({*folders, cluster.folder}) == 3
    assert {folder.parent for folder in folders} == {cluster.folder, tmp_path}


@pytest.mark.parametrize("fleet", ["local-0123456789", "local-0123456789-01234567", "local", "../../x"])
def test_the_consumers_of_another_machine_or_login_are_not_started_here(tmp_path: Path, fleet: str) -> None:
    job = replace(JOB, fleet=fleet)
    cluster = LocalCluster(tmp_path, f"sqlite:///{tmp_path}/queue.db")
    spec = JobSpec((), sequence(1).to_spec(), local=True)
    with pytest.raises(ClusterError, match="submitted on another machine"):
        cluster.ensure(job, spec, {0: Tally(pending=1)})
    with pytest.raises(ClusterError, match=r"submitted with another login.*kubeque reset sweep --update"):
        cluster.ensure(replace(JOB, fleet=f"{fleet_name(tmp_path)}-01234567"), spec, {0: Tally(pending=1)})
    assert cluster.consumers(fleet) == []
