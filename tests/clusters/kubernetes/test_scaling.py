"""The number of consumers that are started, and how they are started."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubeque.clusters.kubernetes.consumer_shares import count_wanted
from kubeque.clusters.kubernetes.scaling import (
    LOWERED,
    RAISED,
    Create,
    Resize,
    count_stand_ins,
    parse_indexes,
    plan,
)
from kubeque.model.job.counts import Tally
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape, grow_shapes
from kubeque.model.quantities import MI

GI = 1024 * MI
NOW = 1_000_000_000.0
LONG_AGO, JUST_NOW = "2001-09-09T00:00:00Z", "2001-09-09T01:46:35Z"


def kjob(
    completions: int,
    *,
    done: str = "",
    over: bool = False,
    generation: int = 1,
    born: str = LONG_AGO,
    failed: int = 0,
    **spec: Any,
) -> Any:
    return {
        "metadata": {
            "name": f"kq-{generation}", "uid": f"j{generation}", "resourceVersion": "7", "creationTimestamp": born,
            "labels": {"kubeque/generation": str(generation)},
        },
        "spec": {"completions": completions, **spec},
        "status": {
            "completedIndexes": done, "failed": failed,
            "conditions": [{"type": "Complete", "status": "True"}] if over else [],
        },
    }  # fmt: skip


def pod(index: int, phase: str = "Running", code: int | None = None, generation: int = 1) -> Any:
    terminated = {"state": {"terminated": {"exitCode": code}}} if code is not None else {"state": {"running": {}}}
    return {
        "metadata": {
            "ownerReferences": [{"uid": f"j{generation}"}], "creationTimestamp": LONG_AGO,
            "annotations": {"batch.kubernetes.io/job-completion-index": str(index)},
        },
        "spec": {}, "status": {"phase": phase, "containerStatuses": [{"name": "task", **terminated}]},
    }  # fmt: skip


def test_the_first_consumers_get_a_kubernetes_job_and_the_next_generation_follows_one_that_is_over() -> None:
    assert plan([], [], 4, NOW) == Create(1, 4)
    assert plan([kjob(4, over=True, generation=3)], [], 2, NOW) == Create(4, 2)


def test_enough_is_left_alone() -> None:
    assert plan([kjob(2)], [pod(0), pod(1)], 2, NOW) is None
    assert plan([kjob(4)], [pod(0), pod(1), pod(2), pod(3)], 1, NOW) is None  # never ends a running consumer
    assert plan([kjob(3, born=JUST_NOW)], [], 3, NOW) is None  # its pods are on their way


def follow(jobs: list[Any], pods: list[Any], count: int, **how: Any) -> list[Create | Resize]:
    """Return all plans, each based on the Kubernetes Jobs that the plans before it leave."""
    plans: list[Create | Resize] = []
    while (step := plan(jobs, pods, count, NOW, **how)) is not None:
        plans.append(step)
        if isinstance(step, Create):
            jobs = [*jobs, kjob(step.count, generation=step.generation, born=JUST_NOW)]
        else:
            found = next(j for j in jobs if j["metadata"]["name"] == step.name)
            found["spec"]["parallelism"] = step.parallelism
            found["metadata"].setdefault("annotations", {})[RAISED if step.starts else LOWERED] = f"{NOW}"
    assert len(plans) < 10
    return plans


def test_the_place_of_an_index_in_back_off_goes_to_a_further_kubernetes_job() -> None:
    seen = [pod(0), pod(1, "Failed", 143), pod(2, "Failed", 137)]
    assert follow([kjob(3)], seen, 3) == [Resize("kq-1", "7", 1, 0), Create(2, 2)]
    deleted = kjob(3, failed=1)
    assert follow([deleted], [pod(0), pod(1)], 3) == [Resize("kq-1", "7", 2, 0), Create(2, 1)]


def test_a_place_is_used_again_after_the_back_off() -> None:
    old = kjob(3, failed=1, parallelism=2)
    old["metadata"]["annotations"] = {LOWERED: f"{NOW - 100}"}
    assert follow([old], [pod(0), pod(1)], 3) == [Resize("kq-1", "7", 3, 1)]
    old = kjob(3, failed=1, parallelism=2)
    old["metadata"]["annotations"] = {LOWERED: f"{NOW - 5}"}
    assert follow([old], [pod(0), pod(1)], 3) == [Create(2, 1)]


def test_pods_that_a_quota_refuses_are_on_their_way() -> None:
    assert plan([kjob(4)], [pod(0)], 4, NOW) is None
    assert plan([kjob(4)], [], 4, NOW) is None


def test_those_that_left_for_want_of_work_are_missed_when_work_comes_back() -> None:
    assert follow([kjob(4, done="0-2")], [pod(3)], 3) == [Resize("kq-1", "7", 1, 0), Create(2, 2)]


def test_a_consumer_that_cannot_work_is_not_multiplied() -> None:
    assert plan([kjob(2)], [pod(0, "Failed", 2), pod(1, "Failed", 1)], 2, NOW) is None


def test_a_consumer_that_is_drained_three_times_never_waits_for_the_back_off() -> None:
    jobs = [kjob(1, generation=at, failed=1, parallelism=0) for at in (1, 2)]
    for job in jobs:
        job["metadata"]["annotations"] = {LOWERED: f"{NOW - 5}"}
    drained = [pod(0, "Failed", 143, generation=at) for at in (1, 2, 3)]
    assert follow([*jobs, kjob(1, generation=3)], drained, 1) == [Resize("kq-3", "7", 0, 0), Create(4, 1)]


def test_growth_has_an_end() -> None:
    assert plan([kjob(2, over=True, generation=140)], [], 2, NOW) is None


@pytest.mark.parametrize("count", [4, 6])
def test_all_classes_and_generations_together_stay_within_the_bound(count: int) -> None:
    small, large = labelled(kjob(3), 0), labelled(kjob(1, generation=9), 1)
    pods = [pod(0), pod(1), pod(2), pod(0, generation=9)]
    step = plan([small, large], pods, count, NOW, size_class="1", most=5)
    assert step == Create(10, 1)  # one place is left
    assert plan([small, large], pods, count, NOW, size_class="1", most=4) is None


def test_a_class_gets_the_places_that_a_different_class_no_longer_uses() -> None:
    small = labelled(kjob(4, done="0-2"), 0)
    plans = follow([small], [pod(3)], 2, size_class="1", most=4)
    assert plans[0] == Resize("kq-1", "7", 1, 0)


def test_fewer_wanted_consumers_give_up_the_places_without_a_pod() -> None:
    assert follow([kjob(4)], [pod(0)], 2) == [Resize("kq-1", "7", 2, 0)]


def labelled(job: Any, size_class: int) -> Any:
    job["metadata"]["labels"]["kubeque/class"] = str(size_class)
    return job


def queued(completions: int, **how: Any) -> Any:
    made = kjob(completions, **how)
    made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "nightly"
    return made


def test_a_kubernetes_job_of_kueue_is_never_resized() -> None:
    assert plan([queued(4, failed=2)], [pod(0), pod(1), pod(2, "Failed", 143)], 4, NOW) is None  # back-off
    assert plan([queued(2)], [pod(0), pod(1)], 4, NOW) == Create(2, 2)  # partly admitted
    assert plan([queued(2), queued(2, generation=2, suspend=True)], [pod(0), pod(1)], 4, NOW) is None
    assert plan([queued(4, suspend=True)], [], 2, NOW) is None


def test_the_age_of_a_kubernetes_job_counts_from_its_admission() -> None:
    job = kjob(2, failed=2)
    job["status"]["startTime"] = JUST_NOW
    assert plan([job], [], 2, NOW) is None


def homeless(index: int) -> Any:
    found = pod(index, "Pending")
    found["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    return found


def on_demand(completions: int, generation: int, **how: Any) -> Any:
    made = kjob(completions, generation=generation, **how)
    made["metadata"]["labels"]["kubeque/machines"] = "on-demand"
    return made


def test_those_who_wait_for_spot_machines_for_too_long_get_stand_ins_on_others() -> None:
    seen = [pod(0), homeless(1), homeless(2)]
    assert count_stand_ins([kjob(3)], seen, 3, NOW, 300) == 2
    assert count_stand_ins([kjob(3)], seen, 2, NOW, 300) == 1  # less is left to do
    assert count_stand_ins([kjob(3)], seen, 1, NOW, 300) == 0
    assert count_stand_ins([kjob(3)], seen, 3, NOW, 1e9) == 0  # not yet
    assert count_stand_ins([kjob(3)], [pod(0), pod(1), pod(2, "Pending")], 3, NOW, 300) == 0  # it has a node


def test_stand_ins_are_started_once_and_counted_apart() -> None:
    waiting, seen = kjob(2), [homeless(0), homeless(1)]
    assert plan([waiting], seen, 2, NOW, on_demand=True) == Create(2, 2)
    both = [*seen, pod(0, generation=2), pod(1, generation=2)]
    assert plan([waiting, on_demand(2, 2)], both, 2, NOW, on_demand=True) is None
    assert plan([waiting, on_demand(2, 2)], both, 2, NOW) is None
    assert count_stand_ins([waiting, on_demand(2, 2)], both, 2, NOW, 300) == 2
    died = [*seen, pod(0, generation=2), pod(1, "Failed", 143, generation=2)]
    assert plan([waiting, on_demand(2, 2)], died, 2, NOW, on_demand=True) == Resize("kq-2", "7", 1, 0)


def test_stand_ins_do_not_make_up_for_spot_machines_that_were_taken_away() -> None:
    seen = [pod(0, "Failed", 143), pod(0, generation=2)]
    assert plan([kjob(1), on_demand(1, 2)], seen, 1, NOW) == Resize("kq-1", "7", 0, 0)
    assert plan([kjob(1, over=True), on_demand(1, 2)], seen, 1, NOW) == Create(3, 1)


@pytest.mark.parametrize(("text", "numbers"), [("", []), ("3", [3]), ("0-2,5", [0, 1, 2, 5])])
def test_completed_indexes_are_read(text: str, numbers: list[int]) -> None:
    assert parse_indexes(text) == numbers


def test_the_consumers_are_divided_among_the_classes() -> None:
    job = Job("j", "u", 100, "", consumers=5, shapes=grow_shapes(Shape(GI), 4 * GI))
    waiting = {0: Tally(ok=3, pending=90, running=3), 1: Tally(pending=2), 2: Tally(ok=2)}
    assert count_wanted(job, waiting) == {0: 4, 1: 1}
    few = {0: Tally(pending=1), 1: Tally(pending=2)}
    assert count_wanted(job, few) == {0: 1, 1: 2}
    assert count_wanted(replace(job, consumers=1), waiting) == {0: 1}
    assert count_wanted(replace(job, consumers=40), waiting) == {0: 39, 1: 1}


def test_below_the_floor_nothing_is_started() -> None:
    job = Job("j", "u", 100, "", consumers=5, shapes=grow_shapes(Shape(GI), 4 * GI), floor=1)
    assert count_wanted(job, {0: Tally(pending=3), 1: Tally(pending=1)}) == {1: 4}
