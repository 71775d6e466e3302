"""Plan the changes of the Kubernetes Jobs of a size class, based on these Kubernetes Jobs and their pods.

All functions are pure. Plans keep the sum of `parallelism` over the Kubernetes Jobs of a sweep within the requested
number of consumers. So the API server enforces this limit even while no program of kubeque runs. Stand-ins are
consumers that run on on-demand machines, in place of pods that find no spot machine. Stand-ins are counted separately.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubeque.clusters.consumer_process import KILLED, TERMINATED
from kubeque.clusters.kubernetes.object_names import KUEUE, LABEL, MACHINES, ON_DEMAND
from kubeque.clusters.kubernetes.pod_status import Pod, exit_code, is_live, is_unschedulable, seconds_of
from kubeque.lazy_dataclass import dataclass

KubernetesJob = Mapping[str, Any]

#: Annotations with the Unix time at which kubeque last raised or lowered the parallelism of a Kubernetes Job.
RAISED, LOWERED = f"{LABEL}/grown", f"{LABEL}/lowered"
_INDEX = "batch.kubernetes.io/job-completion-index"
#: Seconds within which an index of a new Kubernetes Job gets its pod. Later, an index without a pod may be in back-off.
_YOUNG_SECONDS = 10.0
#: Seconds after which the index of a dead consumer is used again. The first three back-offs of Kubernetes are shorter.
_BACK_OFF_SECONDS = 60.0
#: Exit codes of consumers that are replaced at once. After any other code, a new consumer would probably fail as well.
#: So it starts only after Kubernetes' back-off.
_REPLACED_CODES = frozenset({None, TERMINATED, KILLED})
#: Maximum generation: _MAX_FACTOR times the wanted number of consumers, plus _EXTRA. After this, dead consumers are
#: replaced only after Kubernetes' back-off, because every new consumer may die immediately.
_MAX_FACTOR, _EXTRA = 20, 100


@dataclass(frozen=True, slots=True)
class Create:
    """A plan to create a Kubernetes Job with `count` consumers."""

    generation: int
    count: int


@dataclass(frozen=True, slots=True)
class Resize:
    """A plan to set the parallelism of a Kubernetes Job. The plan ends no running consumer."""

    name: str
    #: Resource version of the Kubernetes Job on which the plan is based.
    version: str
    parallelism: int
    #: Number of consumers that start; 0 if the plan lowers the parallelism.
    starts: int


def plan(
    kubernetes_jobs: Sequence[KubernetesJob],
    pods: Sequence[Pod],
    count: int,
    now: float,
    *,
    size_class: str = "",
    most: int | None = None,
    on_demand: bool = False,
) -> Create | Resize | None:
    """Return the next step towards `count` consumers of one size class; None if no step is needed or allowed.

    A step never ends a running consumer. If the consumer of an index dies, Kubernetes delays the restart of this index.
    So one step lowers the parallelism of this Kubernetes Job, and the next step starts a consumer in another Kubernetes
    Job.

    `kubernetes_jobs`, `pods`: Kubernetes Jobs and pods of all size classes. `now`: Unix time, seconds. `size_class`:
    value of the class label; empty if only one size class exists. `most`: maximum number of consumers of all size
    classes; None without a limit. `on_demand`: True to count only stand-ins (see `count_stand_ins`); False to count
    only other consumers.
    """
    fleet = [
        _Places.of(job, pods, now)
        for job in kubernetes_jobs
        if not is_over(job) and _is_stand_in(job) is on_demand
    ]  # fmt: skip
    ours = [places for places in fleet if not size_class or _class(places.job) == size_class]
    missing = count - sum(places.serving for places in ours)
    if missing < 0:
        return next((step for places in ours if (step := places.give_up(-missing))), None)
    if missing and (step := next((step for places in fleet if (step := places.give_up(0))), None)):
        return step
    if most is not None:
        missing = min(missing, most - sum(places.taken for places in fleet))
    if missing <= 0:
        return None
    if step := next((step for places in ours if (step := places.use_again(missing, now))), None):
        return step
    generation = max((_generation(j) for j in kubernetes_jobs if not size_class or _class(j) == size_class), default=0)
    return Create(generation + 1, missing) if generation < _MAX_FACTOR * count + _EXTRA else None


def count_absent(job: KubernetesJob, pods: Iterable[Pod]) -> int:
    """Return the number of pods that a Kubernetes Job should have now, but that do not run or start."""
    target = min(int(job["spec"].get("parallelism", 0)), int(job["spec"]["completions"]) - _count_done(job))
    return max(0, target - sum(is_live(pod) for pod in pods if job["metadata"]["uid"] in _owners(pod)))


def count_stand_ins(
    kubernetes_jobs: Iterable[KubernetesJob], pods: Iterable[Pod], count: int, now: float, patience: float
) -> int:
    """Return how many of `count` consumers must be stand-ins, which run on on-demand machines.

    Stand-ins replace pods that have found no spot machine for `patience` seconds. `now`: Unix time, seconds.
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


def is_queued(job: KubernetesJob) -> bool:
    """True if Kueue manages the Kubernetes Job. If its parallelism changes, Kueue restarts the Kubernetes Job."""
    return f"{KUEUE}/queue-name" in (job["metadata"].get("labels") or {})


