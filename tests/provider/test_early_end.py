"""The end of a try between the submission of its sweep and the first poll: at `execution_timeout`, or by a mark."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.model.errors import QueueUnavailable
from kubeque.model.job.job_state import JobState
from kubeque_provider.airflow_retries import Try
from kubeque_provider.airflow_versions import AirflowTaskTimeout
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.submit import KubequeSubmitOperator
from tests.provider.conftest import Run

#: Functions in which the alarm of Airflow strikes, in the order of their calls.
_CREATED = "kubeque.jobs.submission.submit.note_submission"
_BETWEEN = (_CREATED, "kubeque_provider.operators.submit.push_script", "kubeque_provider.operators.submit.find_settled")


def operator(**fields: Any) -> KubequeSubmitOperator:
    return KubequeSubmitOperator(task_id="submit", command=["/bin/sleep", "600"], poke_interval=0.1, **fields)


def end_in(monkeypatch: pytest.MonkeyPatch, function: str, error: BaseException | None = None) -> None:
    def end(*_: Any, **__: Any) -> None:
        raise error or AirflowTaskTimeout("Timeout")

    monkeypatch.setattr(function, end)


def time_out(run: Run, submission: KubequeSubmitOperator, attempt: int = 1) -> None:
    with pytest.raises(AirflowTaskTimeout):
        run.execute(submission, attempt)
    submission.on_kill()  # Airflow calls it after the timeout


def state(run: Run) -> JobState:
    with Client() as client:
        return client.job(run.xcoms["submit", "job_id"]).state


@pytest.mark.parametrize(
    ("function", "fields"),
    [
        (_BETWEEN[0], {}), (_BETWEEN[1], {}), (_BETWEEN[2], {"deferrable": True}), (_BETWEEN[0], {"wait": False}),
        (_BETWEEN[1], {"wait": False, "job_id": "mine"}),
    ],
)  # fmt: skip
def test_a_timeout_before_the_first_poll_cancels_what_the_try_submitted(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any, function: str, fields: Any
) -> None:
    end_in(monkeypatch, function)
    caplog.set_level(logging.INFO)
    time_out(run, operator(**fields))
    assert state(run) is JobState.KILLED
    said = "".join(capfd.readouterr()) + caplog.text
    assert f"execution_timeout: the sweep {run.xcoms['submit', 'job_id']} is cancelled" in said
    assert "continues" not in said


def test_without_cancel_on_kill_the_sweep_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    end_in(monkeypatch, _CREATED)
    time_out(run, operator(cancel_on_kill=False))
    assert state(run) is JobState.ACTIVE


def test_a_timeout_before_the_job_exists_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    end_in(monkeypatch, "kubeque.jobs.submission.submit.draft")
    caplog.set_level(logging.INFO)
    time_out(run, operator())
    said = "".join(capfd.readouterr()) + caplog.text
    assert f"execution_timeout: the sweep {run.xcoms['submit', 'job_id']} was not submitted" in said


def test_a_later_try_that_finds_the_job_cancels_it_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as first:
        end_in(first, _CREATED, QueueUnavailable("no answer"))
        with pytest.raises(QueueUnavailable):
            run.execute(operator())
    assert state(run) is JobState.ACTIVE
    end_in(monkeypatch, _BETWEEN[-1])
    time_out(run, operator(), 2)
    assert state(run) is JobState.KILLED


def test_a_job_for_which_another_airflow_task_waits_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.execute(operator(wait=False))
    with Client() as client:
        client.take(run.xcoms["submit", "job_id"], Try("a_dag/a_run/wait/-1", 1).token)
    end_in(monkeypatch, _BETWEEN[-1])
    time_out(run, operator(), 2)
    assert state(run) is JobState.ACTIVE


def test_a_job_of_another_run_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.execute(operator(wait=False, job_id="shared"))
    other = Run("another_run")
    end_in(monkeypatch, _BETWEEN[-1])
    time_out(other, operator(job_id="shared"))
    assert state(other) is JobState.ACTIVE


def test_a_mark_before_the_first_poll_cancels(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubeque_provider.waiter.read_task_state", lambda *_: "failed")
    end_in(monkeypatch, _CREATED, SystemExit())
    submission = operator()
    with pytest.raises(SystemExit):
        run.execute(submission)
    submission.on_kill()
    assert state(run) is JobState.KILLED


def test_a_cancel_that_fails_leaves_the_timeout_as_the_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    def refuse(*_: Any) -> None:
        raise QueueUnavailable("the queue does not answer")

    end_in(monkeypatch, _BETWEEN[-1])
    monkeypatch.setattr(KubequeHook, "claim", refuse)
    caplog.set_level(logging.INFO)
    time_out(run, operator())
    said = "".join(capfd.readouterr()) + caplog.text
    assert "continues, because it could not be cancelled (the queue does not answer)" in said


@pytest.mark.parametrize(
    ("token", "tried", "may"),
    [
        ("", "1", True), ("", "2", True), ("", "3", False), ("", "", False), ("d/r/t/-1#1", "1", True),
        ("d/r/t/-1#3", "1", False), ("d/r/wait/-1#1", "1", False), ("typed", "1", False),
    ],
)  # fmt: skip
def test_the_tries_that_may_claim_a_job(token: str, tried: str, may: bool) -> None:
    assert Try("d/r/t/-1", 2).may_claim(token, tried) is may
