"""The known name that a user probably meant."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from kubeque.cli.command_names import COMMANDS
from kubeque.model.suggestions import find_similar
from kubeque.model.sweep.options import OPTIONS

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


FLAGS = [flag for option in OPTIONS for flags in option.flags for flag in flags.split("/")]
JOBS = ["rf", "svm-wide", "calm-canyon-12743", "wise-river-208", "grid-2024"]
ROWS = ["lr", "seed", "batch_size", "flaky", "x", "count", "tree", "out.accuracy", "queries"]

#: Names with a typing mistake: the name, the known names, and the name that the user meant.
MISTYPED = [
    ("stauts", COMMANDS, "status"),  # exchanged
    ("shwo", COMMANDS, "show"),
    ("sbu", COMMANDS, "sub"),
    ("og", COMMANDS, "go"),
    ("fecth", COMMANDS, "fetch"),
    ("stats", COMMANDS, "status"),  # missing
    ("fetc", COMMANDS, "fetch"),
    ("etch", COMMANDS, "fetch"),
    ("klil", COMMANDS, "kill"),
    ("colect", COMMANDS, "collect"),
    ("wattch", COMMANDS, "watch"),  # doubled
    ("gcc", COMMANDS, "gc"),
    ("subb", COMMANDS, "sub"),
    ("WATCH", COMMANDS, "watch"),  # case
    ("Doctor", COMMANDS, "doctor"),
    ("log", COMMANDS, "logs"),  # singular, plural
    ("reports", COMMANDS, "report"),
    ("param", COMMANDS, "params"),
    ("kilk", COMMANDS, "kill"),  # wrong
    ("explsin", COMMANDS, "explain"),
    ("timelnie", COMMANDS, "timeline"),
    ("complteoin", COMMANDS, "completion"),
    ("--memmory", FLAGS, "--memory"),
    ("--Memory", FLAGS, "--memory"),
    ("--consumer", FLAGS, "--consumers"),
    ("--task_timeout", FLAGS, "--task-timeout"),
    ("--tsk-timeout", FLAGS, "--task-timeout"),
    ("--paralel", ["--parallel", "--push"], "--parallel"),
    ("--retry-cause", FLAGS, "--retry-causes"),
    ("--no-weight", FLAGS, "--no-wait"),
    ("fr", JOBS, "rf"),
    ("svn-wide", JOBS, "svm-wide"),
    ("calm-canion-12743", JOBS, "calm-canyon-12743"),
    ("wise-rivr-280", JOBS, "wise-river-208"),
    ("grid-2042", JOBS, "grid-2024"),
    ("gird-2024", JOBS, "grid-2024"),
    ("LR", ROWS, "lr"),
    ("X", ROWS, "x"),
    ("rl", ROWS, "lr"),
    ("lrr", ROWS, "lr"),
    ("sede", ROWS, "seed"),
    ("seeds", ROWS, "seed"),
    ("cnt", ROWS, "count"),
    ("batchsize", ROWS, "batch_size"),
    ("batch-sise", ROWS, "batch_size"),
    ("acuracy", ROWS, "out.accuracy"),
    ("out.acuracy", ROWS, "out.accuracy"),
    ("train.lr", ROWS, "lr"),
    ("query", ROWS, "queries"),
]

#: Names that have letters in common with known names, but are other words.
UNRELATED = [
    ("awk", ["flaky"]),
    ("awk", ROWS),
    ("sed", COMMANDS),
    ("grep", COMMANDS),
    ("cut", COMMANDS),
    ("cut", ["count"]),
    ("sum", ["sub"]),
    ("tar", ["trust"]),
    ("run", COMMANDS),
    ("python", COMMANDS),
    ("python", ["pytorch"]),
    ("create", ["rate"]),
    ("port", ["report"]),
    ("repeat", ["replay", "report"]),
    ("start", ["status"]),
    ("remove", ["resume"]),
    ("connect", ["collect"]),
    ("example", ["sample"]),
    ("timeline", ["timeout"]),
    ("results", ["reset"]),
    ("statistics", ["status"]),
    ("--verbose", FLAGS),
    ("--quiet", FLAGS),
    ("--threads", FLAGS),
    ("svm", ["sum", "rf"]),
    ("forest", JOBS),
    ("calm-river-1", ["wise-canyon-12743"]),
    ("mnist", JOBS),
    ("a", ["ab"]),
    ("depth", ROWS),
    ("width", ROWS),
    ("loss", ROWS),
    ("alpha", ["flaky", "lr"]),
    ("gpu", ["cpu", "group"]),
]


@pytest.mark.parametrize(("name", "known", "meant"), MISTYPED)
def test_a_typing_mistake_gives_the_name_that_was_meant(name: str, known: Iterable[str], meant: str) -> None:
    assert find_similar(name, known) == [meant]


@pytest.mark.parametrize(("name", "known"), UNRELATED)
def test_an_unrelated_word_gives_no_name(name: str, known: Iterable[str]) -> None:
    assert find_similar(name, known, 3) == []
