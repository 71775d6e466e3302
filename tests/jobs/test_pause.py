"""A paused job: running tasks finish, no other task starts, and everything else works as before."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from kubeque.client import Client
from kubeque.jobs.backends import Backends
from kubeque.jobs.keeper import keep
from kubeque.jobs.submission.submit import Existing
from kubeque.jobs.upkeep import control
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.model.compatibility.versions import BASE_NEEDS, PAUSE_NEEDS
from kubeque.model.errors import UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.job_state import JobState
from kubeque.model.job.task import Outcome
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep
from kubeque.queues.claim import claim
from tests.jobs.processes import consumers_of
from tests.jobs.sweeps import Ended, ended_job
from tests.waiting import until

ROWS = [{"x": str(number)} for number in range(4)]


def test_running_tasks_finish_no_other_starts_and_resume_continues(client: Client) -> None:
    client.submit(Sweep(["sh", "-c", "sleep 0.4"], name="j", rows=sequence(20), consumers=2))
    until("an ok task", lambda: client.progress("j").counts.ok)

    paused = client.pause("j")
    assert paused.job.standing(paused.counts) == "paused"
    until("the end of what runs", lambda: client.progress("j").counts.running == 0)
    before = client.progress("j")
    assert before.counts.pending
    time.sleep(1)
    assert client.progress("j").counts == before.counts
    assert before.obstacles == ("the job is paused: `kubeque resume j` lets its tasks start",)

    assert client.resume("j").job.startable
    ended = client.wait("j", timeout=60)
    assert ended.counts.ok == 20
    assert [len(task.view.record.history) for task in client.lines("j")] == [1] * 20, "no attempt was lost"


def test_an_older_program_leaves_a_paused_job_alone(backends: Backends) -> None:
    ended_job(backends, ROWS, lambda index: Ended(), run=False)
    assert control.pause(backends, "sweep").needs == PAUSE_NEEDS
    at = control.pause(backends, "sweep").pause
    assert control.pause(backends, "sweep").pause == at, "a second pause changes nothing"
    assert control.resume(backends, "sweep").needs == BASE_NEEDS
    with pytest.raises(UserError, match="not paused"):
        control.resume(backends, "sweep")


@pytest.mark.parametrize("state", ["killed", "stopped"])
def test_a_paused_job_that_is_killed_or_stopped_ends(backends: Backends, state: str) -> None:
    ended_job(backends, ROWS, lambda index: Ended(), run=False)
    paused = control.pause(backends, "sweep")
    if state == "killed":
        backends.queue.kill("sweep")
    else:
        backends.queue.stop(paused, "why")
    progress = reconcile(backends, "sweep", start=True)
    assert (progress.job.standing(progress.counts), progress.counts.killed) == (state, 4)
    assert (progress.job.pause, progress.job.needs) == (None, BASE_NEEDS)


def test_a_job_whose_last_task_ends_during_the_pause_is_closed(backends: Backends) -> None:
    job = ended_job(backends, ROWS[:1], lambda index: Ended(), run=False)
    lease = claim(backends.queue, job, "me")
    assert lease is not None
    control.pause(backends, job.name)
    assert keep(backends, job.name, job.uid, sleep=_end(lambda: _commit(lease))) == "the job has ended"
    closed = backends.queue.job(job.name)
    assert (closed.closing is not None, closed.pause, closed.needs) == (True, None, BASE_NEEDS)


def _commit(lease: object) -> None:
    index, attempt = lease.take()  # type: ignore[attr-defined]
    lease.add_outcome(Outcome(index, attempt, Cause.OK, 0))  # type: ignore[attr-defined]
    lease.commit()  # type: ignore[attr-defined]


def _end(work: Callable[[], None]) -> Callable[[float], None]:
    """Return a pause that does this work, once."""
    left = [work]

    def sleep(seconds: float) -> None:
        assert left, "the keeper goes on"
        left.pop()()

    return sleep


def test_the_keeper_of_a_paused_job_leaves_once_nothing_runs(backends: Backends) -> None:
    job = ended_job(backends, ROWS, lambda index: Ended(), run=False)
    control.pause(backends, job.name)
    assert "paused" in keep(backends, job.name, job.uid, sleep=_end(lambda: None))


def test_only_resume_ends_a_pause(client: Client) -> None:
    sweep = Sweep(["sleep", "60"], name="j", rows=sequence(4), consumers=1)
    held = Sweep(["true"], name="held", rows=sequence(4), consumers=1, canaries=1)
    for each in (sweep, held):
        client.submit(each)
        client.pause(each.name or "")
    until("no running task", lambda: client.kill("j").counts.running == 0)
    client.reset("j")
    client.pause("j")

    for progress in (client.reset("j"), client.scale("j", 3), client.reconcile("j"), client.go("held")):
        assert progress.job.paused
        assert "kubeque resume" in progress.obstacles[0]
    assert client.submit(sweep).job.paused
    other = Sweep(["true"], name="j", rows=sequence(5), consumers=1)
    assert client.submit(other, existing=Existing.REPLACE).job.paused
    client.stop()
    assert client.reconcile("j").job.paused
    assert consumers_of(client.config.home) == []


def test_orders_to_a_job_that_has_ended_are_refused_with_the_remedy(client: Client) -> None:
    client.submit(Sweep(["true"], name="j", rows=sequence(1)))
    client.wait("j")
    for order in (client.pause, client.resume, lambda name: client.scale(name, 5), lambda n: client.prioritise(n, 5)):
        with pytest.raises(UserError, match=r"j has ended: .*`kubeque reset j`"):
            order("j")


@pytest.mark.parametrize("cause", [Cause.OK, Cause.EXIT])
def test_a_kill_after_the_end_of_the_last_task_changes_nothing(backends: Backends, cause: Cause) -> None:
    ended_job(backends, ROWS, lambda index: Ended(cause if index == 3 else Cause.OK))
    backends.queue.kill("sweep")
    progress = reconcile(backends, "sweep", start=False)
    assert progress.job.state is JobState.ACTIVE
    assert progress.job.standing(progress.counts) == ("success" if cause is Cause.OK else "failed")
