"""The rule of a job's name."""

from __future__ import annotations

from typing import Any

import pytest

from kubeque.model.errors import UserError
from kubeque.model.sweep.job_name import check_name, readable_name


@pytest.mark.parametrize("name", ["nightly", "a b", "x.y-z_1", "модель", "训练", "é" * 100, "x" * 200, "100%"])
def test_a_good_name(name: str) -> None:
    assert check_name(name) == name


def test_a_random_name_is_good() -> None:
    assert check_name(readable_name())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "it is empty"),
        (" x", "it begins with a dot, a hyphen or a blank"),
        (".nightly", "it begins with a dot"),
        (".cas", "it begins with a dot"),
        ("..", "it begins with a dot"),
        ("@", "commands read it as a recent job"),
        ("@2", "commands read it as a recent job"),
        ("-x", "it begins with a dot, a hyphen"),
        ("--uid=1", "it begins with a dot, a hyphen"),
        ("a/b", "it has a / or"),
        ("a\\b", "it has a / or"),
        ("a\nb", "cannot be printed"),
        ("a\x1b[2J", "cannot be printed"),
        ("a\x9b2J", "cannot be printed"),
        ("a\u202eb", "cannot be printed"),
        ("a\ud800", "cannot be printed"),
        ("é" * 101, "longer than 200 bytes"),
        ("x" * 100_000, "longer than 200 bytes"),
        (7, "it is not a text"),
        (b"x", "it is not a text"),
    ],
)
def test_a_bad_name_is_told_in_one_short_line(name: Any, told: str) -> None:
    with pytest.raises(UserError) as caught:
        check_name(name)
    line = str(caught.value)
    assert told in line
    assert "choose another name" in line
    assert line.isprintable()
    assert len(line) < 250
