"""A job without observers is closed too. When its consumers leave, they write its final state, table and report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kubeque.clusters.local import fleet_name
from kubeque.jobs.backends import Backends
from kubeque.jobs.closing import close_ended
from kubeque.model.config.config import Config
from kubeque.model.errors import JobNotFound, JobUnreadable
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue
from tests.cli.conftest import Shell
from tests.jobs.sweeps import Ended, ended_job
from tests.queues.backend_kinds import on
from tests.waiting import until

#: These tests read the queue directly, because the commands of `kubeque` also repair jobs.
ON_EACH_QUEUE = pytest.mark.parametrize(
    "far_shell", [on("sqlite"), on("postgres", pytest.mark.rotating)], indirect=True
)


def config(shell: Shell) -> Config:
    return Config.load(start=shell.folder, home=shell.folder, environ={"KUBEQUE_HOME": str(shell.home)})


def closers(home: Path) -> list[str]:
    """Return the processes that close jobs of this home folder, including ended processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # gone
            continue
        found += [path.parent.name] * ("kubeque.jobs.closing" in words and str(home) in words)
    return found


@ON_EACH_QUEUE
def test_jobs_that_nobody_looks_at_are_closed(far_shell: Shell) -> None:
    # Given a job that succeeds and one that fails, and no watcher
    shell = far_shell
    shell.run("sub", "-n", "good", "--no-wait", "--repeat", "3", "true")
    shell.run("sub", "-n", "bad", "--no-wait", "--repeat", "2", "sh", "-c", 'exit "$0"', "{index}")
    queue = open_queue(config(shell).queue_url)
    # Then both get their verdict, their table and their report
    for name, success, lines in (("good", True, 4), ("bad", False, 3)):
        until(f"the closing of {name}", lambda name=name: queue.job(name).closing, 80)
        job = queue.job(name)
        assert job.closing is not None
        assert job.closing.success is success
        (table,), (report,) = (list(Path(job.url).glob(pattern)) for pattern in ("**/results*.csv", "**/report*.html"))
        assert len(table.read_text().splitlines()) == lines
        assert report.stat().st_size > 1000
    queue.close()
    # and the closing processes have ended
    until("the end of who did it", lambda: not closers(shell.home), 30)


def test_many_may_close_a_job_at_once_while_somebody_watches(shell: Shell) -> None:
    shell.run("sub", "-n", "all", "--no-wait", "--repeat", "50", "true")
    shell.run("watch", "all")
    again = shell.start("sub", "-n", "next", "--repeat", "50", "true")
    words = ["--fleet", fleet_name(shell.home), "--home", str(shell.home)]
    env = shell.env | {"KUBEQUE_QUEUE_URL": config(shell).queue_url}
    while again.poll() is None:
        closing = [subprocess.Popen([sys.executable, "-m", "kubeque.jobs.closing", *words], env=env) for _ in range(2)]
        assert [process.wait(60) for process in closing] == [0, 0]
    said, complaint = again.communicate()
    assert again.returncode == 0, said + complaint
    (table,) = Path(open_queue(config(shell).queue_url).job("next").url).glob("**/results*.csv")
    assert len(table.read_text().splitlines()) == 51


def test_a_job_that_cannot_be_counted_is_named_and_the_others_are_closed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backends = Backends.open(config(shell))
    jobs = [ended_job(backends, [{"x": "1"}], lambda index: Ended(), name=name) for name in ("bad", "gone", "good")]
    counts, errors = Queue.counts, {"bad": JobUnreadable("bad: a block is damaged", "bad"), "gone": JobNotFound("gone")}

    def count(queue: Queue, job: Job) -> Counts:
        if job.name in errors:
            raise errors[job.name]
        return counts(queue, job)

    monkeypatch.setattr(Queue, "counts", count)
    close_ended(backends, jobs[0].fleet)

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "bad could not be closed; the next observer tries again: bad: a block is damaged"
    ]
    good = backends.queue.job("good")
    assert good.closing is not None
    assert good.closing.success
    backends.close()


def test_what_keeps_jobs_from_being_closed_is_said_in_one_line(shell: Shell) -> None:
    wrong = shell.write("file", "") / "queue.db"
    words = ["--fleet", "f", "--home", str(shell.home)]
    ran = subprocess.run(
        [sys.executable, "-m", "kubeque.jobs.closing", *words],
        env=shell.env | {"KUBEQUE_QUEUE_URL": f"sqlite:///{wrong}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode != 0
    (line,) = ran.stderr.splitlines()
    assert "ended jobs could not be closed: " in line
