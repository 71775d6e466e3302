"""One line for each group of failures: the reason, the first rows and the number of the others."""

from __future__ import annotations

import sys

import pytest

from kubeque.model.job.causes import Cause
from kubeque.model.job.task import Outcome, TaskRecord
from kubeque.model.stats.failure_groups import Groups
from kubeque.model.stats.failure_text import format_groups, reason


def groups(*failures: tuple[int, Cause, str]) -> Groups:
    found = Groups()
    for index, cause, message in failures:
        found.add(Outcome(index, 1, cause, 1, message=message), {"lr": f"0.{index}", "index": str(index)})
    return found


def test_each_group_has_one_line_with_its_first_rows() -> None:
    found = groups(
        *((index, Cause.EXIT, f"exit code 1: ValueError: bad row {index}") for index in range(3, 8)),
        (10, Cause.OOM, "used 3G"),
        (11, Cause.OOM, "used 4G"),
        (20, Cause.TIMEOUT, ""),
    )
    assert list(format_groups(found.largest(), sys.maxsize)) == [
        "5 x exit code 1: ValueError: bad row # (rows 3, 4, 5 and 2 more)",
        "2 x oom: used #G (rows 10 and 11)",
        "1 x timeout (row 20 lr=0.20)",
    ]


def test_groups_without_a_line_of_their_own_are_counted() -> None:
    letters = "abcdefghijklmno"
    found = groups(*((at, Cause.EXIT, f"exit code 1: {letter * 3}") for at, letter in enumerate(letters)))
    *lines, last = format_groups(found.largest(), sys.maxsize)
    assert (len(lines), last) == (10, "5 x 5 other reasons")


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (100, "exit code 1: raise KeyError(name) | KeyError: 'lr'"),
        (40, "exit code 1: KeyError: 'lr'"),
    ],
)
def test_the_line_of_code_goes_first_where_there_is_no_room(limit: int, text: str) -> None:
    assert reason(Cause.EXIT, "exit code 1: raise KeyError(name) | KeyError: 'lr'", limit) == text


def test_the_queue_keeps_the_line_with_the_error_of_a_long_message() -> None:
    message = f"exit code 1: raise ValueError('{'x' * 150}') | ValueError: {'x' * 150}"
    outcome = TaskRecord().with_outcome(Outcome(0, 1, Cause.EXIT, 1, message=message), "owner").outcome
    assert outcome is not None
    assert outcome.message == f"exit code 1: ValueError: {'x' * 150}"


def test_control_characters_do_not_reach_the_screen() -> None:
    assert "\x1b" not in reason(Cause.SIGNAL, "ended \x1b[31m by \n SIGKILL", 100)
