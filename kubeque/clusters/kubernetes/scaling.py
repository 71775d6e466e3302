"""How many consumers a class has, how many it should have, and what makes up the difference. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubeque.clusters.in_pod import TERMINATED
from kubeque.clusters.kubernetes.job_manifest import LABEL, MACHINES, ON_DEMAND
from kubeque.clusters.kubernetes.pod_status import KILLED, Pod, exit_code, is_live, is_unschedulable, seconds_of
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import lifted
from kubeque.model.job.task import Tally

KubernetesJob = Mapping[str, Any]

GROWN = f"{LABEL}/grown"
_INDEX = "batch.kubernetes.io/job-completion-index"
#: So long a new index may take to get its pod; after that one without a pod is in its back-off, seconds.
_YOUNG_SECONDS = 10.0
#: Exit codes of consumers that something befell. With any other it would only fail again: then Kubernetes' back-off
#: decides when it is tried.
_REPLACED_CODES = frozenset({None, TERMINATED, KILLED})
#: Where consumers die as fast as they come, back-off has the last word: completions never go beyond this many times
#: what is wanted, and some.
_MAX_FACTOR, _EXTRA = 20, 100


@dataclass(frozen=True, slots=True)
class Create:
    """Make a Kubernetes Job."""

    generation: int
    count: int


@dataclass(frozen=True, slots=True)
class Grow:
    """Raise completions and parallelism of a Kubernetes Job by `more`, to `count`."""

    name: str
    #: Of the object that this was decided on.
    version: str
    count: int
    more: int


def count_wanted(job: Job, waiting: Mapping[int, Tally]) -> dict[int, int]:
    """Consumers for each class that something waits or runs in."""
    left: dict[int, int] = defaultdict(int)
    for size_class, tally in waiting.items():
        left[lifted(job.shapes, size_class, job.floor)] += tally.pending + tally.running
    return {size_class: min(max(job.consumers, 1), count) for size_class, count in sorted(left.items()) if count}


def plan(
    kubernetes_jobs: Sequence[KubernetesJob], pods: Sequence[Pod], count: int, now: float, *, on_demand: bool = False
) -> Create | Grow | None:
    """What to do so that `count` consumers serve one class. None: there are enough, or they are coming.

    Never shrinks: that would kill busy ones. An index in back-off is made up for by a new one, which starts at once;
    when it comes back and finds nothing to do it leaves. `on_demand`: only those that stand in for others count, see
    `count_stand_ins`; without it only the others.
    """
    open_ones = [j for j in kubernetes_jobs if not is_over(j) and _is_stand_in(j) is on_demand]
    if not open_ones:
        return Create(max(map(_generation, kubernetes_jobs), default=0) + 1, count)
    newest = max(open_ones, key=_generation)
    if any(j["spec"].get("suspend") for j in open_ones):
        return None  # whoever suspended it will say when
    missing = count - sum(_count_serving(j, pods, now) for j in open_ones)
    if missing <= 0:
        return None
    meta, there = newest["metadata"], int(newest["spec"]["completions"])
    missing = min(missing, _MAX_FACTOR * count + _EXTRA - there)
    return Grow(meta["name"], meta["resourceVersion"], there + missing, missing) if missing > 0 else None


def count_stand_ins(
    kubernetes_jobs: Iterable[KubernetesJob], pods: Iterable[Pod], count: int, now: float, patience: float
) -> int:
    """How many of `count` consumers shall run on machines that stay, because for `patience` seconds there was no other
    for so many."""
    ours = {j["metadata"]["uid"] for j in kubernetes_jobs if not is_over(j) and not _is_stand_in(j)}
    live = [pod for pod in pods if is_live(pod) and ours.intersection(_owners(pod))]
    unscheduled = [pod for pod in live if is_unschedulable(pod) and now - seconds_of(_created(pod)) > patience]
    return max(0, min(len(unscheduled), count - (len(live) - len(unscheduled))))


def is_over(job: KubernetesJob) -> bool:
    """Has this Kubernetes Job ended, or is it being deleted?"""
    conditions = job["status"].get("conditions") or []
    ended = any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
    return ended or bool(job["metadata"].get("deletionTimestamp"))


def _count_serving(job: KubernetesJob, pods: Iterable[Pod], now: float) -> int:
    """Consumers of this Kubernetes Job that run or will run soon of themselves."""
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
    """The numbers that `0-3,7` names."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found
