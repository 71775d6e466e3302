"""Tables on a narrow screen keep the important columns, and a note names the omitted columns."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from kubeque.cli.output.table import Table
from kubeque.cli.output.terminal import wrap_words

HEADERS = ["index", "lr", "state", "cause", "seconds", "files", "out.loss"]
ROWS = [[str(index), "0.001", "ok", "ok", "12.50", "0", "0.4321"] for index in range(3)]


Printed = Callable[[Table, int, list[list[str]]], tuple[list[str], str]]


@pytest.fixture
def on_screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    """Return the lines of a table on a terminal with the given width, and the note below the table."""

    def print_table(table: Table, columns: int, rows: list[list[str]]) -> tuple[list[str], str]:
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda: True)
            patch.setattr(
                "kubeque.cli.output.terminal.shutil.get_terminal_size", lambda: os.terminal_size((columns, 24))
            )
            patch.setenv("NO_COLOR", "1")
            table.print(rows)
        captured = capsys.readouterr()
        return captured.out.splitlines(), captured.err

    return print_table


def test_bookkeeping_goes_before_results(on_screen: Printed) -> None:
    minor = ("files", "seconds", "cause", "state")
    table = Table(HEADERS, kept=frozenset({"index", "state", "cause"}), minor=minor)
    (head, *_), said = on_screen(table, 40, ROWS)
    assert head.split() == ["index", "lr", "state", "cause", "out.loss"]
    assert " ".join(said.split()) == "left out on this narrow screen: seconds, files; --json prints all"


def test_a_name_that_the_user_types_again_is_never_cut(on_screen: Printed) -> None:
    name = "nightly-sweep-of-all-sites-2026-11-29"
    table = Table(["job", "state", "tasks"], kept=frozenset({"state"}), whole=frozenset({"job"}))
    (_, line), said = on_screen(table, 30, [[name, "running", "10"]])
    assert line.split() == [name, "runni…"]
    assert " ".join(said.split()) == "left out on this narrow screen: tasks; --json prints all"


def test_numbers_and_states_are_not_cut_and_texts_stay_readable(on_screen: Printed) -> None:
    row = ["12", "0.001", "failed", "exit", "12.50", "0", "ValueError: the learning rate is too large"]
    table = Table(
        [*HEADERS[:-1], "message"], right=frozenset({"index", "seconds"}), kept=frozenset({"index", "state"}),
        minor=("files", "seconds", "cause", "message"),
    )  # fmt: skip
    (head, line), said = on_screen(table, 50, [row])
    assert head.split() == ["index", "lr", "state", "cause", "message"]
    assert line == "   12  0.001  failed  exit   ValueError: the lear…"
    assert " ".join(said.split()) == "left out on this narrow screen: seconds, files; --json prints all"


def test_long_lines_end_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "  4 x exit code 1: ModuleNotFoundError: No module named 'numpyy' (rows 24, 31)"
    monkeypatch.setattr("kubeque.cli.output.terminal.shutil.get_terminal_size", lambda: os.terminal_size((50, 24)))
    assert wrap_words(text, "    ") == text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert wrap_words(text, "    ").splitlines() == [
        "  4 x exit code 1: ModuleNotFoundError: No module", "    named 'numpyy' (rows 24, 31)",
    ]  # fmt: skip
