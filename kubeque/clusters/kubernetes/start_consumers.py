"""Start the missing consumers and the keeper of a job: create Kubernetes Jobs, and change their parallelism."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kubeque.clusters.kubernetes import scaling
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.manifests.job_manifest import kubernetes_job
from kubeque.clusters.kubernetes.manifests.keeper_manifest import keeper_job
from kubeque.clusters.kubernetes.manifests.pod_manifest import ManifestContext
from kubeque.clusters.kubernetes.object_names import KEEPER, kubernetes_job_name
from kubeque.clusters.kubernetes.queue_secrets import QueueSecrets
from kubeque.clusters.kubernetes.snapshot import FleetSnapshot
from kubeque.model.errors import ClusterRefused
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.sweep.pod_options import PodOptions

#: Maximum number of steps for one size class in one call. The next call takes further steps.
_MAX_STEPS = 10
#: Function that returns the manifest of a Kubernetes Job. Its arguments are the generation, the count and the name of
#: the queue's Secret.
_MakeManifest = Callable[..., dict[str, Any]]


class ConsumerStarter:
    """Starts consumers and keepers in one namespace."""

    def __init__(self, api: KubernetesApi, namespace: str, secrets: QueueSecrets) -> None:
        self._api = api
        self._namespace = namespace
        self._secrets = secrets

    def start(
        self, job: Job, spec: JobSpec, context: ManifestContext, snapshot: FleetSnapshot, wanted: Mapping[int, int],
        *, keeper: bool,
    ) -> int:  # fmt: skip
        """Start the missing consumers of a job, and return their number.

        `wanted`: number of consumers by size class. `keeper`: True to start the keeper if no keeper runs or starts.

        The keeper is started first, then the size classes without a Kubernetes Job. In any other order, the pods of
        both would wait behind other consumers in a queue of Kueue. If the cluster refuses a step, the other steps are
        still taken. After all steps, the first refusal is raised as ClusterRefused.
        """
        begun = {c for c in wanted if any(not scaling.is_over(j) for j in snapshot.jobs_of(c))}
        steps: list[Callable[[], int]] = [partial(self._start_keeper, job, spec, context, snapshot)] if keeper else []
        for size_class in sorted(wanted, key=lambda c: (c in begun, c)):
            steps.append(partial(self._start_class, job, spec, context, snapshot, size_class, wanted[size_class]))
        started, refusals = 0, []
        for step in steps:
            try:
                started += step()
            except ClusterRefused as error:
                refusals.append(error)
        if refusals:
            raise refusals[0]
        return started

    def _start_keeper(self, job: Job, spec: JobSpec, context: ManifestContext, snapshot: FleetSnapshot) -> int:
        plan = scaling.plan(snapshot.keeper_jobs, snapshot.keeper_pods, 1, time.time())
        if isinstance(plan, scaling.Create):
            self._create(plan, partial(keeper_job, job, spec, context), job.fleet, KEEPER)
        elif plan is not None:
            self._resize(plan)
        return 0

    def _start_class(
        self, job: Job, spec: JobSpec, context: ManifestContext, snapshot: FleetSnapshot, size_class: int, count: int
    ) -> int:
        options = PodOptions.read(spec.pod)
        make = partial(kubernetes_job, job, spec, context, size_class=size_class)
        started = self._approach(job, snapshot, size_class, count, make, on_demand=False)
        jobs, pods = snapshot.jobs_of(size_class), snapshot.pods_of(size_class)
        few = scaling.count_stand_ins(jobs, pods, count, time.time(), options.spot_patience) if options.spot else 0
        if few:
            make = partial(make, on_demand=True)
            started += self._approach(job, snapshot, size_class, few, make, on_demand=True)
        return started

    def _approach(
        self, job: Job, snapshot: FleetSnapshot, size_class: int, count: int, make: _MakeManifest, *, on_demand: bool
    ) -> int:
        """Carry out plans until `count` consumers of a size class run or start. Return the number of new consumers.

        `make`: function that returns the manifest of a Kubernetes Job. `on_demand`: True to start stand-ins.
        """
        started, most = 0, None if on_demand else max(job.consumers, 1)
        for _ in range(_MAX_STEPS):
            plan = scaling.plan(
                snapshot.jobs, snapshot.pods, count, time.time(), size_class=str(size_class), most=most,
                on_demand=on_demand,
            )  # fmt: skip
            if plan is None:
                break
            if isinstance(plan, scaling.Create):
                made = self._create(plan, make, job.fleet, size_class)
                started += plan.count if made is not None else 0
            else:
                made = self._resize(plan)
                started += plan.starts if made is not None else 0
            if made is None:
                break  # a different process has made this change
            snapshot.replace(made)
        return started

    def _create(
        self, plan: scaling.Create, make: _MakeManifest, fleet: str, size_class: int | str
    ) -> dict[str, Any] | None:
        name = kubernetes_job_name(fleet, size_class, plan.generation)
        secret = self._secrets.name_for(name)
        manifest = make(generation=plan.generation, count=plan.count, queue_secret=secret)
        made = self._api.create(path("jobs", self._namespace), manifest)
        if made is not None and secret:
            self._secrets.create(made)
        return made

    def _resize(self, plan: scaling.Resize) -> dict[str, Any] | None:
        stamp = scaling.RAISED if plan.starts else scaling.LOWERED
        change = {
            "metadata": {"resourceVersion": plan.version, "annotations": {stamp: f"{time.time():.0f}"}},
            "spec": {"parallelism": plan.parallelism},
        }
        return self._api.patch(path("jobs", self._namespace, plan.name), change)
