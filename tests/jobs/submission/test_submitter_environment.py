"""The environment of a submission: kept once for each revision, taken again by a reset, and required by consumers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.client import Client, Existing, Submitted
from kubeque.clusters.environment_files import Environments
from kubeque.files.layout import spec_url
from kubeque.jobs.upkeep.owner import own_queue_id, queue_id
from kubeque.model.compatibility.versions import LOCAL_NEEDS
from kubeque.model.errors import EnvironmentGone, UserError
from kubeque.model.job.changes import pause_job, raise_needs, resume_job
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep

PROGRAM = ["sh", "-c", 'echo "$FOO"; exit 1']
DAY = 86_400.0


@pytest.fixture(autouse=True)
def foo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that the tests change."""
    monkeypatch.setenv("FOO", "one")


def submit(
    client: Client, *, existing: Existing = Existing.REFUSE, origin: Mapping[str, str] | None = None
) -> Submitted:
    return client.submit(Sweep(PROGRAM, sequence(1), name="sweep", origin=origin or {}), existing=existing)


def printed(client: Client) -> str:
    """The output of the task, once the job has ended."""
    client.wait("sweep", timeout=60)
    return client.peek("sweep", 0).tail.data.decode().strip()


def kept(client: Client) -> list[Path]:
    """Return the files with environments and with the origins of inputs."""
    return sorted((client.config.home / "environments").iterdir())


def test_a_later_revision_takes_the_environment_of_its_own_submission(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(client).job
    assert printed(client) == "one"
    assert job.needs == "0.3"
    # The same sweep in another environment: nothing changes, but the difference is named
    monkeypatch.setenv("FOO", "two")
    (note,) = submit(client).notes
    assert " FOO:" in note
    assert "two" not in note
    # A revision, and a reset with `update`, take the present one
    assert submit(client, existing=Existing.REVISE).what == "revised"
    assert printed(client) == "two"
    monkeypatch.setenv("FOO", "three")
    client.reset("sweep", update=True)
    assert printed(client) == "three"
    assert client.job("sweep").spec_digest == job.spec_digest
    assert client._backends.spec(client.job("sweep")).local
    assert len(client.job("sweep").spec_hashes) == 3
    assert submit(client).notes == ()
    # And a replay runs in that of its revision
    monkeypatch.setenv("FOO", "four")
    assert client.replay("sweep", 0, client.config.home / "again", echo=False).same
    names = [f"{job.uid}-{revision}{kind}.json" for revision in (1, 2, 3) for kind in ("", ".sources")]
    assert [path.name for path in kept(client)] == names
    # They leave with the job
    client.remove("sweep")
    assert kept(client) == []


def test_without_its_environment_a_job_is_refused_and_nothing_runs(client: Client) -> None:
    submit(client)
    printed(client)
    client.stop()
    before = client.job("sweep")
    file = Environments(client.config.home).path(before)
    content = file.read_bytes()
    file.unlink()

    # A reset is refused before it changes anything
    with pytest.raises(EnvironmentGone, match="kubeque reset sweep --update"):
        client.reset("sweep")
    assert client.job("sweep").run == before.run

    # A consumer that does not find it stops the job
    client._backends.queue.reset("sweep", ResetRule())
    ended = client.wait("sweep", timeout=60)
    assert (ended.job.state, ended.counts.killed) == (JobState.STOPPED, 1)
    assert "kubeque reset sweep --update" in ended.job.reason

    # And the remedy works, also if the old file comes back
    file.write_bytes(content)
    client.reset("sweep", update=True)
    assert printed(client) == "one"
    assert client.job("sweep").reason == ""


def test_an_airflow_task_takes_only_what_runs_programs(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(client, origin={"dag": "d", "run": "r", "task": "t"})
    assert printed(client) == ""
    # Neither a shell that resets the job nor a repeated submission changes that
    client.reset("sweep", update=True)
    assert printed(client) == ""
    monkeypatch.setenv("FOO", "two")
    assert submit(client, origin={"dag": "d", "run": "r", "task": "t"}).notes == ()


def test_a_job_of_before_continues_with_what_its_spec_holds(client: Client) -> None:
    job = submit(client).job
    printed(client)
    client.stop()
    # Given a job as kubeque 0.2 left it
    for file in kept(client):
        file.unlink()
    backends = client._backends
    wire = backends.spec(job).to_wire() | {"local_env": {"PATH": os.environ["PATH"], "FOO": "before"}}
    del wire["local"]
    backends.files.write(spec_url(job), json.dumps(wire).encode())
    backends.queue.update("sweep", lambda now: replace(now, spec_hashes=()))
    backends._specs._values.clear()

    client.reset("sweep")
    assert printed(client) == "before"
    assert submit(client).notes == ()
    # An update brings it to what is kept today
    client.reset("sweep", update=True)
    assert printed(client) == "one"
    assert backends.spec(client.job("sweep")).local_env == {}


def test_gc_removes_the_environments_of_removed_jobs_of_this_queue(client: Client) -> None:
    job = submit(client).job
    environments = Environments(client.config.home)
    other = queue_id("postgresql://elsewhere/q", "")
    gone, recent, foreign = (replace(job, uid=letter * 12) for letter in "abc")
    for each, queue in (
        (gone, own_queue_id(client._backends)),
        (recent, own_queue_id(client._backends)),
        (foreign, other),
    ):
        environments.write(each, Environment(), queue=queue)
    for each in (job, gone, foreign):
        os.utime(environments.path(each), (0, time.time() - 2 * DAY))

    assert [(piece.kind, piece.name) for piece in client.gc().pieces] == [("environment", str(environments.path(gone)))]
    client.gc(really=True)

    assert {each.uid for each in environments.kept()} == {job.uid, recent.uid, foreign.uid}


def test_without_sources_there_is_nothing_to_take_in_a_cluster(client: Client) -> None:
    job = submit(client).job
    printed(client)
    for file in kept(client):
        file.unlink()
    wire = client._backends.spec(job).to_wire() | {"local": False}
    client._backends.files.write(spec_url(job), json.dumps(wire).encode())
    client._backends.queue.update("sweep", lambda now: replace(now, spec_hashes=()))
    client._backends._specs._values.clear()
    with pytest.raises(UserError, match="sweep runs in a cluster"):
        client.reset("sweep", update=True)


def test_what_raises_the_version_of_a_paused_job_outlives_the_pause() -> None:
    before = Job("sweep", "u" * 12, 1, "")
    paused = raise_needs(pause_job(before, 1.0), LOCAL_NEEDS)
    assert resume_job(paused).needs == LOCAL_NEEDS
    assert resume_job(pause_job(before, 1.0)).needs == before.needs
    assert raise_needs(replace(before, needs="9.1"), LOCAL_NEEDS).needs == "9.1"
