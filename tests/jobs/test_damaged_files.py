"""A job whose spec or pages were changed is set aside with a message, and the others go on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.files.layout import page_url, spec_url
from kubeque.files.spec_file import read_spec, read_spec_file
from kubeque.files.store import Files
from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.submit import Existing
from kubeque.model.errors import ClusterError, FileDamaged, JobNotFound, JobUnreadable
from kubeque.model.job.causes import Cause
from kubeque.model.job.job_state import JobState
from kubeque.model.rows.grid import grid
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep
from tests.jobs.sweeps import Ended, ended_job
from tests.queues.test_damaged_records import WRONG, paths, put


@pytest.fixture
def stored(backends: Backends) -> dict[str, Any]:
    """A spec with a value in each field."""
    job = ended_job(backends, [{"x": "1"}, {"x": "2"}], lambda index: Ended(), run=False)
    spec: dict[str, Any] = json.loads(backends.files.read(spec_url(job)))
    item = {"name": "a", "url": "gs://b/a", "digest": "0" * 64, "size": 1, "executable": True, "generation": "1"}
    pod = {"service_account": "a", "pod_template": {"spec": {}}}
    spec["rows"]["pages"] = ["0" * 64]
    return spec | {
        "inputs": [item], "row_inputs": {"a": item}, "env": {"A": "b"}, "local_env": {"A": "b"}, "task_timeout": 1.0,
        "cpu": 1.0, "pod": pod, "results": ["*"], "ignore": ["*"], "image": "i",
    }  # fmt: skip


def test_a_spec_is_read_or_is_damaged_whatever_is_in_it(stored: dict[str, Any], tmp_path: Path) -> None:
    files, url, refused = Files(), str(tmp_path / "spec.json"), 0
    files.write(url, json.dumps(stored).encode())
    assert read_spec_file(files, url).rows.n == 2

    for path in paths(stored):
        for value in WRONG:
            files.write(url, json.dumps(put(stored, path, value)).encode())
            try:
                read_spec_file(files, url).to_wire()
            except FileDamaged:
                refused += 1

    assert refused > 400


def change(url: str, change: Callable[[Any], Any]) -> None:
    Path(url).write_text(json.dumps(change(json.loads(Path(url).read_text()))))


def touch(mark: Path) -> Callable[[Any], Any]:
    return lambda spec: {**spec, "command": [[0, "touch"], [0, str(mark)]]}


def test_a_spec_that_was_changed_is_not_run_and_the_next_job_is(client: Client, tmp_path: Path) -> None:
    client.submit(Sweep(["sleep", "60"], name="bad", consumers=1))
    client.stop()
    job = client.job("bad")
    change(spec_url(job), touch(tmp_path / "mark"))

    client.submit(Sweep(["true"], name="good", consumers=1))
    assert client.wait("good", timeout=60).job.closing is not None
    ended = client.wait("bad", timeout=60).job

    assert not (tmp_path / "mark").exists()
    assert ended.closing is not None
    assert ended.closing.counts.failed == 1
    (view,) = client._backends.queue.tasks(job)
    assert view.record.outcome is not None
    assert (view.record.outcome.cause, view.record.outcome.final) == (Cause.STAGE, True)
    assert spec_url(job) in view.record.outcome.message
    with pytest.raises(ClusterError, match="could not be replayed"):
        client.replay("bad", 0, tmp_path / "replay")
    with Client(client.config) as other, pytest.raises(FileDamaged):
        other.like("bad")
    assert any(not finding.ok and "the SHA-256 is" in finding.text for finding in client.doctor("bad"))


@pytest.mark.parametrize(
    "content", ['[["c"], ["d"]]', '[["a"], [["b"]]]', "[" * 100_000], ids=["changed", "types", "deep"]
)
def test_a_page_that_was_changed_fails_its_tasks_and_no_others(client: Client, content: str) -> None:
    client.submit(Sweep(["sleep", "60"], rows=from_records([{"x": "a"}, {"x": "b"}]), name="bad", consumers=1))
    client.stop()
    job = client.job("bad")
    Path(page_url(job.url, 0)).write_text(content)

    client.submit(Sweep(["true"], name="good", consumers=1, priority=-1))
    assert client.wait("good", timeout=60).counts.ok == 1
    progress = client.wait("bad", timeout=60)

    assert progress.counts.failed == 2
    outcomes = [view.record.outcome for view in client._backends.queue.tasks(job)]
    assert [(o.cause, o.attempt) for o in outcomes if o] == [(Cause.STAGE, outcomes[0].attempt)] * 2  # type: ignore[union-attr]
    assert all("pages/0.json" in o.message for o in outcomes if o)
    assert any(not finding.ok and "pages/0.json" in finding.text for finding in client.doctor("bad"))


def test_each_revision_has_its_digest_and_the_pages_keep_theirs(client: Client) -> None:
    rows = from_records([{"x": "a"}])
    client.submit(Sweep(["sleep", "60"], rows, name="job", consumers=1))
    client.submit(Sweep(["true"], rows, name="job", consumers=1), existing=Existing.REVISE)
    client.stop()
    job, files = client.job("job"), Files()

    first, second = read_spec(files, job, 1), read_spec(files, job, 2)

    assert len(set(job.spec_hashes)) == 2
    assert first.rows == second.rows
    assert len(first.rows.pages) == 1
    assert (first.digest() == job.spec_digest, second.digest() == job.spec_digest) == (False, True)


def test_the_digest_of_a_submission_does_not_depend_on_the_digests_of_its_pages(client: Client) -> None:
    rows = from_records([{"x": "a"}])
    job = client.submit(Sweep(["true"], rows, name="job", consumers=1)).job

    spec = client._backends.spec(job)

    assert spec.rows.pages
    assert spec.digest() == replace(spec, rows=rows.to_spec()).digest() == job.spec_digest
    assert client.submit(Sweep(["true"], rows, name="job", consumers=1)).what == "adopted"


def test_a_job_of_an_earlier_kubeque_has_no_digests_and_runs(client: Client) -> None:
    rows = grid(x=["a", "b"])
    client.submit(Sweep(["sleep", "60"], rows, name="job", consumers=1))
    client.stop()
    client._backends.queue.update("job", lambda job: replace(job, spec_hashes=()))
    change(spec_url(client.job("job")), lambda spec: {**spec, "command": [[0, "true"]]})

    assert any(finding.ok and "without digests" in finding.text for finding in client.doctor("job"))
    client.reset("job")
    assert client.wait("job", timeout=60).counts.ok == 2


def test_a_damaged_spec_is_answered_from_the_queue_and_ends_its_job(client: Client) -> None:
    client.submit(Sweep(["sleep", "60"], name="bad", consumers=1))
    client.stop()
    Path(spec_url(client.job("bad"))).write_text("[" * 1000)

    with Client(client.config) as other:
        assert spec_url(client.job("bad")) in other.progress("bad").obstacles[0]
        progress = other.status("bad")

    assert (progress.job.state, progress.counts.killed) == (JobState.STOPPED, 1)
    assert spec_url(progress.job) in progress.job.reason
    assert progress.job.closing is not None


def test_a_job_is_killed_while_the_store_is_away(client: Client) -> None:
    client.submit(Sweep(["sleep", "60"], name="job", consumers=1))
    client.stop()
    store = Path(client.config.default_url_prefix)
    store.rename(store.with_name("away"))
    try:
        with Client(client.config) as other:
            assert [job.name for job in other.jobs()] == ["job"]
            assert other.progress("job").counts.total == 1
            progress = other.kill("job")
            assert other.stop() == 0
    finally:
        store.with_name("away").rename(store)

    assert (progress.job.state, progress.counts.killed) == (JobState.KILLED, 1)
    assert "no such file" in progress.obstacles[0]


@pytest.mark.parametrize("body", [b"x", b'{"job": {"state": 7}}'])
def test_a_job_whose_record_is_damaged_is_killed_and_removed_by_name(client: Client, body: bytes) -> None:
    client.submit(Sweep(["sleep", "60"], name="bad", consumers=1))
    client.stop()
    with closing(sqlite3.connect(client.config.home / "queue.db")) as queue, queue:
        queue.execute("UPDATE kubeque_job SET body = ?", (body,))

    with pytest.raises(JobUnreadable):
        client.kill("bad")
    assert client.remove("bad") is None

    with pytest.raises(JobNotFound):
        client.job("bad")
