"""Docstrings, comments, messages and docs are plain technical English."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.phrases import Report, find_hits, read_rules


@pytest.fixture(scope="module")
def report() -> Report:
    return Report(read_rules())


def test_no_text_has_a_rejected_phrase(report: Report) -> None:
    assert len(report.paths) > 900
    assert [str(hit) for hit in report.list_rejected()] == []


def test_each_line_of_the_ignore_file_is_needed(report: Report) -> None:
    assert all(rule.reason for rule in report.rules)
    assert report.list_stale() == []


@pytest.mark.parametrize(
    ("source", "phrases"),
    [
        ('"""The one who waits."""', [(1, "who")]),
        ('"""A task.\n\nIt takes so\nlong."""', [(3, "so long")]),
        ("x = 1  # made anew", [(1, "anew")]),
        ("# it takes so\n# many tasks\nx = 1", [(1, "so many")]),
        ('raise ValueError(f"{x} is no number")', [(1, "is no number")]),
        ('x = "there is no file"', []),
        ('x = "it is no longer here"', []),
        ('def f():\n    """Does it run?"""', [(2, "Does it run?")]),
        ('def f():\n    """What runs."""', [(2, "What")]),
        ('def f():\n    """Return what runs."""', []),
        ("#: What runs.\nx = 1", [(1, "What")]),
        ("# What runs.\nx = 1", []),
        ('option("--x", help="Let it run.")', [(1, "Let")]),
        ('option("--x", help="A time, as in `30m`.")', [(1, "as in `30m")]),
        ("whole = shallow = 1", []),
    ],
)
def test_a_rejected_phrase_is_found(source: str, phrases: list[tuple[int, str]]) -> None:
    assert [(hit.line, hit.phrase) for hit in find_hits(Path("kubeque/x.py"), source)] == phrases


def test_the_strings_of_a_test_may_hold_anything() -> None:
    assert list(find_hits(Path("tests/test_x.py"), 'x = "who is it"')) == []


def test_a_text_file_is_searched_as_a_whole() -> None:
    hits = list(find_hits(Path("docs/x.md"), "Fine.\n\nWho\nwaits but\nfor it.\n"))
    assert [(hit.line, hit.phrase) for hit in hits] == [(3, "Who"), (4, "but for")]
