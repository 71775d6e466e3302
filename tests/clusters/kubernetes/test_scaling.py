"""The number of consumers that are started, and how they are started."""

from __future__ import annotations

from typing import Any

import pytest

from kubeque.clusters.kubernetes.scaling import Create, Grow, count_stand_ins, count_wanted, parse_indexes, plan
from kubeque.model.job.job import Job
from kubeque.model.job.shape_growth import grow_shapes
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import Tally
from kubeque.model.quantities import MI

GI = 1024 * MI
NOW = 1_000_000_000.0
LONG_AGO, JUST_NOW = "2001-09-09T00:00:00Z", "2001-09-09T01:46:35Z"


def kjob(
    completions: int, *, done: str = "", over: bool = False, generation: int = 1, born: str = LONG_AGO, **spec: Any
) -> Any:
    return {
        "metadata": {
            "name": f"kq-{generation}", "uid": f"j{generation}", "resourceVersion": "7", "creationTimestamp": born,
            "labels": {"kubeque/generation": str(generation)},
        },
        "spec": {"completions": completions, **spec},
        "status": {"completedIndexes": done, "conditions": [{"type": "Complete", "status": "True"}] if over else []},
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
    assert plan([kjob(4)], [pod(0), pod(1), pod(2), pod(3)], 1, NOW) is None  # never shrinks
    assert plan([kjob(3, born=JUST_NOW)], [], 3, NOW) is None  # its pods are on their way


def test_an_index_in_back_off_is_made_up_for() -> None:
    seen = [pod(0), pod(1, "Failed", 143), pod(2, "Failed", 137)]
    assert plan([kjob(3)], seen, 3, NOW) == Grow("kq-1", "7", 5, 2)
    assert plan([kjob(3)], [pod(0), pod(1)], 3, NOW) == Grow("kq-1", "7", 4, 1)  # its pod was deleted


def test_those_that_left_for_want_of_work_are_missed_when_work_comes_back() -> None:
    assert plan([kjob(4, done="0-2")], [pod(3)], 3, NOW) == Grow("kq-1", "7", 6, 2)


def test_a_consumer_that_cannot_work_is_not_multiplied() -> None:
    assert plan([kjob(2)], [pod(0, "Failed", 2), pod(1, "Failed", 1)], 2, NOW) is None


def test_a_task_that_waits_when_all_indexes_are_completed_gets_one_more() -> None:
    assert plan([kjob(2, done="0-1")], [], 1, NOW) == Grow("kq-1", "7", 3, 1)


def test_who_is_drained_three_times_never_waits_for_the_back_off() -> None:
    drained = [pod(at, "Failed", 143) for at in range(3)]
    for times in (1, 2, 3):
        assert plan([kjob(times)], drained[:times], 1, NOW) == Grow("kq-1", "7", times + 1, 1)


def test_growth_has_an_end() -> None:
    assert plan([kjob(140)], [], 2, NOW) is None


def test_who_is_suspended_waits() -> None:
    assert plan([kjob(2, suspend=True)], [], 2, NOW) is None


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
    assert plan([waiting, on_demand(2, 2)], died, 2, NOW, on_demand=True) == Grow("kq-2", "7", 3, 1)


def test_stand_ins_do_not_make_up_for_spot_machines_that_were_taken_away() -> None:
    seen = [pod(0, "Failed", 143), pod(0, generation=2)]
    assert plan([kjob(1), on_demand(1, 2)], seen, 1, NOW) == Grow("kq-1", "7", 2, 1)
    assert plan([kjob(1, over=True), on_demand(1, 2)], seen, 1, NOW) == Create(3, 1)


@pytest.mark.parametrize(("text", "numbers"), [("", []), ("3", [3]), ("0-2,5", [0, 1, 2, 5])])
def test_completed_indexes_are_read(text: str, numbers: list[int]) -> None:
    assert parse_indexes(text) == numbers


def test_each_class_is_served_by_as_many_as_it_has_tasks_and_the_job_wants() -> None:
    job = Job("j", "u", 100, "", consumers=5, shapes=grow_shapes(Shape(GI), 4 * GI))
    waiting = {0: Tally(ok=3, pending=90, running=3), 1: Tally(pending=2), 2: Tally(ok=2)}
    assert count_wanted(job, waiting) == {0: 5, 1: 2}


def test_below_the_floor_nothing_is_started() -> None:
    job = Job("j", "u", 100, "", consumers=5, shapes=grow_shapes(Shape(GI), 4 * GI), floor=1)
    assert count_wanted(job, {0: Tally(pending=3), 1: Tally(pending=1)}) == {1: 4}
