"""Versions of kubeque in order."""

from __future__ import annotations

import pytest

from kubeque import __version__
from kubeque.model.job.versions import BASE_NEEDS, how_to_install, is_older


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [
        ("0.2.0", "0.2", False), ("0.2", "0.2.0", False), ("0.2.0", "0.2.1", True), ("0.9", "0.10", True),
        ("1.0", "0.99", False), ("0.2.0.dev1", "0.2", False), ("0.2rc1", "0.3", True), ("0.2", "next", True),
        ("next", "0.2", False), ("next", "later", False), ("", "0.2", False),
    ],
)  # fmt: skip
def test_versions_are_compared_by_their_numbers(version: str, than: str, older: bool) -> None:
    assert is_older(version, than) is older


def test_this_program_may_work_on_what_it_makes() -> None:
    assert not is_older(__version__, BASE_NEEDS)


def test_the_command_that_installs_names_the_version() -> None:
    assert how_to_install("0.3") == "pip install 'kubeque>=0.3'"
