"""Plan the number of consumers of a size class, based on its Kubernetes Jobs and pods. All functions are pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubeque.clusters.consumer_process import KILLED, TERMINATED
from kubeque.clusters.kubernetes.object_names import LABEL, MACHINES, ON_DEMAND
from kubeque.clusters.kubernetes.pod_status import Pod, exit_code, is_live, is_unschedulable, seconds_of
from kubeque.model.job.job import Job
from kubeque.model.job.shape_growth import lift_class
from kubeque.model.job.task import Tally

KubernetesJob = Mapping[str, Any]

GROWN = f"{LABEL}/grown"
_INDEX = "batch.kubernetes.io/job-completion-index"
#: Seconds in which a new index gets its pod. An index without a pod after this time is in back-off.
_YOUNG_SECONDS = 10.0
#: Exit codes of consumers that are replaced at once. After any other code, a new consumer would probably fail as well,
#: so it starts only after Kubernetes' back-off.
_REPLACED_CODES = frozenset({None, TERMINATED, KILLED})
#: Limit of completions: _MAX_FACTOR times the wanted number of consumers, plus _EXTRA. Beyond the limit, dead consumers
#: are replaced only after Kubernetes' back-off, because perhaps every new consumer dies at once.
_MAX_FACTOR, _EXTRA = 20, 100


@dataclass(frozen=True, slots=True)
class Create:
    """A plan to create a Kubernetes Job with `count` consumers."""

    generation: int
    count: int


@dataclass(frozen=True, slots=True)
class Grow:
    """A plan to raise completions and parallelism of a Kubernetes Job by `more`, to `count`."""

    name: str
    #: Resource version of the Kubernetes Job on which the plan is based.
    version: str
    count: int
    more: int


def count_wanted(job: Job, waiting: Mapping[int, Tally]) -> dict[int, int]:
    """Return the wanted number of consumers for each size class that has waiting or running tasks."""
    left: dict[int, int] = defaultdict(int)
    for size_class, tally in waiting.items():
        left[lift_class(job.shapes, size_class, job.floor)] += tally.pending + tally.running
    return {size_class: min(max(job.consumers, 1), count) for size_class, count in sorted(left.items()) if count}


def plan(
    kubernetes_jobs: Sequence[KubernetesJob], pods: Sequence[Pod], count: int, now: float, *, on_demand: bool = False
) -> Create | Grow | None:
    """Return the next step towards `count` consumers of one size class; None if enough consumers run or start.

    The number of consumers never shrinks, because that would kill busy consumers. An index in back-off is replaced by a
    new index, which starts at once. The consumer of the old index starts later, and leaves if it finds no task.
    `on_demand`: True counts only the stand-ins of `count_stand_ins`, False counts only the other consumers.
    """
    open_ones = [j for j in kubernetes_jobs if not is_over(j) and _is_stand_in(j) is on_demand]
    if not open_ones:
        return Create(max(map(_generation, kubernetes_jobs), default=0) + 1, count)
    newest = max(open_ones, key=_generation)
    if any(j["spec"].get("suspend") for j in open_ones):
        return None  # Kueue or a user decides when the Kubernetes Job continues
    missing = count - sum(_count_serving(j, pods, now) for j in open_ones)
    if missing <= 0:
        return None
    meta, there = newest["metadata"], int(newest["spec"]["completions"])
    missing = min(missing, _MAX_FACTOR * count + _EXTRA - there)
    return Grow(meta["name"], meta["resourceVersion"], there + missing, missing) if missing > 0 else None


def count_stand_ins(
    kubernetes_jobs: Iterable[KubernetesJob], pods: Iterable[Pod], count: int, now: float, patience: float
) -> int:
    """Return how many of `count` consumers must run on on-demand machines.

    These stand-ins replace the pods that have not found a spot machine for `patience` seconds.
    """
    ours = {j["metadata"]["uid"] for j in kubernetes_jobs if not is_over(j) and not _is_stand_in(j)}
    live = [pod for pod in pods if is_live(pod) and ours.intersection(_owners(pod))]
    unscheduled = [pod for pod in live if is_unschedulable(pod) and now - seconds_of(_created(pod)) > patience]
    return max(0, min(len(unscheduled), count - (len(live) - len(unscheduled))))


def is_over(job: KubernetesJob) -> bool:
    """True if the Kubernetes Job has ended or is being deleted."""
    conditions = job["status"].get("conditions") or []
    ended = any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
    return ended or bool(job["metadata"].get("deletionTimestamp"))


def _count_serving(job: KubernetesJob, pods: Iterable[Pod], now: float) -> int:
    """Return the number of consumers that run now, or that will start even if the Kubernetes Job is not changed."""
    meta = job["metadata"]
    mine: dict[int, list[Pod]] = defaultdict(list)
    for pod in pods:
        if meta["uid"] in _owners(pod):
            mine[int(pod["metadata"].get("annotations", {}).get(_INDEX, -1))].append(pod)
    done = set(parse_indexes(job["status"].get("completedIndexes", "")))
    born = max(seconds_of(meta.get("creationTimestamp")), float(meta.get("annotations", {}).get(GROWN, 0)))
    young = now - born < _YOUNG_SECONDS
    return sum(
        _serves(mine.get(index, []), young) for index in range(int(job["spec"]["completions"])) if index not in done
    )


def _serves(pods: Sequence[Pod], young: bool) -> bool:
    if any(is_live(pod) for pod in pods):
        return True
    if not pods:
        return young
    last = max(pods, key=_created)
    return exit_code(last) not in _REPLACED_CODES


def _owners(pod: Pod) -> set[str]:
    return {str(owner.get("uid")) for owner in pod["metadata"].get("ownerReferences") or []}


def _created(pod: Pod) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def _generation(job: KubernetesJob) -> int:
    return int(job["metadata"]["labels"].get(f"{LABEL}/generation", 0))


def _is_stand_in(job: KubernetesJob) -> bool:
    return bool(job["metadata"]["labels"].get(MACHINES) == ON_DEMAND)


def parse_indexes(text: str) -> list[int]:
    """Return the numbers in a text such as `0-3,7`."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found
