"""Predict the effects of a submission, without writing to the queue or the store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from itertools import islice
from typing import Any

from kubeque.files.layout import input_names
from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.build_spec import named
from kubeque.jobs.submission.draft import draft
from kubeque.jobs.submission.effect import Effect, count_effect
from kubeque.jobs.submission.existing import Existing
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.argv import task_argv
from kubeque.model.sweep.sweep import Sweep

#: Maximum number of tasks whose commands a plan contains.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """The effects that a submission would have."""

    tasks: int
    consumers: int
    #: Number of input files, including files of single rows. Files with equal content are counted separately.
    inputs: int
    #: Number of different contents of the input files that are on this machine.
    contents: int
    #: Number of these contents that are in the store already.
    there: int
    #: Total size of the contents in bytes.
    bytes: int
    #: Total size in bytes of the contents that are not in the store.
    bytes_to_send: int
    #: The rendered commands of the first tasks.
    commands: tuple[tuple[str, ...], ...]
    #: State of the job's name: "new", "unchanged" (the job with this name has an equal spec) or "taken".
    name: str
    #: Notes for the user: options that were reduced or have no effect, one sentence each.
    notes: tuple[str, ...] = ()
    #: The effect of --repair, --revise or --replace on the rows of the existing job; None without such an option or
    #: job.
    effect: Effect | None = None

    def to_wire(self) -> dict[str, Any]:
        return asdict(self) | {"effect": self.effect and self.effect.to_wire()}


def plan(
    backends: Backends, sweep: Sweep, *, existing: Existing = Existing.REFUSE, typed: Collection[str] = ()
) -> Plan:
    """Return the effects that `submit` would have for this sweep. Raises UserError, StorageError."""
    sweep = sweep.check()
    wanted = draft(backends, sweep, typed=typed)
    spec, staging = wanted.spec, wanted.staging
    there = backends.files.existing(backends.config.cas_url_prefix, [upload.digest for upload in staging.uploads])
    before = backends.queue.find(sweep.name) if sweep.name is not None else None
    return Plan(
        tasks=sweep.rows.n,
        consumers=sweep.consumers or backends.config.consumers or backends.cluster.default_consumers(sweep.rows.n),
        inputs=len(spec.inputs) + len(spec.row_inputs),
        contents=len(staging.uploads),
        there=len(there),
        bytes=sum(upload.size for upload in staging.uploads),
        bytes_to_send=sum(upload.size for upload in staging.uploads if upload.digest not in there),
        commands=tuple(
            tuple(task_argv(spec, row, input_names(spec, row))) for row in islice(named(sweep.rows), _SHOWN)
        ),
        name="new" if before is None else "unchanged" if before.spec_digest == spec.digest() else "taken",
        notes=wanted.notes,
        effect=(
            count_effect(backends, wanted, before, existing) if before and existing is not Existing.REFUSE else None
        ),
    )
