"""Make jobs with ended tasks without running anything. The outcomes are written to a real queue, as consumers do."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeque.clusters.local import LocalCluster
from kubeque.clusters.open import open_cluster
from kubeque.files.layout import spec_url
from kubeque.files.rows.row_pages import write_pages
from kubeque.files.store import Files
from kubeque.jobs.backends import Backends
from kubeque.model.command.command import parse_word
from kubeque.model.config.config import Config
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Tally
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape
from kubeque.model.job.spec import JobSpec
from kubeque.model.job.task import Outcome
from kubeque.model.quantities import MI
from kubeque.model.rows.parameters import to_rows
from kubeque.model.rows.rows import Rows
from kubeque.queues import claim as claims
from kubeque.queues.block import make_blocks
from kubeque.queues.open import open_queue

GI = 1024 * MI
#: A Wednesday in 2026, Unix time in seconds.
NOON = 1_795_608_000.0
#: Owner names of the consumers of a job.
CONSUMERS = ("local:machine:101:1", "local:machine:102:2")


def make_backends(home: Path) -> Backends:
    """Return new backends with a queue and a folder. Nothing runs there."""
    config = Config.load(start=home, home=home, environ={"KUBEQUE_HOME": str(home / "kubeque")})
    cluster = open_cluster(config.cluster_url, config)
    return Backends(config, open_queue(config.queue_url), Files(), cluster)


class IdleCluster(LocalCluster):
    """This machine, where nothing is started."""

    def ensure(self, job: Job, spec: JobSpec, waiting: dict[int, Tally]) -> int:
        return 0


@dataclass(frozen=True)
class Ended:
    """The required end of one attempt."""

    cause: Cause = Cause.OK
    seconds: float = 2.0
    staging: float = 0.5
    message: str = ""
    out: Mapping[str, Any] | None = None
    folder: str = ""


def ended_job(
    backends: Backends, rows: Sequence[Mapping[str, Any]] | Rows, how: Callable[[int], Ended], *, name: str = "sweep",
    run: bool = True, began: float = NOON, canaries: Sequence[int] = (),
    consumers: Sequence[str] = CONSUMERS, leases: int | None = None,
) -> Job:  # fmt: skip
    """Return a job with these rows. Its consumers ended its tasks as `how` says. Without `run`, no task has begun.

    `canaries`: indexes of the tasks that are not held. `leases`: number of leases after which the consumers stop.
    """
    table = to_rows(rows)
    columns = table.columns
    uid, url = f"uid-{name}", str(backends.config.home / "results" / name)
    shapes = (Shape(16 * GI),)
    words = ("python3", "train.py", *(f"{{{column}}}" for column in columns if column.isidentifier()))
    spec = JobSpec(tuple(parse_word(word) for word in words), table.to_spec(), shapes=shapes)
    job = Job(name, uid, table.n, url, created=began, shapes=shapes, canaries=len(canaries))
    write_pages(table, job.url, backends.files)
    backends.files.write(spec_url(job), json.dumps(spec.to_wire()).encode())
    backends.queue.create(job, make_blocks(job.uid, job.n, 50, canaries=canaries))
    clocks = {consumer: began + number for number, consumer in enumerate(consumers)}
    left = itertools.count() if leases is None else range(leases)
    for _ in left if run else ():
        owner = min(clocks, key=lambda one: clocks[one])
        lease = claims.claim(backends.queue, job, owner, reserve=25)
        if lease is None:
            break
        while taken := lease.take():
            ended, start = how(taken[0]), clocks[owner] + 0.5
            code = 0 if ended.cause is Cause.OK else 1 if ended.cause is Cause.EXIT else None
            lease.add_outcome(Outcome(
                *taken, ended.cause, code, start, ended.seconds, ended.folder, GI, out=ended.out,
                message=ended.message, staging=ended.staging, saving=0.25,
            ))  # fmt: skip
            clocks[owner] = start + ended.seconds + 0.25
        lease.commit(release=True)
    return job
