"""Spans and lanes: what a timeline is made of."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.job.causes import Cause
from kubeque.model.job.task import Attempt, Outcome, TaskRecord, TaskState, TaskView
from kubeque.model.stats.spans import By, Span, consumer_label, find_uncovered, lanes, spans


def span(index: int, start: float, seconds: float, *, consumer: str = "a", **more: float) -> Span:
    return Span("sweep", index, 1, consumer, Cause.OK, 0, start, seconds, **more)


def test_every_remembered_attempt_that_began_is_a_span() -> None:
    history = (
        Attempt(1, Cause.STORE, None, "anna", 0.0, 0.0),  # never began
        Attempt(2, Cause.OOM, None, "anna", 100.0, 5.0, 0.5, 0.25),
        Attempt(4, Cause.OK, 0, "bert", 200.0, 7.0),
    )
    view = TaskView(3, TaskState.OK, 0, TaskRecord(4, {}, history, Outcome(3, 4, Cause.OK)))

    assert list(spans("sweep", view)) == [
        Span("sweep", 3, 2, "anna", Cause.OOM, None, 100.0, 5.0, 0.5, 0.25),
        Span("sweep", 3, 4, "bert", Cause.OK, 0, 200.0, 7.0),
    ]


def test_only_what_sticks_out_of_other_work_is_uncovered() -> None:
    """The second task was staged in 4 s, of which the first one ran 3; storing the first took 2, of which 1 shows."""
    first, second = find_uncovered([span(1, 14.0, 5.0, staging=4.0), span(0, 0.0, 13.0, staging=2.0, saving=2.0)])

    assert (first.index, first.lead, first.trail) == (0, 2.0, 1.0)
    assert (second.index, second.lead, second.trail) == (1, 0.0, 0.0)


def test_a_consumer_that_waits_for_inputs_shows_it() -> None:
    _, second = find_uncovered([span(0, 0.0, 10.0), span(1, 16.0, 5.0, staging=5.0)])

    assert second.lead == 5.0


def test_lanes_by_consumer_by_task_and_by_job() -> None:
    found = [span(7, 0.0, 10.0), span(2, 1.0, 4.0, consumer="b"), span(2, 6.0, 4.0, consumer="b")]

    assert lanes(found, By.CONSUMER).of == (0, 1, 1)
    by_task = lanes(found, By.TASK)
    assert (by_task.labels, by_task.of) == (("sweep 2", "sweep 7"), (1, 0, 0))
    by_job = lanes(found, By.JOB)
    assert (by_job.labels, by_job.of) == (("sweep", "sweep (2)"), (0, 1, 1))


times = st.integers(0, 100).map(float)


@given(st.lists(st.builds(span, st.integers(0, 5), times, times, consumer=st.sampled_from("abc")), max_size=40))
def test_no_two_spans_of_a_lane_overlap(found: list[Span]) -> None:
    ordered = find_uncovered(found)
    for by in By:
        made = lanes(ordered, by)
        assert len(made.of) == len(ordered)
        for lane in range(len(made.labels)):
            inside = [s for s, of in zip(ordered, made.of, strict=True) if of == lane]
            assert inside, "a lane without spans"
            assert all(a.end + a.trail <= b.start - b.lead + 0.01 for a, b in itertools.pairwise(inside))


def test_a_consumer_is_named_so_that_it_fits_a_margin() -> None:
    assert consumer_label("local:0123456789:4711:99") == "process 4711"
    assert consumer_label("local:0123456789.3.node-7:4711:99") == "node-7 slot 3"
    assert consumer_label("pod:night-7:0a1b2c") == "night-7"
    assert consumer_label("anna") == "anna"


def test_the_consumers_of_a_slot_share_a_lane_with_the_name_of_host_and_slot() -> None:
    owners = ["local:aa.0.host:11:1", "local:aa.1.host:12:1", "local:aa.0.host:13:1", "local:aa:14:1", "local:aa:15:1"]
    found = find_uncovered([span(0, 10.0 * at, 1.0, consumer=owner) for at, owner in enumerate(owners)])
    made = lanes(found, By.CONSUMER)
    assert [made.labels[of] for of in made.of] == [
        "host slot 0", "host slot 1", "host slot 0", "process 14", "process 15",
    ]  # fmt: skip
    assert len(made.labels) == 4
