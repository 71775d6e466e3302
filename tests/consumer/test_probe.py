"""The consumer loads and runs a task without airflow, pandas and kubernetes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_PROBE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("airflow", "pandas", "kubernetes", "click", "rich"):
            raise ImportError(f"{name} has no place in the consumer")
sys.meta_path.insert(0, Blocked())
from pathlib import Path
from kubeque.client import Client
from kubeque.clusters.slot import Slot
from kubeque.consumer.hosts.local import LocalHost
from kubeque.consumer.loop import Consumer
from kubeque.files.store import Files
from kubeque.model.config.config import Config
from kubeque.model.sweep.sweep import Sweep
from kubeque.queues.block import make_blocks
from kubeque.queues.open import open_queue
import kubeque.jobs.submission.submit as submit
home = Path(sys.argv[1])
submit.reconcile = lambda site, name, *, start: None  # no other consumer: this process is the one
client = Client(Config.load(start=home, home=home, environ={"KUBEQUE_HOME": str(home)}))
job = client.submit(Sweep(["sh", "-c", "echo hello"], name="probe")).job
slot = Slot(home, 0)
slot.take()
url = client.config.queue_url
Consumer(open_queue(url), Files(), LocalHost.open(job.fleet, home, slot, url, linger_seconds=0.1)).run()
print(client.table("probe")[0]["state"])
"""


def test_the_consumer_runs_a_task_without_airflow_pandas_or_kubernetes(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROBE, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "ok"), ran.stderr


def test_the_help_of_the_command_loads_nothing_heavy() -> None:
    code = "import sys, json; from kubeque.cli.program import kubeque; kubeque(['--help'], standalone_mode=False); print(json.dumps(sorted(sys.modules)))"  # noqa: E501
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2]
    )
    loaded = set(json.loads(ran.stdout.splitlines()[-1]))
    assert not loaded & {"airflow", "pandas", "kubernetes", "numpy", "fsspec", "grpc", "rich"}
