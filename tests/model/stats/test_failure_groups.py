"""Failures are grouped by cause and by what their messages have in common."""

from __future__ import annotations

import pytest

from kubeque.model.job.causes import Cause
from kubeque.model.job.task import Outcome
from kubeque.model.stats.failure_groups import NAMED, Group, Groups, mark_message


def grouped(*messages: str, cause: Cause = Cause.EXIT) -> list[Group]:
    groups = Groups()
    for index, message in enumerate(messages):
        groups.add(Outcome(index, 1, cause, 1, message=message), {"n": str(index)})
    return groups.largest()


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        ("exit code 1: row 17 failed", "exit code 1: row 18 failed", "exit code 1: row # failed"),
        ("loss is 0.25", "loss is 12.5", "loss is #"),
        ("at 0x7f3a: bad", "at 0x80bc: bad", "at #: bad"),
        ("cannot read part-00017.csv", "cannot read part-00018.csv", "cannot read part-#.csv"),
        ("object 9f86d081884c is gone", "object 60303ae22b99 is gone", "object # is gone"),
    ],
)
def test_messages_that_differ_in_numbers_are_one_group(one: str, other: str, shown: str) -> None:
    (group,) = grouped(one, other)

    assert (group.count, group.message) == (2, shown)
    assert group.first == [(0, {"n": "0"}), (1, {"n": "1"})]


def test_a_number_that_all_have_stays() -> None:
    assert [group.message for group in grouped("still running after 120 s", "still running after 120 s")] == [
        "still running after 120 s"
    ]


def test_other_words_and_other_causes_are_other_groups_the_largest_first() -> None:
    groups = Groups()
    for cause, message in ((Cause.EXIT, "a 1"), (Cause.EXIT, "b 1"), (Cause.EXIT, "b 2"), (Cause.OOM, "b 1")):
        groups.add(Outcome(0, 1, cause, message=message), {})

    assert [(g.cause, g.message, g.count) for g in groups.largest()] == [
        (Cause.EXIT, "b #", 2), (Cause.EXIT, "a 1", 1), (Cause.OOM, "b 1", 1),
    ]  # fmt: skip


def test_a_million_different_messages_are_some_dozens_of_groups() -> None:
    groups = grouped(*(f"no two alike {'x' * n}" for n in range(300)))

    assert len(groups) < 100
    assert sum(group.count for group in groups) == 300
    assert (groups[0].message, groups[0].count) == ("other messages", 250)
    assert len(groups[0].first) == NAMED


def test_a_message_belongs_to_the_group_with_its_mark() -> None:
    marks = [group.mark for group in grouped("row 3: 5.5 is bad", "row 4: 5.5 is bad", "row 4: is worse")]
    assert mark_message("row 1000: 0x3f is bad") == marks[0]
    assert mark_message("row 1: is worse") == marks[1]
    assert len({*marks, mark_message("row: 1 is bad")}) == 3


def test_a_group_names_its_lowest_indexes_and_the_lowest_of_equal_groups_is_first() -> None:
    groups = Groups()
    for index in (60, 70, 80, 90, 95, 50, 55):  # a task that moved to another size class is read after its block
        groups.add(Outcome(index, 1, Cause.OOM, 1), {})
    for index in range(7):
        groups.add(Outcome(index, 1, Cause.EXIT, 1), {})

    first, second = groups.largest()

    assert (first.cause, [index for index, _ in second.first]) == (Cause.EXIT, [50, 55, 60, 70, 80])
