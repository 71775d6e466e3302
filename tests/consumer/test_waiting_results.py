"""A result that waits for a silent store is dropped once its row, its job or its time to wait has ended."""

from __future__ import annotations

import queue as threads_queue
import threading
from collections.abc import Callable

import pytest

from kubeque.consumer import results
from kubeque.consumer.attempt.staged_task import FinishedTask, StagedTask
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.coordinator import Coordinator
from kubeque.consumer.decisions import Decisions
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.consumer.job_discovery import JobDiscovery
from kubeque.consumer.limit_checks import LimitChecks
from kubeque.files.store import Files
from kubeque.model.errors import StoreUnavailable
from kubeque.model.job.causes import Cause
from kubeque.model.job.task import Outcome
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from tests.queues.makers import claim, make_job, outcome, states, submit


class Waiting:
    """A consumer's saver with one ended attempt, whose store does not answer."""

    def __init__(self, queue: Queue, lease: Lease, stop: StopSignal) -> None:
        self.uploads: list[threading.Thread] = []
        coordinator = Coordinator(
            Decisions(ConsumerProfile("anna")), JobDiscovery(queue, "local"), LimitChecks(queue), stop=stop,
            reset_stop=stop.clear, leaving=threading.Event(),
        )  # fmt: skip
        number, taken = coordinator.add(lease), lease.take()
        assert taken is not None
        done = threads_queue.Queue[FinishedTask | None]()
        done.put(FinishedTask(StagedTask(number, lease, lease.job, *taken), None))
        done.put(None)
        saver = results.Saver(
            Files(), coordinator, done, lambda finished: None, grace_is_over=lambda: False,
            is_charged=lambda task: True, start=self._start,
        )  # fmt: skip
        self._runner = threading.Thread(target=saver.run, daemon=True)
        self._runner.start()

    def _start(self, work: Callable[[], None], name: str) -> threading.Thread:
        self.uploads.append(threading.Thread(target=work, daemon=True))
        self.uploads[-1].start()
        return self.uploads[-1]

    def end(self) -> None:
        """Wait until no result waits."""
        self._runner.join(60)
        assert not self._runner.is_alive(), "the result still waits for its store"


@pytest.fixture
def queue() -> Queue:
    return Queue(MemoryBackend())


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Event that is set once an upload has found that the store does not answer."""
    asked = threading.Event()

    def save(files: Files, finished: FinishedTask) -> None:
        asked.set()
        raise StoreUnavailable("the store does not answer")

    monkeypatch.setattr(results, "save", save)
    return asked


def test_a_row_that_is_killed_while_its_result_waits_ends_as_killed(queue: Queue, silent: threading.Event) -> None:
    job = submit(queue, make_job(1), size=1)
    lease = claim(queue, job, reserve=1)
    with StopSignal() as stop:
        waiting = Waiting(queue, lease, stop)
        assert silent.wait(60)
        queue.kill_rows(job, bytearray([1]), "killed by ada")
        lease.commit()  # as the heartbeat does after a kill of rows
        waiting.end()
    lease.commit(release=True)
    task = queue.task(job, 0)
    assert task is not None
    assert task.record.outcome is not None
    assert (task.record.outcome.cause, task.record.charges) == (Cause.KILLED, {})
    assert "while its result waited" in task.record.outcome.message


def test_a_result_of_a_killed_job_does_not_wait(queue: Queue, silent: threading.Event) -> None:
    job = submit(queue, make_job(1), size=1)
    lease = claim(queue, job, reserve=1)
    with StopSignal() as stop:
        waiting = Waiting(queue, lease, stop)
        assert silent.wait(60)
        queue.kill(job.name)
        lease.commit(release=True)  # as the review of jobs does after a kill
        waiting.end()
    assert [state.name for state in states(queue, job).values()] == ["PENDING"]
    assert lease.waiting == 0


def test_a_result_does_not_wait_after_the_deadline_of_its_job(queue: Queue, silent: threading.Event) -> None:
    job = submit(queue, make_job(1), size=1)
    lease = claim(queue, job, reserve=1)
    with StopSignal() as stop:
        waiting = Waiting(queue, lease, stop)
        assert silent.wait(60)
        queue.stop(job, "its deadline has passed")
        lease.commit(release=True)  # as the review of jobs does after the stop
        waiting.end()
    assert lease.waiting == 0
    assert queue.job(job.name).missed_deadline


def test_a_result_waits_for_the_results_wait_of_its_job_and_is_then_charged(
    queue: Queue, silent: threading.Event
) -> None:
    job = submit(queue, make_job(1, results_wait=0.5), size=1)
    lease = claim(queue, job, reserve=1)
    with StopSignal() as stop:
        waiting = Waiting(queue, lease, stop)
        assert silent.wait(60)
        waiting.end()
    lease.commit(release=True)
    task = queue.task(job, 0)
    assert task is not None
    assert task.record.charges == {Cause.STORE: 1}


def test_a_result_is_recorded_once_the_store_answers(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, back = threading.Event(), threading.Event()

    def save(files: Files, finished: FinishedTask) -> Outcome:
        asked.set()
        if not back.is_set():
            raise StoreUnavailable("the store does not answer")
        return outcome(finished.task.index, finished.task.attempt)

    monkeypatch.setattr(results, "save", save)
    job = submit(queue, make_job(1), size=1)
    lease = claim(queue, job, reserve=1)
    with StopSignal() as stop:
        waiting = Waiting(queue, lease, stop)
        assert asked.wait(60)
        back.set()
        waiting.end()
    lease.commit(release=True)
    assert [state.name for state in states(queue, job).values()] == ["OK"]
