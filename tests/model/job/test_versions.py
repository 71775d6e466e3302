"""Versions of kubeque in order."""

from __future__ import annotations

import pytest

from kubeque import __version__
from kubeque.model.compatibility.versions import BASE_NEEDS, how_to_install, is_older, tag_version, warn_of_difference


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


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("kubeque-consumer:0.2.0", "0.2.0"), ("registry.example:5000/kubeque-consumer:0.3", "0.3"),
        ("r/c:0.2.0@sha256:00", "0.2.0"), ("r/c:0.2.0-rc1", "0.2.0-rc1"), ("r/c:latest", ""), ("r/c", ""),
        ("registry.example:5000/c", ""), ("r/c@sha256:00", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_tag_of_an_image_tells_its_version(image: str, version: str) -> None:
    assert tag_version(image) == version


def test_only_another_version_is_named() -> None:
    assert warn_of_difference("its consumers run", "0.2.0", "0.2.0") == ""
    assert warn_of_difference("its consumers run", "", "0.2.0") == ""
    line = "its consumers run kubeque 0.1.9, but this program is kubeque 0.2.0: install one version everywhere"
    assert warn_of_difference("its consumers run", "0.1.9", "0.2.0") == line


def test_the_command_that_installs_names_the_version() -> None:
    assert how_to_install("0.3") == "pip install 'kubeque>=0.3'"
