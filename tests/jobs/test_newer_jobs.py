"""Code above the queue accepts jobs of a newer kubeque. It shows unknown entries, or does not change the job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque import __version__
from kubeque.client import Client
from kubeque.files.layout import spec_url
from kubeque.jobs.backends import Backends
from kubeque.jobs.closing import close_ended
from kubeque.jobs.keeper import keep
from kubeque.jobs.upkeep.gc import clear_away
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.model.config.config import Config
from kubeque.model.errors import JobUnreadable
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.queues.backends.backend import Backend
from kubeque.queues.open import open_backend
from kubeque.queues.state_letters import MEANING
from tests.jobs.sweeps import NOON, Ended, ended_job
from tests.queues.newer import BLOCK_CHANGES, JOB_CHANGES, rewrite_blocks, rewrite_job, state_of_failures


@pytest.fixture
def config(backends: Backends) -> Config:
    return backends.config


@pytest.fixture
def backend(config: Config) -> Iterator[Backend]:
    """A second connection to the backend of the queue."""
    backend = open_backend(config.queue_url)
    yield backend
    backend.close()


@pytest.fixture
def newer(backends: Backends, backend: Backend) -> Job:
    """A job of four tasks with everything that a newer kubeque could have added. One task failed."""
    rows = [{"x": str(number)} for number in range(4)]
    job = ended_job(backends, rows, lambda index: Ended(Cause.EXIT if index == 2 else Cause.OK))
    for change in BLOCK_CHANGES:
        if change is not state_of_failures:
            rewrite_blocks(backend, job.uid, lambda wire, c=change: c(wire, {"a": [1]}))  # type: ignore[misc]
    for change in JOB_CHANGES[:-1]:
        rewrite_job(backend, job.name, lambda wire, c=change: c(wire, {"a": [1]}))  # type: ignore[misc]
    spec = json.loads(backends.files.read(spec_url(job)))
    backends.files.write(spec_url(job), json.dumps({**spec, "later": 1, "shapes": [{"later": 2}]}).encode())
    return job


def test_what_is_not_known_is_shown_as_unknown(newer: Job, backends: Backends, config: Config, tmp_path: Path) -> None:
    with Client(config) as client:
        progress = client.status(newer.name)
        assert (progress.counts.ok, progress.counts.failed) == (3, 1)
        assert progress.job.closing is not None
        assert [job.name for job in client.jobs()] == [newer.name]
        assert [row["cause"] for row in client.table(newer.name)] == ["ok", "ok", "unknown", "ok"]
        assert client.details(newer.name).causes == {"ok": 3, "unknown": 1}
        assert [line.view.index for line in client.newest_failures(newer.name, 5)] == [2]
        assert client.reader.failures(progress.job, progress.counts).causes == {"unknown": 1}
        letters = client.reader.marks(progress.job, 0, 10)
        assert [MEANING[letter] for letter in letters if letter in MEANING] == ["ok", "unknown", "ok"]
        client.report(newer.name, tmp_path / "report.html")
        for kind in ("html", "json", "csv", "png"):
            assert client.timeline([newer.name], tmp_path / f"timeline.{kind}") == 4
        client.collect(newer.name, tmp_path / "table.csv")
    assert "unknown" in (tmp_path / "report.html").read_text()
    assert "unknown" in (tmp_path / "table.csv").read_text()
    assert keep(backends, newer.name, newer.uid, sleep=lambda seconds: None) == "the job has ended"


@pytest.fixture
def unreadable(backends: Backends, backend: Backend) -> str:
    """Name of a job that needs a newer kubeque. There is also a good job that has ended."""
    for name in ("bad", "good"):
        ended_job(backends, [{"x": "1"}], lambda index: Ended(), name=name)
    rewrite_job(backend, "bad", lambda wire: wire.update(needs="9.1", job={"later": 1}))
    return "bad"


def test_a_job_that_needs_a_newer_kubeque_is_left_alone_and_the_others_are_served(
    unreadable: str, backends: Backends, backend: Backend, config: Config
) -> None:
    before = backend.get_job(unreadable)
    close_ended(backends, backends.queue.job("good").fleet)
    with Client(config) as client:
        assert [job.name for job in client.jobs()] == ["good"]
        assert client.job("good").closing is not None
        (left,) = client.unreadable_jobs()
        assert (left.name, left.needs) == ("bad", "9.1")
        assert f"this program is kubeque {__version__}: pip install 'kubeque>=9.1'" in str(left)
        for action in (client.status, client.kill, client.remove, client.reset, client.details, client.doctor):
            with pytest.raises(JobUnreadable, match=r"needs kubeque 9\.1"):
                action(unreadable)
    with pytest.raises(JobUnreadable):
        reconcile(backends, unreadable, start=False)
    assert backend.get_job(unreadable) == before


def test_a_keeper_waits_while_its_job_cannot_be_read(
    unreadable: str, backends: Backends, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        keep(backends, unreadable, "uid-bad", sleep=sleep)
    assert sum("needs kubeque 9.1" in record.getMessage() for record in caplog.records) == 1
    assert pauses[3] > pauses[0]


def test_nothing_is_deleted_that_a_job_may_need_which_cannot_be_read(
    unreadable: str, backends: Backends, config: Config
) -> None:
    with Client(config) as client:
        client.status("good")
        url = Path(client.job("good").url)
        client.remove("good")
    assert url.is_dir()
    garbage = clear_away(backends, really=True, now=NOON + 1e9)
    assert garbage.pieces == []
    assert "needs kubeque 9.1" in garbage.note
    assert url.is_dir()


def test_versions_that_differ_are_named(newer: Job, backend: Backend, config: Config) -> None:
    with Client(config) as client:
        assert client.version_warnings(client.job(newer.name)) == []
        rewrite_job(backend, newer.name, lambda wire: wire.update(written_by="0.1.9"))
        (line,) = client.version_warnings(client.job(newer.name))
    assert line == f"sweep: its record was written by kubeque 0.1.9, but this program is kubeque {__version__}: " + (
        "install one version everywhere"
    )