def start_of(job: KubernetesJob) -> float:
    """Return the Unix time from which the pods of a Kubernetes Job may start. Also accepts a pod.

    Kueue suspends a Kubernetes Job until Kueue admits it. The Job controller sets `startTime` when the Kubernetes Job
    continues.
    """
    status, meta = job.get("status") or {}, job["metadata"]
    return seconds_of(status.get("startTime") or meta.get("creationTimestamp"))


@dataclass(frozen=True, slots=True)
class _Places:
    """The places for consumers in one Kubernetes Job. The parallelism permits one pod for each place."""

    job: KubernetesJob
    #: Number of pods that the Job controller may run at the same time.
    parallelism: int
    #: Number of indexes that are not completed.
    open: int
    #: Number of pods that run or start.
    live: int
    #: Number of consumers that run now, or that will start even if the Kubernetes Job is not changed.
    serving: int
    #: True if the parallelism must not be changed: Kueue manages the Kubernetes Job, or the Kubernetes Job is
    #: suspended.
    fixed: bool

    @classmethod
    def of(cls, job: KubernetesJob, pods: Iterable[Pod], now: float) -> _Places:
        spec, meta = job["spec"], job["metadata"]
        mine: dict[int, list[Pod]] = defaultdict(list)
        for pod in pods:
            if meta["uid"] in _owners(pod):
                mine[int(pod["metadata"].get("annotations", {}).get(_INDEX, -1))].append(pod)
        done = set(parse_indexes(job["status"].get("completedIndexes", "")))
        waiting = [index for index in range(int(spec["completions"])) if index not in done]
        live = sum(any(map(is_live, mine.get(index, []))) for index in waiting)
        parallelism = int(spec.get("parallelism", spec["completions"]))
        target, fixed = min(parallelism, len(waiting)), bool(is_queued(job) or spec.get("suspend"))
        born = max(start_of(job), float((meta.get("annotations") or {}).get(RAISED, 0)))
        serving = max(target, live)
        if not fixed and now - born >= _YOUNG_SECONDS:
            serving -= _count_in_back_off(job, [mine.get(index, []) for index in waiting], target - live)
        return cls(job, parallelism, len(waiting), live, serving, fixed)

    @property
    def taken(self) -> int:
        """Number of places to subtract from the maximum number of consumers of all size classes."""
        return max(min(self.parallelism, self.open) if self.fixed else self.parallelism, self.live)

    def give_up(self, surplus: int) -> Resize | None:
        """Return the resize that removes places without a consumer; None if no place can be removed.

        Places in which a consumer will start soon are removed too, but at most `surplus` of them.
        """
        wanted = self.serving - min(surplus, self.serving - self.live)
        return None if self.fixed or wanted >= self.parallelism else self._resize(wanted, 0)

    def use_again(self, missing: int, now: float) -> Resize | None:
        """Return the resize that again adds places for consumers after a back-off; None if no place can be added now.

        `missing`: number of missing consumers; at most this many places are added. `now`: Unix time, seconds.
        """
        lowered = float((self.job["metadata"].get("annotations") or {}).get(LOWERED, 0))
        more = min(missing, self.open - self.parallelism)
        if self.fixed or more <= 0 or now - lowered < _BACK_OFF_SECONDS:
            return None
        return self._resize(self.parallelism + more, more)

    def _resize(self, parallelism: int, starts: int) -> Resize:
        meta = self.job["metadata"]
        return Resize(meta["name"], meta["resourceVersion"], parallelism, starts)


def _count_in_back_off(job: KubernetesJob, pods_of_indexes: Sequence[Sequence[Pod]], gap: int) -> int:
    """Return how many of `gap` missing pods wait for Kubernetes' back-off, because their consumers died.

    `pods_of_indexes`: the pods of each unfinished index. A pod that was never created does not count, because
    Kubernetes creates it when the obstacle, for example a quota, is removed.
    """
    dead = [pods for pods in pods_of_indexes if pods and not any(map(is_live, pods))]
    broken = sum(exit_code(max(pods, key=_created)) not in _REPLACED_CODES for pods in dead)
    failures = max(int(job["status"].get("failed") or 0), len(dead))
    given_up = max(0, len(pods_of_indexes) - int(job["spec"].get("parallelism", len(pods_of_indexes))))
    return max(0, min(gap - broken, failures - broken - given_up))


def _count_done(job: KubernetesJob) -> int:
    return len(parse_indexes(job["status"].get("completedIndexes", "")))


def _owners(pod: Pod) -> set[str]:
    return {str(owner.get("uid")) for owner in pod["metadata"].get("ownerReferences") or []}


def _created(pod: Pod) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def _generation(job: KubernetesJob) -> int:
    return int(job["metadata"]["labels"].get(f"{LABEL}/generation", 0))


def _class(job: KubernetesJob) -> str:
    return str(job["metadata"]["labels"].get(f"{LABEL}/class", ""))


def _is_stand_in(job: KubernetesJob) -> bool:
    return bool(job["metadata"]["labels"].get(MACHINES) == ON_DEMAND)


def parse_indexes(text: str) -> list[int]:
    """Return the numbers in a text such as `0-3,7`."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found
