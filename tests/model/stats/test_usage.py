"""The use of an attempt over time: its points, its JSON form, and its curve."""

from __future__ import annotations

import json

import pytest

from kubeque.model.stats.usage import MAX_POINTS, Point, Usage, draw_curve, read_usage


def test_a_full_curve_is_halved_and_keeps_means_and_peaks() -> None:
    usage, sizes = Usage(), []
    for number in range(1000):
        usage = usage.add(Point(number + 1.0, float(number % 2), number))
        sizes.append(len(usage.points))
    assert max(sizes) < MAX_POINTS
    assert min(sizes[MAX_POINTS:]) == MAX_POINTS // 2
    assert usage.points[-1].seconds == 1000
    assert usage.mean_cpu == pytest.approx(0.5, abs=0.01)
    assert max(point.memory for point in usage.points) == 999


def test_gpus_that_were_not_measured_are_not_zeros() -> None:
    usage = Usage().add(Point(1.0, 1.0, 5)).with_gpu(0.5, 1 << 30).add(Point(6.0, 0.2, 7))
    assert (usage.mean_gpu, usage.mean_memory) == (0.5, 6)
    assert usage.to_wire() == {
        "seconds": [1.0, 6.0], "cpu": [1.0, 0.2], "memory": [5, 7], "gpu": [0.5, None], "gpu_memory": [1 << 30, None],
    }  # fmt: skip
    assert read_usage(json.loads(json.dumps(usage.to_wire()))) == usage
    assert Usage((Point(2.0, 1.0, 5),)).to_wire() == {"seconds": [2.0], "cpu": [1.0], "memory": [5]}


def test_the_mean_gpu_use_counts_each_second_once_also_after_points_are_merged() -> None:
    # Given points of one second with idle GPUs, each before nine seconds with one busy GPU
    usage = Usage()
    for number in range(MAX_POINTS - 1):
        usage = usage.add(Point(10.0 * (number // 2) + (1 if number % 2 == 0 else 10), 1.0, 5))
        usage = usage.with_gpu(float(number % 2), 1 << 30)
    assert len(usage.points) == MAX_POINTS - 1
    before = usage.mean_gpu
    assert before == pytest.approx(0.9, abs=0.01)

    merged = usage.add(Point(1000.0, 1.0, 5)).with_gpu(0.0, 1)

    assert len(merged.points) == MAX_POINTS // 2
    assert merged.mean_gpu == pytest.approx(before, abs=0.01)
    assert merged.points[0].gpu == pytest.approx(0.9)


@pytest.mark.parametrize(
    "wire",
    [
        None, [], {}, {"seconds": []}, {"seconds": [1], "cpu": [1]}, {"seconds": [1], "cpu": [1, 2], "memory": [1]},
        {"seconds": [2, 1], "cpu": [1, 1], "memory": [1, 1]}, {"seconds": [1], "cpu": ["1"], "memory": [1]},
        {"seconds": [0], "cpu": [1], "memory": [1]}, {"seconds": [1], "cpu": [float("nan")], "memory": [1]},
        {"seconds": [1], "cpu": [-1], "memory": [1]}, {"seconds": [1], "cpu": [True], "memory": [1]},
        {"seconds": [1], "cpu": [1], "memory": [1 << 60]}, {"seconds": [1], "cpu": [1], "memory": [1], "gpu": 5},
        {"seconds": list(range(1, 1000)), "cpu": [1] * 999, "memory": [1] * 999},
    ],
)  # fmt: skip
def test_a_forged_use_is_no_use(wire: object) -> None:
    assert read_usage(wire) is None


def test_a_curve_begins_at_zero_and_fits() -> None:
    assert draw_curve([0, 1, 2, 4, 8], 10) == "▁▂▃▅█"
    assert draw_curve([0.0, 0.0], 10) == "▁▁"
    assert draw_curve([1.0, None, 1.0], 10) == "█ █"
    assert draw_curve([], 10) == ""
    long = draw_curve(list(range(200)), 30)
    assert (len(long), long[0], long[-1]) == (29, "▁", "█")
    assert sorted(long) == list(long)
