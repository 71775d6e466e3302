"""Run one task again on this machine, and compare the new outcome with the recorded outcome."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubeque.clusters.environment_files import Environments
from kubeque.files.inputs.cache_folder import REPLAY_CACHE
from kubeque.files.layout import spec_url, stream_url
from kubeque.files.output import uses_temporary_files
from kubeque.files.sha256 import sha256_file
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.details import TaskDetails, task_details
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ClusterError, DestinationError, EnvironmentGone
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.shapes import lift_class
from kubeque.model.quantities import format_bytes
from kubeque.model.user_paths import current_folder, expand_home

_EMPTY = hashlib.sha256().hexdigest()


@dataclass(frozen=True, slots=True)
class Compared:
    """One property of a task, from the recorded outcome and from the replay."""

    what: str
    recorded: str
    here: str
    #: True if both values are equal; None if the property is not compared, because it differs between any two attempts.
    same: bool | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of a replay."""

    #: Folder of the replay, with `stdout`, `stderr` and the working directory `work`. The folder is not deleted.
    folder: Path
    command: list[str]
    #: The properties of both outcomes; empty if no outcome is recorded.
    compared: tuple[Compared, ...]
    #: The cause that a consumer would have recorded.
    cause: str
    code: int | None
    #: Texts about differences between the environments, and about files that a consumer would not keep.
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool | None:
        """True if the replay and the recorded outcome agree; None if no outcome is recorded."""
        return all(item.same is not False for item in self.compared) if self.compared else None


def replay(backends: Backends, name: str, index: int, folder: Path | None = None, *, echo: bool = True) -> Replayed:
    """Run a task with its inputs, row and environment in `folder`, and compare the outcomes.

    `folder`: must not exist; None for a new folder in the current folder. `echo`: True to copy the task's streams to
    standard error while it runs. Raises JobNotFound, UserError, DestinationError, StorageError.
    """
    task = task_details(backends, name, index)
    if task.fault is not None:
        raise task.fault
    folder = _free(name, index) if folder is None else current_folder() / expand_home(folder)
    if os.path.lexists(folder):
        raise DestinationError(f"{folder} exists: give a folder that does not exist, or leave the option out")
    here = _run(_order(backends, task, folder, echo))
    recorded = _read_recorded(backends, task)
    compared = tuple(_compare(recorded, here)) if recorded else ()
    notes = [*_notes(backends, task), *(f"not kept: {line}" for line in here["refused"])]
    return Replayed(folder, here["command"], compared, here["cause"], here["code"], tuple(notes))


def _free(name: str, index: int) -> Path:
    first = current_folder() / f"replay-{name}-{index}"
    number = 2
    path = first
    while path.exists():
        path, number = first.with_name(f"{first.name}-{number}"), number + 1
    return path


def _order(backends: Backends, task: TaskDetails, folder: Path, echo: bool) -> dict[str, Any]:
    job, view, outcome = task.job, task.line.view, task.line.view.record.outcome
    revision = _revision(task)
    environment = _environment(backends, task)
    return {
        "job": job.name, "job_url": job.url, "spec_url": spec_url(job, revision), "spec_hash": job.spec_hash(revision),
        "index": view.index,
        "attempt": outcome.attempt if outcome else 1, "folder": str(folder), "echo": echo,
        "memory": job.shapes[lift_class(job.shapes, view.size_class, job.floor)].memory,
        "cache": str(backends.config.home / REPLAY_CACHE),
        "environment": environment.to_wire() if environment else None,
    }  # fmt: skip


def _revision(task: TaskDetails) -> int:
    outcome = task.line.view.record.outcome
    return outcome.revision if outcome and outcome.revision and not outcome.linked else task.job.revision


def _environment(backends: Backends, task: TaskDetails) -> Environment | None:
    """Return the stored environment of the task's submission; None if the environment is not on this machine."""
    try:
        return Environments(backends.config.home).read(task.job, _revision(task))
    except (EnvironmentGone, ClusterError):
        return None


def _run(order: dict[str, Any]) -> dict[str, Any]:
    """Run the replay in a new process, because this package does not import the consumer's code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kubeque.consumer.replay"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        said, _ = process.communicate(json.dumps(order))
    except KeyboardInterrupt:
        process.wait()  # the process receives Ctrl-C too, and stops the task first
        raise
    if process.returncode == DestinationError.exit_code:
        raise DestinationError(f"the task could not be set up in {order['folder']}")
    if process.returncode != 0:
        raise ClusterError(f"task {order['index']} of {order['job']} could not be replayed: see the lines above")
    answer: dict[str, Any] = json.loads(said)
    return answer


def _read_recorded(backends: Backends, task: TaskDetails) -> dict[str, Any] | None:
    """Return the result of the task's last accepted outcome; None without an outcome.

    The keys `stdout` and `stderr` have the size and the digest of the stream.
    """
    if task.result is None or not task.line.view.state.has_outcome:
        return None
    return {**task.result, **{name: _stream(backends, task, name) for name in ("stdout", "stderr")}}


def _stream(backends: Backends, task: TaskDetails, name: str) -> dict[str, Any]:
    result = task.result or {}
    text, size = result.get(name), result.get(f"{name}_bytes", 0)
    if text is not None or not size:
        data = (text or "").encode()
        return {"size": len(data), "digest": hashlib.sha256(data).hexdigest()}
    with uses_temporary_files(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        backends.files.download(stream_url(task.url, name), path, size=int(size))
        return {"size": size, "digest": sha256_file(str(path))}


def _compare(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Compared]:
    for what in ("cause", "code"):
        one, other = ["" if side.get(what) is None else str(side[what]) for side in (recorded, here)]
        yield Compared("exit code" if what == "code" else what, one, other, one == other)
    for what in ("stdout", "stderr"):
        yield _compare_bytes(what, recorded[what], here[what])
    files = [{item["name"]: item for item in side["files"]} for side in (recorded, here)]
    for name in sorted(files[0].keys() | files[1].keys()):
        yield _compare_bytes(name, files[0].get(name), files[1].get(name))
    outs = [side.get("out") or {} for side in (recorded, here)]
    for name in dict.fromkeys([*outs[0], *outs[1]]):
        one, other = [json.dumps(out[name]) if name in out else "" for out in outs]
        yield Compared(f"out.{name}", one, other, one == other)
    yield Compared("seconds", f"{recorded['seconds']:.2f}", f"{here['seconds']:.2f}", None)
    yield Compared("peak memory", _size(recorded.get("peak_memory")), _size(here.get("peak_memory")), None)


def _compare_bytes(what: str, one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Compared:
    """Return the comparison of a file or stream: equal digests mean equal contents.

    `one`, `other`: the file in the recorded outcome and in the replay; None if the file is missing there.
    """
    sizes = ["-" if item is None else format_bytes(item["size"]) for item in (one, other)]
    digests = [None if item is None else item["digest"] or _EMPTY for item in (one, other)]
    return Compared(what, sizes[0], sizes[1], digests[0] == digests[1])


def _size(count: int | None) -> str:
    return format_bytes(count) if count else ""


def _notes(backends: Backends, task: TaskDetails) -> Iterator[str]:
    spec = backends.spec(task.job)
    if spec.image and backends.cluster_of(task.job).runs_images:
        yield f"the task ran in the image {spec.image}; the replay ran on this machine, without the image"
    if spec.local and not spec.local_env and _environment(backends, task) is None:
        yield (
            "the environment of the job's submitter is not on this machine; the replay ran in the environment"
            " of this shell"
        )
