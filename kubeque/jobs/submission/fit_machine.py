"""Fit a sweep to one machine: reduce resources that exceed the machine, and note options that only pods use."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from kubeque.clusters.base import Cluster
from kubeque.clusters.machine import Machine
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.control import no_effect_in_pods
from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config import Config
from kubeque.model.errors import ResourceError, StorageError
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.quantities import format_bytes, parse_bytes, parse_cpu
from kubeque.model.sweep.options import BY_NAME
from kubeque.model.sweep.pod_options import PodOptions
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.sweep.unused_options import unused_note, unused_options
from kubeque.model.wording import option

#: Maximum number of jobs whose specs are compared with the spec of a new job for a note.
_COMPARED = 20


@dataclass(frozen=True, slots=True)
class Fitted:
    """A sweep that one machine can run, and the notes for the user."""

    sweep: Sweep
    #: The resources of the machine; None if each consumer has its own resources.
    machine: Machine | None = None
    notes: tuple[str, ...] = ()


def fit(sweep: Sweep, cluster: Cluster, config: Config, typed: Collection[str] = ()) -> Fitted:
    """Return the sweep with its resources reduced to the machine of `cluster`.

    If each consumer has its own resources, the sweep is unchanged. `typed`: names of the options that the user typed
    for this submission. A typed option is never reduced or ignored.

    Raises ResourceError for a typed option that has no effect or exceeds the machine, and for GPUs on a machine without
    GPUs. If `on_local` of the configuration is "refuse", raises ResourceError for other options without effect, too.
    """
    machine = cluster.capacity(gpus=bool(sweep.pod.get("gpu")))
    if machine is None:
        return Fitted(sweep, notes=_priority_notes(sweep, typed))
    image = sweep.image if sweep.image is not None else config.default_image
    unused = unused_options(image, sweep.pod)
    _refuse_unused(unused, config, typed)
    notes = [unused_note(image, sweep.pod)] if unused else []
    cut: dict[str, Any] = {}
    for name, has, given in _excesses(sweep, config, machine):
        if name in typed or (name == "gpu" and not machine.gpus):
            raise ResourceError(f"{name} {given} exceeds this machine, which has {has}: {_remedy(name, machine)}")
        cut[name] = _limit(name, machine)
        notes.append(f"{name} {given} is reduced to the {has} of this machine")
    if "gpu" in cut:
        cut["pod"] = {**sweep.pod, "gpu": cut.pop("gpu")}
    return Fitted(replace(sweep, **cut), machine, tuple(notes))


def _priority_notes(sweep: Sweep, typed: Collection[str]) -> tuple[str, ...]:
    """Return a note if the sweep has a priority, because pods ignore it.

    Raises ResourceError if the user typed the option.
    """
    if not sweep.priority:
        return ()
    text = f"the priority {sweep.priority} {no_effect_in_pods()}"
    if "priority" in typed:
        raise ResourceError(text)
    return (text,)


def mixed_notes(backends: Backends, spec: JobSpec, machine: Machine | None, job: Job) -> list[str]:
    """Return the note about jobs of this machine with a size and jobs without one, in a list; empty without a note.

    `spec`: spec of the submitted job. `machine`: the resources of its machine; None if each consumer has its own. A job
    that starts no task now, because it has ended, is paused or is held, is not compared.
    """
    if machine is None or not _may_start(backends, job):
        return []
    others: list[tuple[str, JobSpec]] = []
    for other in backends.queue.jobs(job.fleet):
        if other.uid != job.uid and len(others) < _COMPARED and _may_start(backends, other):
            with suppress(StorageError):  # the submission succeeds without the note
                others.append((other.name, backends.spec(other)))
    note = _mixed_note(spec, others)
    return [note] if note else []


def _may_start(backends: Backends, job: Job) -> bool:
    """True if tasks of the job may start now: it is open, is not paused, and its trial has not ended."""
    return job.startable and not (job.canaries and job.waits_for_go(backends.queue.counts(job)))


def _mixed_note(spec: JobSpec, others: Iterable[tuple[str, JobSpec]]) -> str:
    """Return a note if the tasks of some jobs have a size, and those of other jobs have none; otherwise "".

    A size is a number of cores, an amount of memory, or GPUs. `spec`: spec of this job. `others`: name and spec of each
    other job of the machine whose tasks may start.
    """
    unlike = [name for name, other in others if _has_size(other) != _has_size(spec)]
    if not unlike:
        return ""
    without = "the tasks of this job have" if not _has_size(spec) else f"the tasks of {unlike[0]} have"
    return f"{without} no cpu and no memory set: these tasks run beside other tasks, and their use is not counted"


def _has_size(spec: JobSpec) -> bool:
    return bool(spec.cpu or spec.shapes[0].memory or spec.pod.get("gpu"))


def _refuse_unused(unused: Sequence[str], config: Config, typed: Collection[str]) -> None:
    refused = [name for name in unused if name in typed] if config.on_local != "refuse" else list(unused)
    if refused:
        flags = ", ".join(option(BY_NAME[name].flags[0].split("/")[0][2:]) for name in refused)
        has = "have" if len(refused) > 1 else "has"
        raise ResourceError(
            f"{flags} {has} no effect on this machine: leave out options that only pods have, or give a cluster with"
            f" {option('cluster', 'URL')}"
        )


def _excesses(sweep: Sweep, config: Config, machine: Machine) -> Iterator[tuple[str, str, Any]]:
    """Yield the name, the machine's limit and the requested value of each resource that exceeds the machine."""
    cpu = sweep.cpu if sweep.cpu is not None else config.default_resource_cpu
    if cpu is not None and parse_cpu(cpu) > machine.cores:
        yield "cpu", f"{machine.cores:g} cores", cpu
    given = {"memory": sweep.memory if sweep.memory is not None else config.default_resource_memory}
    for name, value in (given | {"max_memory": sweep.max_memory}).items():
        if value is not None and parse_bytes(value, name) > machine.memory:
            yield name, format_bytes(machine.memory), format_bytes(value) if isinstance(value, int) else value
    gpus = PodOptions.read({"gpu": sweep.pod.get("gpu")}).gpu
    if gpus > len(machine.gpus):
        yield "gpu", f"{len(machine.gpus) or 'no'} GPU{'s' * (len(machine.gpus) != 1)}", gpus


def _limit(name: str, machine: Machine) -> Any:
    return {"cpu": machine.cores, "gpu": len(machine.gpus)}.get(name, machine.memory)


def _remedy(name: str, machine: Machine) -> str:
    if name == "gpu" and not machine.gpus:
        return f"list its devices as gpus in .kubeque, or choose a cluster with {option('cluster', 'URL')}"
    limit = format_bytes(machine.memory) if name.endswith("memory") else f"{_limit(name, machine):g}"
    return f"give at most {limit}"
