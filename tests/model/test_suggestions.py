"""The known name that a user probably meant."""

from __future__ import annotations

import pytest

from kubeque.model.suggestions import find_similar

COLUMNS = ["site", "lr", "out.loss", "out.validation_loss", "task_timeout", "exit_code"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sit", ["site"]),
        ("SITE", ["site"]),
        ("loss", ["out.loss", "out.validation_loss"]),
        ("--task-timeout", ["task_timeout"]),
        ("exit", ["exit_code"]),
        ("st", ["site"]),
        ("", []),
        ("zzz", []),
        ("t", []),
    ],
)
def test_similar_names_come_first_and_others_not_at_all(name: str, found: list[str]) -> None:
    assert find_similar(name, COLUMNS, 3) == found
