"""Record from which files of this machine a job got its inputs.

From the record, a later reset knows which files have changed. The record is a file in `$KUBEQUE_HOME`, because paths of
this machine must not be in a bucket. A submission from Airflow has no record, because an Airflow task that runs again
submits its files again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kubeque.clusters.environment_files import Environments
from kubeque.jobs.backends import Backends
from kubeque.jobs.reports.recorded_sources import InputSources, read_sources
from kubeque.jobs.submission.build_spec import find
from kubeque.jobs.submission.like import like
from kubeque.jobs.upkeep.owner import own_queue_id
from kubeque.model.errors import CommandError, StorageError
from kubeque.model.job.job import Job
from kubeque.model.rows.parameters import roots_of, with_roots
from kubeque.model.sweep.sweep import Sweep


def keep_sources(backends: Backends, job: Job, sweep: Sweep) -> None:
    """Record the sources of the inputs of a submission, except if it comes from Airflow. Raises ClusterError."""
    if "dag" not in sweep.origin:
        content = _inherited(backends, job, sweep) or {
            "base": str(sweep.base), "push": list(sweep.push), "stored": [item.name for item in sweep.inputs],
            "stored_command": sweep.inputs_of_command, "roots": list(roots_of(sweep.rows)), "at": time.time(),
        }  # fmt: skip
        Environments(backends.config.home).write_sources(job, content, queue=own_queue_id(backends))


def _inherited(backends: Backends, job: Job, sweep: Sweep) -> dict[str, Any] | None:
    """Return the record of the existing job of this name if `sweep` has exactly the job's inputs; otherwise None."""
    before = backends.queue.find(job.name) if sweep.inputs and sweep.inputs_of_command and not sweep.push else None
    there = read_sources(backends, before) if before is not None else None
    if before is None or there is None or set(sweep.inputs) != set(backends.spec(before).inputs):
        return None
    return {
        "base": str(there.base), "push": list(there.push), "stored": sorted(there.stored),
        "stored_command": there.stored_command, "roots": list(there.roots), "at": there.at,
    }  # fmt: skip


def with_sources(backends: Backends, job: Job, sources: InputSources) -> Sweep:
    """Return a sweep like the job, but with the files of `sources` as inputs. Raises JobNotFound, StorageError."""
    sweep = like(backends, job.name)
    rows = with_roots(sweep.rows, sources.roots)
    stored = tuple(item for item in sweep.inputs if item.name in sources.stored)
    return replace(
        sweep, name=job.name, rows=rows, base=sources.base, push=sources.push, inputs=stored,
        inputs_of_command=sources.stored_command,
    )  # fmt: skip


def changed_inputs(backends: Backends, job: Job, sources: InputSources) -> Sequence[str]:
    """Return the names of the inputs of a job whose files have changed. If a file no longer exists, return no names.

    `sources`: the recorded sources of the inputs. Inputs that differ between rows, and inputs without a digest, are not
    compared.
    """
    sweep = with_sources(backends, job, sources)
    try:
        now = find(backends, replace(sweep, command=[word for word in sweep.words() if not word.columns]))
    except (CommandError, StorageError):  # a file is gone
        return ()
    then = {item.name: item.digest for item in backends.spec(job).inputs}
    return [item.name for item in now.inputs if item.digest and then.get(item.name, item.digest) != item.digest]
