"""Count the writes to Datastore per task. Real consumers run real commands, and a proxy counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.faults import GrpcProxy

ROOT = Path(__file__).resolve().parent.parent.parent
KUBEQUE = (sys.executable, "-m", "kubeque.cli")


@dataclass
class Written:
    """Number of writes of a job's blocks, from the submission to the last outcome."""

    tasks: int
    commits: int = 0
    #: Number of written entities, for which Datastore charges. A commit can write two entities, for example a steal.
    entities: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, method: str, request: bytes) -> bytes:
        """Count a request, and return it unchanged."""
        if method == "Commit":
            from google.cloud import datastore_v1

            mutations = datastore_v1.CommitRequest.pb().FromString(request).mutations
            count = sum(map(_of_a_block, mutations))
            with self._lock:
                self.commits += count > 0
                self.entities += count
        return request


def _of_a_block(mutation: Any) -> bool:
    operation = mutation.WhichOneof("operation")
    key = getattr(mutation, operation)
    key = key if operation == "delete" else key.key
    return key.path[0].kind == "KubequeBlock" and "selftest" not in key.partition_id.namespace_id


def written(emulator: str, command: Sequence[str], *, tasks: int, consumers: int) -> Written:
    """Run a command `tasks` times with `kubeque sub`, and count the writes."""
    noted = Written(tasks)
    with GrpcProxy(emulator) as proxy, tempfile.TemporaryDirectory(prefix="kubeque-bench-") as home:
        proxy.alter = noted.note
        folder = Path(home)
        (folder / ".kubeque").write_text("[config]\nqueue_url = datastore://kubeque-bench\n")
        (folder / "rows.csv").write_text("n\n" + "".join(f"{number}\n" for number in range(tasks)))
        environment = {
            **os.environ, "HOME": home, "KUBEQUE_HOME": str(folder / "kubeque"), "PYTHONPATH": str(ROOT),
            "DATASTORE_EMULATOR_HOST": proxy.host,
        }  # fmt: skip
        with _consumers_stopped(folder, environment):
            words = ["sub", "--json", "--params", "rows.csv", "--consumers", str(consumers), *command]
            job = json.loads(_kubeque(words, folder, environment))
        if job["counts"]["ok"] != tasks:
            raise SystemExit(f"{job['counts']} of {tasks} tasks")
    return noted


@contextmanager
def _consumers_stopped(folder: Path, environment: Mapping[str, str]) -> Any:
    try:
        yield
    finally:
        _kubeque(["stop"], folder, environment)


def _kubeque(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run([*KUBEQUE, *words], capture_output=True, text=True, cwd=folder, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"kubeque {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
