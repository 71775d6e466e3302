"""Find the inputs of a sweep and build its spec. Nothing is uploaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kubeque.clusters.machine import Machine
from kubeque.files.inputs.digest_cache import DigestCache
from kubeque.files.inputs.inputs import Staging, find_inputs
from kubeque.jobs.backends import Backends
from kubeque.model.command.command import Word
from kubeque.model.errors import UserError
from kubeque.model.job.shapes import Shape, grow_shapes
from kubeque.model.job.spec import JobSpec
from kubeque.model.quantities import parse_bytes, parse_cpu, parse_duration
from kubeque.model.rows.parameters import roots_of
from kubeque.model.rows.rows import Rows
from kubeque.model.sweep.sweep import Sweep


def find(backends: Backends, sweep: Sweep) -> Staging:
    """Return the inputs of a sweep with their digests. Nothing is uploaded. Raises CommandError, StorageError."""
    config = backends.config
    there = {item.name: item for item in sweep.inputs}
    staging = find_inputs(
        [_strip_caret(word) if sweep.inputs_of_command else word for word in sweep.words()],
        sweep.push,
        named(sweep.rows),
        base=sweep.base,
        digests=DigestCache(config.home / "digests.db"),
        files=backends.files,
        cas_prefix=config.cas_url_prefix,
        roots=roots_of(sweep.rows),
        shell=sweep.shell,
    )
    brought = there | {item.name: item for item in staging.inputs}
    return replace(staging, inputs=tuple(brought.values()))


def _strip_caret(word: Word) -> Word:
    """Return a word without its `^`, because the file is already an input. A word with columns keeps its `^`."""
    return replace(word, upload=False) if word.upload and not word.columns else word


def named(rows: Rows) -> Iterator[Mapping[str, str]]:
    """Yield each row as a dict from column to value. The key `index` has the number of the row, as text."""
    for index, row in enumerate(rows):
        yield {**dict(zip(rows.columns, row, strict=True)), "index": str(index)}


def make_spec(backends: Backends, sweep: Sweep, staging: Staging, machine: Machine | None) -> JobSpec:
    """Return the spec of a sweep. Raises UserError.

    `machine`: the machine that the tasks share; None if each consumer has its own resources.
    """
    config = backends.config
    memory = sweep.memory if sweep.memory is not None else config.default_resource_memory
    first = Shape(
        parse_bytes(memory) if memory is not None else None,
        parse_bytes(sweep.disk, "disk") if sweep.disk is not None else config.default_resource_disk,
    )
    most = parse_bytes(sweep.max_memory, "max_memory") if sweep.max_memory is not None else 8 * (first.memory or 0)
    if sweep.max_memory is not None and most < (first.memory or 0):
        raise UserError(f"max_memory {sweep.max_memory} is less than memory {memory}: raise or remove max_memory")
    if machine is not None:  # no shape may exceed this machine, because no other machine exists
        most = min(most, machine.memory)
    cpu = sweep.cpu if sweep.cpu is not None else config.default_resource_cpu
    return JobSpec(
        command=sweep.words(), rows=sweep.rows.to_spec(), inputs=staging.inputs, row_inputs=staging.row_inputs,
        shell=sweep.shell, results=tuple(sweep.results), ignore=tuple(sweep.ignore), env=dict(sweep.env),
        local=not backends.cluster.runs_images,
        task_timeout=parse_duration(sweep.task_timeout, "timeout") if sweep.task_timeout is not None else None,
        image=sweep.image if sweep.image is not None else config.default_image,
        cpu=parse_cpu(cpu) if cpu is not None else None,
        shapes=grow_shapes(first, most or None), cluster=backends.cluster.url, pod=dict(sweep.pod),
        function=sweep.function,
    )  # fmt: skip
