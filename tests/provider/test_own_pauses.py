"""A clear of the Airflow task ends a pause that kubeque made by itself, and no other pause."""

from __future__ import annotations

import pytest

from kubeque.client import Client
from kubeque.model.command.command import parse_word
from kubeque.model.job.changes import pause_job
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep
from kubeque_provider.hooks.on_clear import end_pause
from kubeque_provider.operators.submit import KubequeSubmitOperator
from tests.provider.conftest import Run

REASON = "the Kubernetes Job kq-pi-0-1 was deleted"


def pause(client: Client, name: str, reason: str) -> None:
    queue = client._backends.queue
    queue.update(name, lambda job: pause_job(job, queue.now(), reason))


def test_a_cleared_task_runs_the_sweep_to_its_end(run: Run) -> None:
    sweep = KubequeSubmitOperator(task_id="sweep", command=["/bin/sleep", "0.3"], parameters=sequence(3), wait=False)
    name = run.execute(sweep)["job_id"]
    with Client() as client:
        pause(client, name, REASON)

    sweep = KubequeSubmitOperator(task_id="sweep", command=["/bin/sleep", "0.3"], parameters=sequence(3), wait=True)

    assert run.execute(sweep, 2, cleared=True)["counts"]["ok"] == 3


@pytest.mark.parametrize(
    ("reason", "fresh", "paused"), [(REASON, True, False), (REASON, False, True), ("", True, True)]
)
def test_a_retry_and_a_pause_of_a_user_change_nothing(run: Run, reason: str, fresh: bool, paused: bool) -> None:
    with Client() as client:
        client.submit(Sweep([parse_word("/bin/sleep"), parse_word("30")], sequence(2), name="pi"))
        pause(client, "pi", reason)

        assert end_pause(client, client.status("pi"), fresh=fresh).job.paused is paused
        client.kill("pi")
