"""Text from outside is safe to print, whatever it contains."""

from __future__ import annotations

import json
import logging
import os

import pytest

from kubeque.model.job.causes import Cause
from kubeque.model.job.task import Outcome
from kubeque.model.stats.failure_groups import Groups
from kubeque.model.text import (
    escape_json,
    one_line,
    printable,
    quote_name,
    render_terminal,
    safe_text,
    strip_controls,
)
from kubeque.program_log import SafeFormatter


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (7, "7"),
        ("two\nlines\tand\u2028more", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "�[31mred�[0m"),
        ("right\u202eto left", "right�to left"),
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 19 + "…"),
        ("", ""),
    ],
)
def test_a_printable_value_is_one_line_without_control_characters(value: object, text: str) -> None:
    assert printable(value, 20) == text


def test_one_line_joins_the_lines_of_a_message() -> None:
    assert one_line("  denied:\r\n\n  no such\tproject \x1b[2J ", 80) == "denied: no such project �[2J"
    assert one_line(ValueError("a\nb"), 2) == "a…"


def test_a_quoted_name_is_one_line_even_if_it_is_not_unicode() -> None:
    assert quote_name("a\nb") == r"'a\nb'"
    assert quote_name(os.fsdecode(b"caf\xe9")) == r"b'caf\xe9'"


def test_strip_controls_removes_all_that_a_terminal_obeys() -> None:
    assert strip_controls("\x1b]0;title\x07\x1b[31mred\x1b[0m\x00 \x1b[2Jx\x9b2J\x1b]52;c;ZXZpbA==\x07") == "red x2J"
    assert strip_controls("a\x1b") == "a"
    assert strip_controls("a\tb\n\x1bPdata") == "a\tb\n"


def test_render_terminal_shows_the_last_state_of_a_progress_bar() -> None:
    assert render_terminal(" 10%\r 50%\r100% done\r\nnext\r\n") == "100% done\nnext\n"
    assert render_terminal("half\r") == "half"
    assert render_terminal("1\r\r2\r\r\n\r\n") == "2\n\n"


LONG = 1 << 19


@pytest.mark.parametrize(
    "unit", ["a", "\r", "a\r", "\x1b", "\x1b]", "\x1b[", "\x1bP", "\x1b[1;", "\x1b[1 /", "a-", "0a", "1.", "\t "]
)
@pytest.mark.parametrize("start", ["", "\x1b[", "\x1b]"])
def test_no_output_of_a_task_takes_long_to_read(unit: str, start: str) -> None:
    text = start + unit * (LONG // len(unit))
    # Quadratic time is minutes: then the time limit of the test ends it.
    for read in (render_terminal, strip_controls, one_line, printable, quote_name):
        read(text)
    Groups().add(Outcome(0, 1, Cause.EXIT, message=text), {})


HOSTILE = "a\0b\x1b]0;t\x07\x9b2J\u202ec\u2066d\u200fe\u2028f\rg\x7f"


def test_text_that_leaves_has_no_character_that_a_terminal_obeys() -> None:
    assert safe_text("é 中 😀\u200d\ttab\n") == "é 中 😀\u200d\ttab\n"
    assert safe_text(HOSTILE) == "a�b�]0;t��2J�c�d�e�f�g�"
    record = logging.LogRecord("kubeque", logging.INFO, "", 1, "%s", (HOSTILE,), None)
    assert SafeFormatter("%(message)s").format(record) == safe_text(HOSTILE)


def test_json_with_any_character_keeps_its_value() -> None:
    document = escape_json(json.dumps({HOSTILE: "é\U000e0001"}, ensure_ascii=False))
    assert json.loads(document) == {HOSTILE: "é\U000e0001"}
    assert safe_text(document) == document


@pytest.mark.parametrize("text", ["\x1b]", "\x1b[1", "\r", "\x1b", "\u202e", "x\x1bP"])
def test_text_is_made_safe_in_linear_time(text: str) -> None:
    # Quadratic time is minutes: then the time limit of the test ends it.
    for function in (safe_text, strip_controls, render_terminal, printable, one_line):
        function(text * 500_000)
