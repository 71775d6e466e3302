"""A consumer has to leave while its task runs. The tests check whether the task is charged."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.clusters.slot import Slot
from kubeque.consumer import loop, results
from kubeque.consumer.hosts.local import LocalHost
from kubeque.files.store import Files
from kubeque.queues.open import open_queue
from tests.consumer.breaking import in_child, make_jobs
from tests.waiting import until


class Pod(LocalHost):
    """A host whose consumer may be stopped by others."""

    @property
    def charges_leaving(self) -> bool:
        return True


def interrupt(home: Path, begun: Path, kind: type[LocalHost], seconds: float, *, stop: bool) -> None:
    """Run a consumer that has to leave some seconds after its task began; `stop`: because of `kubeque stop`."""
    results._CHARGED_SECONDS = 0.2  # type: ignore[misc]
    (home / "fleet").mkdir(exist_ok=True)
    slot, queue = Slot(home / "fleet", 0), open_queue(f"sqlite:///{home}/queue.db")
    assert slot.take()
    host = kind.open(queue.job("victim").fleet, home, slot, f"sqlite:///{home}/queue.db", linger_seconds=0.3)
    consumer = loop.Consumer(queue, Files(), host)

    def leave() -> None:
        until("the task to begin", begun.exists, every=0.01)
        time.sleep(seconds)
        if stop:
            queue.update("victim", lambda job: replace(job, sent_home=1.0))
        consumer.leave()

    threading.Thread(target=leave, daemon=True).start()
    consumer.run()


@pytest.mark.parametrize(
    ("kind", "seconds", "stop", "charges"),
    [
        (Pod, 0.5, False, {"preempted": 1}),
        (Pod, 0.5, True, {}),
        (Pod, 0.0, False, {}),
        (LocalHost, 0.5, False, {}),
    ],
    ids=["a pod", "kubeque stop", "at its beginning", "this machine"],
)
def test_a_task_is_charged_for_the_end_of_its_pod_unless_kubeque_ordered_it(
    tmp_path: Path, kind: type[LocalHost], seconds: float, stop: bool, charges: dict[str, int]
) -> None:
    begun = tmp_path / "begun"
    client = make_jobs(tmp_path / "home", script=f"touch {begun}; sleep 60")
    url = client.config.queue_url.removeprefix("sqlite:///")
    assert in_child(lambda: interrupt(Path(url).parent, begun, kind, seconds, stop=stop), tmp_path / "log") == 0
    (line,) = client.lines("victim")
    assert line.view.record.charges == charges
    assert [attempt.cause for attempt in line.view.record.history] == list(charges)
    assert client.status("victim").counts.pending == 1
